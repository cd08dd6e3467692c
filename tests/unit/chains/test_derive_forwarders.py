"""`keepcool derive forwarders`: a pool's addresses and their sweeping without any of our services."""

from __future__ import annotations

import json

import pytest

from keepcool.chains.evm.forwarders import FACTORY, Item, forwarder_address, parse_flush
from keepcool.cli.main import main

TREASURY = "0x41675C099F32341bf84BFc5382aF534df5C7461a"
TOKEN = "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, str]]:
    assert main(["derive", "forwarders", "--treasury", TREASURY, "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_addresses_are_those_that_were_handed_out(capsys: pytest.CaptureFixture[str]) -> None:
    """By treasury and index alone."""
    rows = said(capsys, "--first", "7", "--count", "3")
    assert [row["address"] for row in rows] == [forwarder_address(TREASURY, one) for one in (7, 8, 9)]


def test_calls_sweep_all_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Every address and asset stands in one call, to the factory."""
    rows = said(capsys, "--count", "150", "--sweep", "native", "--sweep", TOKEN)
    flushes = [parse_flush(bytes.fromhex(row["data"][2:])) for row in rows]
    assert {row["to"] for row in rows} == {FACTORY.address}
    assert {one.treasury for one in flushes} == {TREASURY}
    wanted = {Item(index, token) for index in range(1, 151) for token in (None, TOKEN)}
    assert {item for one in flushes for item in one.items} == wanted


def test_what_gives_no_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A count or a treasury that cannot be: one line, status 2."""
    for words in (("--count", "0"), ("--first", str(2**31)), ("--sweep", "0x12")):
        assert main(["derive", "forwarders", "--treasury", TREASURY, *words]) == 2
        assert "refused:" in capsys.readouterr().err
