"""keepcool inspect minter and keepcool derive minter: what is printed, and exit code 2 on the rest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from keepcool.chains.minter import payouts
from keepcool.chains.minter.data import EditMultisig, Owners
from keepcool.cli import derive, inspect
from tests.unit.chains.minter.samples import ALICE, tx
from tests.vectors import minter
from tests.vectors.minter import ADDRESSES, MAINNET, WALLET

Run = Callable[..., tuple[int, str, str]]
VECTOR = minter.named("multisig send 2-of-3 hot+cool")
HEX = "0x" + VECTOR.raw.hex()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(noun: str, *words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        nouns = parser.add_subparsers(required=True)
        (inspect if noun == "inspect" else derive).register(nouns)
        arguments = parser.parse_args([noun, "minter", *words])
        code = arguments.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_a_signed_transaction_as_json(run: Run, tmp_path: Path) -> None:
    """Every name of the vectors stands there with its value, from an argument or a file."""
    file = tmp_path / "tx.hex"
    file.write_text(HEX + "\n", encoding="utf-8")
    for source in (HEX, HEX[2:], str(file)):
        code, out, err = run("inspect", source, "--json")
        found = json.loads(out)
        assert (code, err, found["kind"], found["complete"]) == (0, "", "signed", True)
        for row in found["signatures"]:
            assert row.pop("rlp") in VECTOR.row["individual_signatures_rlp"]
        assert {name: found[name] for name in VECTOR.decoded} == VECTOR.decoded
        assert found["data"] == {
            "coin": 0,
            "to": "Mx" + VECTOR.decoded["data_fields"][1],
            "value": str(10**19),
        }
        assert found["effects"]["slots"] == [
            {"network": "minter:1", "space": f"account:{WALLET}", "position": 1}
        ]


def test_a_signed_transaction_in_words(run: Run) -> None:
    """Who pays whom, who signed, and that nothing else is in it."""
    code, out, _ = run("inspect", HEX)
    assert code == 0
    for said in (
        WALLET,
        ADDRESSES["hot"],
        ADDRESSES["cool"],
        str(10**19),
        "Send (0x01)",
        "Hazards        none",
    ):
        assert said in out


def test_a_draft_names_no_sender_unless_told(run: Run) -> None:
    """Nine fields are read too; the wallet is what --sender says."""
    draft = payouts.burn(wallet=WALLET, network=MAINNET, nonce=3).preimage().hex()
    code, out, _ = run("inspect", draft, "--json")
    found = json.loads(out)
    assert (code, found["kind"], found["sender"], found["tx_hash"], found["signers"]) == (
        0,
        "draft",
        None,
        None,
        [],
    )
    assert len(found["effects"]["payments"]) == 1
    code, out, _ = run("inspect", draft, "--sender", WALLET)
    assert code == 0
    assert "only uses up the nonce" in out
    assert "nobody yet (unsigned)" in out


def test_hazards_are_printed(run: Run) -> None:
    """A change of owners is shown as the danger it is, a payload as what it says."""
    edit = tx(EditMultisig(Owners(1, (1,), (ALICE,))), payload="evil\u202e".encode())
    code, out, _ = run("inspect", edit.preimage().hex(), "--sender", WALLET)
    assert code == 0
    assert "HAZARD" in out
    assert ALICE in out
    assert "0x6576696ce280ae" in out
    assert "\u202e" not in out


def test_a_creation_names_the_multisig_it_makes(run: Run) -> None:
    """The address comes from the sender and the nonce."""
    vector = minter.named("create 2-of-3 multisig hot/cool/cold nonce 1")
    code, out, _ = run("inspect", vector.raw.hex())
    assert code == 0
    assert f"Creates        {WALLET}" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([HEX + "00"], "rlp.form"),
        ([HEX[:-2]], "rlp.form"),
        (["0x" + minter.vectors("v1")[0].raw.hex()], "transaction.version"),
        (["c0"], "transaction.fields"),
        (["abc"], "inspect.input"),
        (["no/such/file"], "inspect.file"),
        ([HEX, "--sender", ALICE], "inspect.disagrees"),
        ([HEX, "--sender", "Mx12"], "address.form"),
    ],
)
def test_what_is_not_understood_exits_2(run: Run, words: list[str], code: str) -> None:
    """Nothing is printed but the reason."""
    status, out, err = run("inspect", *words)
    assert (status, out) == (2, "")
    assert f"[{code}]" in err


@pytest.mark.parametrize(
    "row",
    [row for row in minter.DATA["multisig_addresses"] if "nonce" in row],
    ids=lambda row: str(row["nonce"]),
)
def test_derive_gives_the_addresses_of_the_vectors(run: Run, row: dict[str, str]) -> None:
    """As one line and as JSON, with the profile a record would name."""
    words = ("--creator", row["creator"], "--nonce", str(row["nonce"]))
    assert run("derive", *words) == (0, row["address"] + "\n", "")
    code, out, _ = run("derive", *words, "--json")
    found = json.loads(out)
    assert (code, found["address"]) == (0, row["address"])
    assert found["profile"] == f"multisig-v2:{row['creator']}:{row['nonce']}"


@pytest.mark.parametrize(
    ("creator", "nonce", "code"),
    [(ALICE, "0", "address.nonce"), (ALICE, str(2**64), "address.nonce"), (ALICE[:-1], "1", "address.form")],
)
def test_derive_refuses_what_gives_no_address(run: Run, creator: str, nonce: str, code: str) -> None:
    """A nonce no account has and an address cut short end with status 2."""
    status, out, err = run("derive", "--creator", creator, "--nonce", nonce)
    assert (status, out) == (2, "")
    assert f"[{code}]" in err
