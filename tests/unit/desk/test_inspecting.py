"""The command beside each draft, run as it stands on another machine, finds what the desk counted."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.chains.families import SHIPPED_FAMILIES
from keepcool.cli import main as cli
from keepcool.core.registry import WalletRecord
from keepcool.desk import inspecting
from tests.fixtures.bitcoinrecords import OWN, POOL, bitcoin_record
from tests.unit.chains.bitcoin.psbt.samples import BOB, Coin, draft, funding
from tests.unit.desk import samples
from tests.unit.policy import test_minter_trial as minter

pytestmark = pytest.mark.slow

COIN = 10**8


@dataclass(frozen=True)
class Draft:
    record: WalletRecord
    raw: bytes


def evm() -> Draft:
    record = samples.record()
    return Draft(record, samples.draft(samples.intent(), record))


def minters() -> Draft:
    return Draft(minter.record(), minter.SEND.preimage())


def bitcoin(profile: str) -> Draft:
    record = bitcoin_record("w-b", profile=profile)
    wallet = wallet_of(record)

    def at(change: int, index: int) -> Owned:
        return wallet.owned(wallet.place(change, index))

    mine = at(0, 3)
    coin = Coin(funding(TxOutput(70_000, BOB), TxOutput(COIN, mine.locking.script_pubkey)), 1, mine)
    psbt = draft([coin], [TxOutput(COIN // 2, BOB)], {0: at(1, 5)})
    return Draft(record, encode_psbt(psbt))


DRAFTS = {
    "evm": evm(),
    "minter": minters(),
    "bitcoin, own": bitcoin(OWN),
    "bitcoin, pool": bitcoin(POOL),
}


@pytest.mark.parametrize("name", DRAFTS)
def test_the_command_finds_what_the_desk_counted(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a draft of each family, downloaded and inspected by the command shown: every byte is understood, and
    payments, digests and change are those that the desk shows."""
    one = DRAFTS[name]
    effects = SHIPPED_FAMILIES.named(one.record.family).decode(one.raw, one.record)
    sha256 = "ab" * 32
    file = tmp_path / inspecting.file_name(one.record, sha256)
    file.write_bytes(inspecting.file_bytes(one.record, one.raw))
    monkeypatch.chdir(tmp_path)
    words = shlex.split(inspecting.command(one.record, sha256, SHIPPED_FAMILIES))
    assert words[:2] == ["keepcool", "inspect"]
    assert cli.main([*words[1:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["effects"]
    assert found["payments"] == [
        {"recipient": paid.recipient, "asset": paid.amount.asset, "units": str(paid.amount.units)}
        for paid in effects.payments
    ]
    assert found["digests"] == ["0x" + digest.hex() for digest in effects.digests]
    assert len(found["change"]) == len(effects.change)
