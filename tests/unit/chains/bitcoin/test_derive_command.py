"""keepcool derive bitcoin: addresses from public keys alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.descriptor import parse_descriptor
from keepcool.chains.bitcoin.network_table import BITCOIN, LITECOIN, SHIPPED
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.cli import derive
from tests.unit.chains.bitcoin.samples import ACCOUNTS, NESTED_ACCOUNTS, XPUBS
from tests.vectors.bitcoin import DATA, btclib_script

BIP45 = [("--xpub", xpub) for xpub in XPUBS]
KEYS = ["--scheme", "bip45", *(word for pair in BIP45 for word in pair)]
DESCRIPTOR: str = DATA["bip48_derived"]["by_script_type"]["2"]["descriptor"]
WRAPPERS = {"p2sh": "sh({})", "p2wsh": "wsh({})", "p2sh-p2wsh": "sh(wsh({}))"}


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    derive.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["derive", "bitcoin", *words])
    code: int = arguments.run(arguments)
    return code


@pytest.mark.parametrize("kind", ["p2sh", "p2wsh"])
@pytest.mark.parametrize("row", DATA["bip45_derived"]["addresses"], ids=lambda row: row["path"])
def test_the_addresses_of_the_vectors(
    row: dict[str, str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every BIP-45 vector comes out, in whatever order the keys are given."""
    swapped = [*KEYS[:2], *KEYS[4:], *KEYS[2:4]]
    for keys in (KEYS, swapped):
        assert call("--network", "bitcoin", *keys, "--path", row["path"], "--script", kind) == 0
        assert capsys.readouterr().out == row[kind] + "\n"


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("path", ["m/45'/1/0/7", "m/45'/12345/1/0/7"])
@pytest.mark.parametrize("network", ["litecoin", "bitcoin-regtest", "litecoin-regtest"])
def test_the_whole_of_an_address_as_json(
    network: str, path: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts, keys and descriptor stand beside the address, and btclib makes the same of the descriptor."""
    assert call("--network", network, *KEYS, "--path", path, "--script", kind, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    row = SHIPPED.named(network)
    assert (shown["network"], shown["network_id"], shown["path"]) == (network, row.id, path)
    assert (shown["script"], shown["threshold"], shown["keys"]) == (kind, 2, 3)
    assert shown["address"] == spell(row, bytes.fromhex(shown["script_pubkey"]))
    as_bitcoin = parse_descriptor(shown["descriptor"], row).spelled(BITCOIN)
    assert btclib_script(as_bitcoin, 7, 0).hex() == shown["script_pubkey"]
    assert (shown["redeem_script"] == "") == (kind == "p2wsh")
    assert (shown["witness_script"] == "") == (kind == "p2sh")
    executed = shown["witness_script"] or shown["redeem_script"]
    assert all(key in executed for key in shown["public_keys"])


def test_the_cheapest_script_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --script it is P2WSH where there is segregated witness, and P2SH elsewhere."""
    for network, beginning in (("litecoin", "ltc1q"), ("dogecoin", ("9", "A")), ("dash", "7")):
        assert call("--network", network, *KEYS, "--path", "m/45'/0/0/0") == 0
        assert capsys.readouterr().out.startswith(beginning)


def test_many_addresses_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """--count continues from the path or index, one address a line or as a list."""
    assert call("--network", "bitcoin", "--descriptor", DESCRIPTOR, "--change", "1", "--count", "20") == 0
    lines = capsys.readouterr().out.split()
    assert len(set(lines)) == 20
    words = ("--descriptor", DESCRIPTOR, "--change", "1", "--index", "18", "--count", "2", "--json")
    assert call("--network", "bitcoin", *words) == 0
    rows = json.loads(capsys.readouterr().out)["addresses"]
    assert [row["address"] for row in rows] == lines[18:]
    assert [row["path"] for row in rows] == ["1/18", "1/19"]
    assert (
        call("--network", "bitcoin", *KEYS, "--path", "m/45'/0/0/18", "--count", "2", "--script", "p2sh") == 0
    )
    listed = {row["path"]: row["p2sh"] for row in DATA["bip45_derived"]["addresses"]}
    assert capsys.readouterr().out.split()[1] == listed["m/45'/0/0/19"]


@pytest.mark.parametrize(("kind", "accounts"), [("p2wsh", ACCOUNTS), ("p2sh-p2wsh", NESTED_ACCOUNTS)])
def test_accounts_make_the_descriptors_wallet(
    kind: str, accounts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Scheme bip48 with accounts gives the addresses of the published descriptor."""
    type_ = "2" if kind == "p2wsh" else "1"
    keys = [word for account in accounts for word in ("--xpub", account)]
    for row in DATA["bip48_derived"]["by_script_type"][type_]["addresses"]:
        place = ("--index", str(row["index"]), "--change", str(row["chain"]))
        assert call("--network", "bitcoin", "--scheme", "bip48", *keys, "--script", kind, *place) == 0
        assert capsys.readouterr().out == row["address"] + "\n"


def test_a_fork_comes_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network this release does not know is described by a row in a file."""
    file = tmp_path / "forks.toml"
    genesis = "00" * 31 + "01"
    file.write_text(
        f'[[network]]\nname = "forkcoin"\nsymbol = "FRK"\ngenesis = "{genesis}"\ncoin_type = 999\n'
        'p2pkh = [35]\np2sh = [94]\nhrp = "fc"\nkey_versions = ["0488b21e"]\ndust_rate = 1000\n'
        "fee_rate_min = 1000\nconfirmations = [[0, 10]]\nblock_s = 60\n",
        encoding="utf-8",
    )
    words = ("--network", "forkcoin", *KEYS, "--path", "m/45'/0/0/0")
    assert call(*words, "--networks", str(file)) == 0
    assert capsys.readouterr().out.startswith("fc1q")
    assert call(*words) == 2
    assert "no network is called 'forkcoin'" in capsys.readouterr().err
    file.write_text("[[network]]\n", encoding="utf-8")
    assert call(*words, "--networks", str(file)) == 2
    assert call(*words, "--networks", str(tmp_path / "nowhere.toml")) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*KEYS, "--path", "m/45'/3/0/0"), "bip45.cosigner"),
        ((*KEYS, "--path", "m/45'/0/0/2147483648"), "bip32.number"),
        ((*KEYS, "--path", "m/45'/0/0/2147483647", "--count", "2"), "bip32.number"),
        ((*KEYS, "--path", "m/48'/0/0/0"), "bip45.path"),
        ((*KEYS,), "derive.path"),
        ((*KEYS, "--path", "m/45'/0/0/0", "--index", "1"), "derive.path"),
        ((*KEYS, "--path", "m/45'/0/0/0", "--threshold", "4"), "script.threshold"),
        ((*KEYS, "--path", "m/45'/0/0/0", "--count", "0"), "derive.count"),
        ((*KEYS, "--path", "m/45'/0/0/0", "--descriptor", DESCRIPTOR), "derive.input"),
        ((*KEYS[:6], *KEYS[4:6], "--path", "m/45'/0/0/0"), "script.twice"),
        (("--scheme", "bip45", "--path", "m/45'/0/0/0"), "script.keys"),
        (("--scheme", "bip48", *KEYS[2:]), "bip48.place"),
        ((), "derive.input"),
        (("--descriptor", DESCRIPTOR, "--path", "m/45'/0/0/0"), "derive.path"),
        (("--descriptor", DESCRIPTOR, "--script", "p2wsh"), "derive.input"),
        (("--descriptor", DESCRIPTOR, *KEYS[2:4]), "derive.input"),
        (("--descriptor", DESCRIPTOR[:-1] + "q"), "descriptor.checksum"),
        (("--descriptor", DESCRIPTOR, "--index", "-1"), "bip32.number"),
        (("--descriptor", f"sh(multi(1,{XPUBS[0]}/*))", "--change", "1"), "derive.change"),
        (("--descriptor", f"sh(multi(1,{XPUBS[0]}))", "--index", "1"), "derive.index"),
    ],
)  # fmt: skip
def test_data_that_give_no_address_are_refused(
    words: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong keys, paths, numbers and combinations are one line on stderr and exit status 2."""
    assert call("--network", "bitcoin", *words) == 2
    told = capsys.readouterr()
    assert f"[{code}]" in told.err
    assert told.err.count("\n") == 1


def test_a_witness_script_without_witness_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """On Dogecoin a P2SH-P2WSH address could be emptied by anybody: none is printed."""
    words = ("--network", "dogecoin", *KEYS, "--path", "m/45'/0/0/0", "--script", "p2sh-p2wsh")
    assert call(*words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "dogecoin has no p2sh-p2wsh" in told.err


def test_a_secret_key_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever pastes an xprv is told so, and it appears nowhere."""
    secret: str = DATA["bip32"][0]["chains"][0]["xprv"]
    assert call("--network", "bitcoin", "--scheme", "bip45", "--xpub", secret, "--path", "m/45'/0/0/0") == 2
    told = capsys.readouterr()
    assert "PRIVATE" in told.err
    assert secret[4:20] not in told.err + told.out


def test_networks_share_scripts_and_not_addresses() -> None:
    """The kinds offered are those of `ScriptKind`, and one script has another address on each network."""
    assert {kind.value for kind in ScriptKind} == set(WRAPPERS)
    script = btclib_script(DESCRIPTOR, 0, 0)
    assert spell(BITCOIN, script) != spell(LITECOIN, script)
