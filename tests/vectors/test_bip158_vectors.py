"""BIP-158's own vectors: blocks of testnet, the scripts they spend from, and their basic filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepcool.chains.bitcoin import filters
from keepcool.chains.bitcoin.filters import Sought, encoded, is_filtered, matches
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.scanning import prove, transactions_of
from keepcool.chains.bitcoin.transaction import hash256, parse_stripped, shown

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("bip158.json").read_text(encoding="utf-8"))
TESTNET = SHIPPED.named("bitcoin")
Row = tuple[int, str, str, list[str], str, str]


def scripts(row: Row) -> Iterator[bytes]:
    """Of the outputs it makes and of those it spends."""
    for one in transactions_of(bytes.fromhex(row[2]), TESTNET):
        yield from filter(is_filtered, [output.script for output in parse_stripped(one).outputs])
    yield from filter(None, map(bytes.fromhex, row[3]))


@pytest.mark.parametrize("row", DATA["filters"], ids=lambda row: str(row[0]))
def test_a_blocks_filter_is_made_to_the_byte(row: Row) -> None:
    """From the block's own bytes, which its header covers, and the scripts it spends from."""
    prove(bytes.fromhex(row[2]), TESTNET)
    assert shown(hash256(bytes.fromhex(row[2])[:80])) == row[1]
    assert encoded(row[1], scripts(row)).hex() == row[4]


@pytest.mark.parametrize("row", DATA["filters"], ids=lambda row: str(row[0]))
def test_a_published_filter_names_every_script_and_no_stranger(row: Row) -> None:
    """Each script of the block is found alone and among strangers; strangers alone are not."""
    raw = bytes.fromhex(row[4])
    strangers = [b"\x00\x20" + number.to_bytes(32, "big") for number in range(100)]
    for script in scripts(row):
        assert matches(raw, row[1], Sought([script]))
        assert matches(raw, row[1], Sought([*strangers, script]))
    assert not matches(raw, row[1], Sought(strangers))
    assert len(filters.decoded(raw)[0]) == raw[0]
