"""The file Safes come back from: one line of public data for each wallet, and never a wrong one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.evm import keeping
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.family import terms_of
from keepcool.cli import main, safes
from keepcool.core.errors import Breach, Conflict, Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord
from tests.unit.cosigner.house import wallet_record

RECORD = wallet_record("w-1", 7)
NETWORK = RECORD.network


def of_profile(name: str, profile: str) -> WalletRecord:
    record = replace(wallet_record(name, 8), family="evm", profile=profile)
    return replace(record, address=EvmFamily().derive_address(terms_of(record)))


def plain(name: str = "w-1") -> WalletRecord:
    return of_profile(name, "safe-1.5.0-l1")


def test_a_line_says_all_that_a_safe_tool_needs() -> None:
    """Chain, address, owners in order, threshold, salt, version and kind: the address follows from them."""
    (line,) = keeping.lines([plain()], NETWORK)
    told = json.loads(line)
    words = ["derive", "evm", "--profile", told["version"], "--flavour", "l2" if told["l2"] else "l1"]
    words += ["--chain-id", str(told["chain_id"]), "--threshold", str(told["threshold"])]
    words += ["--salt", told["salt"], *(word for one in told["owners"] for word in ("--owner", one))]
    assert (told["name"], told["address"]) == ("w-1", plain().address)
    assert main.main(words) == 0


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        ("safe-1.5.0-l2", ("1.5.0", True)),
        ("safe-1.4.1-l1", ("1.4.1", False)),
        ("safe-pool-1.5.0-l1", ("1.5.0", False)),
    ],
)
def test_version_and_kind_are_the_profiles(profile: str, told: tuple[str, bool]) -> None:
    """A pool's treasury is a Safe like any other."""
    (line,) = keeping.lines([of_profile("w-2", profile)], NETWORK)
    assert (json.loads(line)["version"], json.loads(line)["l2"]) == told


def test_wallets_are_sorted_each_once_and_of_one_network() -> None:
    """A wallet with several revisions has one line."""
    records = [plain("w-b"), plain("w-a"), replace(plain("w-a"), revision=2, user_key="x")]
    elsewhere = replace(plain("w-c"), network=NetworkId("eip155:5"))
    assert [json.loads(one)["name"] for one in keeping.lines([*records, elsewhere], NETWORK)] == [
        "w-a",
        "w-b",
    ]


def test_a_record_that_leads_elsewhere_ends_it() -> None:
    """Nobody is told to send to an address that no key of ours opens."""
    changed = replace(plain(), address=plain("w-2").address)
    with pytest.raises(Breach, match="does not lead to its address"):
        keeping.lines([changed], NETWORK)
    with pytest.raises(Breach, match="is of no Safe"):
        keeping.lines([replace(plain(), profile="multisig-v2")], NETWORK)


def test_a_network_without_wallets_is_no_empty_file() -> None:
    """A wrong --network is told."""
    with pytest.raises(Malformed, match="no wallet of eip155:5"):
        keeping.lines([plain()], NetworkId("eip155:5"))


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be the only copy: it is not written over. What is printed is what is written."""
    file = tmp_path / "safes.json"
    assert safes.written([plain()], NETWORK, None) == 0
    assert safes.written([plain()], NETWORK, file) == 0
    assert file.read_text() == capsys.readouterr().out
    with pytest.raises(Conflict, match="there already"):
        safes.written([plain("w-2")], NETWORK, file)
    assert "w-1" in file.read_text()
