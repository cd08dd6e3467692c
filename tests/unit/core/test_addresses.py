"""A statement about addresses has one spelling and proves each of them at its index."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from keepcool.core.addresses import COUNT_MAX, INDEX_END, AddressRange, parse_range, root_of, way_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId

LIST = tuple(f"ltc1address{number}" for number in range(7))
RANGE = AddressRange(
    wallet=WalletId("pool"),
    record="ab" * 32,
    network=NetworkId("bip122:12a765e31ffd4059bada1e25190f6e98"),
    cosigner=1,
    change=0,
    first=100,
    count=len(LIST),
    root=root_of(LIST),
)


def test_a_statement_is_read_as_it_was_written() -> None:
    """Encoding and parsing are each other's reverse."""
    assert parse_range(RANGE.encoded()) == RANGE


def test_an_address_holds_at_its_index_alone() -> None:
    """Each address is proven where it stands, and nowhere else, in this range or outside of it."""
    for place, address in enumerate(LIST):
        way = way_of(LIST, place)
        RANGE.check_holds(address, RANGE.first + place, way)
        for index in (RANGE.first + (place + 1) % len(LIST), 0, RANGE.first + len(LIST)):
            with pytest.raises(Malformed, match=r"addresses\.proof|merkle\."):
                RANGE.check_holds(address, index, way)
        with pytest.raises(Malformed, match=r"addresses\.proof"):
            RANGE.check_holds("ltc1thief", RANGE.first + place, way)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2}, {"first": -1}, {"first": "1"}, {"count": 0}, {"count": COUNT_MAX + 1},
        {"first": INDEX_END}, {"change": 2}, {"root": "ab"}, {"record": 7}, {"more": 1}, {"cosigner": True},
    ],
    ids=str,
)  # fmt: skip
def test_other_statements_are_refused(wrong: dict[str, object]) -> None:
    """Indices no branch has, foreign versions, unknown fields and wrong types are no statement."""
    plain = {**json.loads(RANGE.encoded()), **wrong}
    with pytest.raises(Malformed):
        parse_range(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())


def test_the_last_index_there_is_can_be_attested() -> None:
    """A range may end at the last number below 2^31."""
    last = replace(RANGE, first=INDEX_END - RANGE.count)
    assert parse_range(last.encoded()) == last
