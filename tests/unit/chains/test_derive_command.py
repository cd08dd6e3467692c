"""keepcool derive evm: a wallet's address from public data."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from keepcool.chains.evm.profiles import SafeProfile
from keepcool.cli import derive
from tests.vectors import evm

KEYS = {
    "address", "profile", "flavour", "chain_id", "owners", "threshold", "salt", "factory", "singleton",
    "fallback_handler", "initializer",
}  # fmt: skip


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    derive.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["derive", "evm", *words])
    code: int = arguments.run(arguments)
    return code


def words_of(profile: SafeProfile, row: dict[str, Any], salt: str) -> list[str]:
    _, version, flavour = profile.name.split("-")
    owners = [word for owner in row["owners"] for word in ("--owner", owner)]
    return [
        *("--profile", version, "--flavour", flavour, "--chain-id", "31337", *owners),
        *("--threshold", str(row["threshold"]), "--salt", salt),
    ]


@pytest.mark.parametrize(("profile", "row"), evm.creations(), ids=lambda v: getattr(v, "name", ""))
def test_the_addresses_of_the_vectors(
    profile: SafeProfile, row: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every vector's address comes out, with the salt in decimal or hexadecimal, as JSON and as one line."""
    for salt in (row["salt_nonce"], hex(int(row["salt_nonce"]))):
        assert call(*words_of(profile, row, salt), "--json") == 0
        derived = json.loads(capsys.readouterr().out)
        assert derived.keys() == KEYS
        assert (derived["address"], derived["owners"]) == (row["address"], row["owners"])
        assert (derived["initializer"], derived["salt"]) == (row["initializer"], row["salt_nonce"])
    assert call(*words_of(profile, row, row["salt_nonce"])) == 0
    assert capsys.readouterr().out == row["address"] + "\n"


def test_the_flavour_is_l1_unless_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --flavour the plain Safe is meant."""
    profile, row = evm.creations()[0]
    words = words_of(profile, row, row["salt_nonce"])
    at = words.index("--flavour")
    assert call(*words[:at], *words[at + 2 :]) == 0
    assert capsys.readouterr().out.strip() == row["address"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--profile", "1.3.0"),
        ("--chain-id", "0"),
        ("--threshold", "4"),
        ("--salt", "-1"),
        ("--salt", "0x"),
        ("--salt", "1e3"),
        ("--salt", str(2**256)),
        ("--owner", "0x" + 40 * "0"),
        ("--owner", evm.OWNERS["hot"].lower()),
    ],
)
def test_data_that_give_no_address_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown profile, an impossible threshold, salt or owner prints nothing and exits with 2."""
    words = words_of(*evm.creations()[0], "0")
    assert call(*words) == 0
    capsys.readouterr()
    words[words.index(option) + 1] = value
    if value.startswith("-"):
        at = words.index(option)
        words[at : at + 2] = [f"{option}={value}"]
    assert call(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("refused: ")
