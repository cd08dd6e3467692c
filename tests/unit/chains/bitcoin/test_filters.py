"""Filters made here: every script is found, strangers nearly never, and other bytes are no filter."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.chains.bitcoin.filters import Sought, decoded, encoded, matches
from keepcool.core.errors import Malformed

HASH = "00000000000000000002" + "ab" * 22
SCRIPTS = st.sets(st.binary(min_size=1, max_size=40), max_size=60)


def script(number: int) -> bytes:
    return b"\x00\x20" + hashlib.sha256(str(number).encode()).digest()


@pytest.mark.slow
@given(SCRIPTS, st.lists(st.binary(min_size=34, max_size=34), max_size=20))
def test_what_is_in_a_filter_is_found(inside: set[bytes], others: list[bytes]) -> None:
    """Alone and among others, whatever their lengths; the filter says how many scripts it holds."""
    raw = encoded(HASH, inside)
    values, count = decoded(raw)
    assert len(values) == count == len(inside)
    assert values == sorted(values)
    for one in inside:
        assert matches(raw, HASH, Sought([one]))
        assert matches(raw, HASH, Sought([*others, one]))


@pytest.mark.slow
def test_strangers_are_hardly_ever_taken_for_what_is_inside() -> None:
    """One in 784,931 by the filter's design: a hundred thousand strangers are in few of ten filters, and what
    is found among them is what is found by looking for each."""
    strangers = [script(-number) for number in range(1, 100_001)]
    found = 0
    for salt in range(10):
        block_hash = hashlib.sha256(bytes([salt])).hexdigest()
        raw = encoded(block_hash, [script(number) for number in range(salt * 500, salt * 500 + 500)])
        found += matches(raw, block_hash, Sought(strangers))
        assert matches(raw, block_hash, Sought([*strangers, script(salt * 500 + 7)]))
    assert found < 9


def test_a_filter_is_its_blocks_own() -> None:
    """Under another block's hash it names nothing of what it holds."""
    inside = [script(number) for number in range(100)]
    raw = encoded(HASH, inside)
    assert matches(raw, HASH, Sought(inside[:1]))
    assert not matches(raw, HASH.replace("ab", "cd"), Sought(inside[:1]))


def test_nothing_is_in_an_empty_filter() -> None:
    """Nor is anything looked for where nothing is sought."""
    assert encoded(HASH, []) == encoded(HASH, [b""]) == b"\x00"
    assert not matches(b"\x00", HASH, Sought([script(1)]))
    assert not matches(encoded(HASH, [script(1)]), HASH, Sought([]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x00\x00",
        b"\x02\x9d\xfc\xa8",
        b"\x01\x9d\xfc\xa8\x00",
        b"\x01\x9d\xfc\xa9",
        b"\x01\xff\xff\xff\xff\xff",
        b"\xfd\x01\x00\x9d\xfc\xa8",
        b"\xff" * 9,
        bytes(5_000_000),
    ],
    ids=range(10),
)
def test_other_bytes_are_no_filter(raw: bytes) -> None:
    """Cut off, too long, padded with what is not zero, values beyond their bound, counts spelled long."""
    with pytest.raises(Malformed):
        decoded(raw)
