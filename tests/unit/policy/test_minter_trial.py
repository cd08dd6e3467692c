"""A dry run of Minter: real drafts through the real decoder, judged under the page's policy."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.chains.minter import payouts
from keepcool.chains.minter.data import EditMultisig
from keepcool.chains.minter.family import MinterFamily
from keepcool.chains.minter.transaction import Transaction
from keepcool.chains.minter.wallets import shared_by
from keepcool.cli import policy as command
from keepcool.core import registry
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from tests.unit.policy.minter_samples import BIP, CAROL, DAVE, MINTER, RATE_MAX, USDTE
from tests.unit.policy.test_minter_document import TABLES, TEXT
from tests.unit.policy.test_trial import NOW_S, PUBLIC_KEYS

CREATOR = "Mx70808f79824d6cefc04d019d7ed29198a609e0d9"
WALLET = "Mxf334efd1e9e4f782d9639627e40ad14635d31f06"  # what this creator's first transaction makes
COIN = 10**18


def record(**changes: Any) -> WalletRecord:
    hot, cool, cold = (OwnerKey(role, key) for role, key in zip(Role, PUBLIC_KEYS, strict=True))
    made = WalletRecord(
        wallet=WalletId("w-m"), revision=2, previous=registry.NO_PREVIOUS, family="minter", network=MINTER,
        profile=f"multisig-v2:{CREATOR}:1", threshold=2, owners=(hot, cool, cold), address=WALLET,
        owner="u-1", user_key="", policy_class="", standing=Standing.PROVEN, made_at_s=1,
    )  # fmt: skip
    return replace(made, **changes)


def intent(*outputs: tuple[str, AssetId, int]) -> Intent:
    return Intent(
        IntentId("i-m"),
        Purpose.PAY if outputs else Purpose.VOID,
        MINTER,
        WalletId("w-m"),
        tuple(Output(recipient, Amount(asset, units)) for recipient, asset, units in outputs),
        Amount(BIP, COIN),
        NOW_S + 3600,
    )


ONE = intent((CAROL, BIP, 5 * COIN))
TWO = intent((CAROL, BIP, 5 * COIN), (DAVE, USDTE, 7 * COIN))
SEND = payouts.pay(network=MINTER, nonce=3, outputs=ONE.outputs)
MULTISEND = payouts.pay(network=MINTER, nonce=3, outputs=TWO.outputs)
BURN = payouts.burn(wallet=WALLET, network=MINTER, nonce=3)
OWNERS = replace(SEND, data=EditMultisig(shared_by(PUBLIC_KEYS, 1)))


def tried(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    draft: Transaction | dict[str, str],
    meant: Intent = ONE,
    **changes: Any,
) -> tuple[int, set[str]]:
    """The exit code, and the rules that denied."""
    asked = {
        "intent": json.loads(meant.encoded()),
        "draft": draft if isinstance(draft, dict) else draft.preimage().hex(),
        "record": json.loads(record().encoded()),
        "attested_by": ["keeper", "cooler"],
        "now_s": NOW_S,
        **changes,
    }
    (folder / "request.json").write_text(json.dumps(asked))
    (folder / "policy.toml").write_text(TEXT)
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    parsed = parser.parse_args(
        ["policy", "try", str(folder / "request.json"), "--policy", str(folder / "policy.toml"), "--json"]
    )
    code = int(parsed.run(parsed))
    rows = json.loads(capsys.readouterr().out)["verdicts"]
    return code, {row["rule"] for row in rows if row["outcome"] != "approved"}


@pytest.mark.parametrize(
    ("name", "draft", "meant"),
    [("a send", SEND, ONE), ("a multisend", MULTISEND, TWO), ("a burnt nonce", BURN, intent())],
)
def test_an_honest_draft_would_be_signed(
    name: str, draft: Transaction, meant: Intent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real bytes of each kind of draft pass every rule under the documented policy."""
    assert tried(tmp_path, capsys, draft, meant) == (0, set()), name


@pytest.mark.parametrize(
    ("name", "draft", "stopped_by"),
    [
        ("a gas price that burns the wallet", replace(SEND, gas_price=2**32 - 1), {"fee_rate"}),
        ("one above the ceiling", replace(SEND, gas_price=RATE_MAX + 1), {"fee_rate"}),
        ("a fee in another coin", replace(SEND, gas_coin=1993), {"fee_asset"}),
        ("a payload", replace(SEND, payload=b"x"), {"data_bytes"}),
        ("service data", replace(SEND, service_data=b"x"), {"data_bytes", "hazards"}),
        ("other owners", OWNERS, {"hazards", "selectors", "effects_equal_intent"}),
        ("another chain", replace(SEND, chain_id=2), {"hazards", "effects_equal_intent"}),
        ("a void instead", BURN, {"effects_equal_intent"}),
    ],
)
def test_a_hostile_draft_is_denied_by_name(
    name: str,
    draft: Transaction,
    stopped_by: set[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each field of a real draft that could cost the wallet is a rule's, and that rule says no."""
    code, denied = tried(tmp_path, capsys, draft)
    assert code == 1
    assert stopped_by <= denied, (name, denied)


def test_a_reserved_wallet_neither_pays_nor_is_paid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the record says of the payer, and as the request says of those paid."""
    reserved = json.loads(record(standing=Standing.RESERVED).encoded())
    assert tried(tmp_path, capsys, SEND, record=reserved) == (1, {"record_proven"})
    assert tried(tmp_path, capsys, SEND, reserved=[CAROL]) == (1, {"record_proven"})
    assert tried(tmp_path, capsys, SEND, reserved=[DAVE]) == (0, set())


def test_a_record_of_another_birth_is_denied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The address is derived anew from the creator and nonce the record names."""
    assert MinterFamily().parse_recipient(MINTER, WALLET) == WALLET
    other = json.loads(record(profile=f"multisig-v2:{CREATOR}:2").encoded())
    code, denied = tried(tmp_path, capsys, SEND, record=other)
    assert (code, denied) == (1, {"address_derived"})


def test_a_draft_of_minter_is_written_in_hex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a SafeTx has a form in JSON."""
    with pytest.raises(KeepcoolError, match="write its bytes in hex"):
        tried(tmp_path, capsys, {"to": CAROL})


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    parsed = parser.parse_args(["policy", *map(str, arguments)])
    return int(parsed.run(parsed))


def test_the_page_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`keepcool policy explain` speaks of both networks of the documented file."""
    (tmp_path / "policy.toml").write_text(TEXT)
    assert run("explain", tmp_path / "policy.toml") == 0
    told = capsys.readouterr().out
    assert "On minter:1 wallets do nothing but" in told
    assert "On eip155:1 (family evm)" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'harbor = "{WALLET}"', f'harbor = "{WALLET[:-1]}"'),
        (f'harbor = "{WALLET}"', f'harbor = "{WALLET.upper()}"'),
        (f'harbor = "{WALLET}"', 'harbor = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"'),
        ("data_bytes_max = 0", f'data_bytes_max = 0\ndestinations = {{ deny = ["{CAROL}0"] }}'),
    ],
)  # fmt: skip
def test_an_address_of_the_wrong_form_is_not_explained(old: str, new: str, tmp_path: Path) -> None:
    """The node takes short and long addresses for others; a policy names whole ones only."""
    assert old in TABLES
    (tmp_path / "policy.toml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(KeepcoolError) as caught:
        run("explain", tmp_path / "policy.toml")
    assert caught.value.code == "policy.address"
    assert NetworkId("minter:1") in caught.value.public
