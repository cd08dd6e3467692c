"""The strict ABI: one encoding per argument list, the standard one."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode as oracle_encode

from keepcool.chains.evm import abi
from keepcool.core.errors import Malformed
from tests.unit.chains.samples import ALICE, BOB

GOOD = abi.encode(abi.address(ALICE), abi.dynamic_bytes(b"hello"), abi.uint(7), abi.addresses((ALICE, BOB)))
KINDS = ("address", "bytes", "uint256", "address[]")


def changed(at: int, byte: int) -> bytes:
    return GOOD[:at] + bytes((byte,)) + GOOD[at + 1 :]


def test_encodes_as_the_oracle_and_reads_it_back() -> None:
    """Static and dynamic arguments equal eth-abi's bytes and decode to the same values."""
    values = (ALICE, b"hello", 7, (ALICE, BOB))
    assert oracle_encode(KINDS, values) == GOOD
    assert abi.decode(KINDS, GOOD) == values


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD[:-32],
        GOOD + bytes(32),
        GOOD + b"\0",
        changed(0, 1),
        changed(11, 1),
        changed(63, 0x81),
        changed(63, 0xA0),
        changed(63, 0x60),
        changed(32, 0x80),
        changed(128 + 31, 0xFF),
        changed(128, 0xFF),
        changed(160 + 5, 1),
        changed(160 + 31, 1),
        changed(192, 0x80),
        changed(192 + 31, 1),
        changed(192 + 31, 3),
        changed(192 + 32 + 3, 9),
    ],
    ids=[
        "empty", "one byte short", "one word short", "a word more", "a byte more", "dirty first byte",
        "dirty byte before the address", "offset shifted", "offset skips a word", "offset into the head",
        "offset beyond memory", "size beyond the data", "absurd size", "dirty padding",
        "dirty last padding",
        "absurd count", "count too small", "count too large", "dirty address inside a list",
    ],
)  # fmt: skip
def test_refuses_every_other_encoding(data: bytes) -> None:
    """What the EVM would read but the standard encoder would not write is refused."""
    with pytest.raises(Malformed, match=r"abi\.form"):
        abi.decode(KINDS, data)


def test_refuses_two_arguments_that_share_a_tail() -> None:
    """Two offsets to one tail, which some decoders accept, are refused."""
    two = abi.encode(abi.dynamic_bytes(b"a"), abi.dynamic_bytes(b"a"))
    shared = two[:32] + two[:32] + two[64:128]
    assert abi.decode(("bytes", "bytes"), two) == (b"a", b"a")
    with pytest.raises(Malformed):
        abi.decode(("bytes", "bytes"), shared)


@pytest.mark.parametrize(
    ("kind", "word"), [("uint8", 256), ("bool", 2), ("uint96", 2**96), ("uint16", 2**16)]
)
def test_refuses_a_number_too_large_for_its_type(kind: str, word: int) -> None:
    """A value beyond its type's width is refused, the largest inside is read."""
    assert abi.decode((kind,), abi.uint(word - 1)) == (word - 1,)
    with pytest.raises(Malformed):
        abi.decode((kind,), abi.uint(word))


def test_refuses_an_endless_list_of_addresses() -> None:
    """A list longer than any Safe has owners is refused before it is read."""
    with pytest.raises(Malformed):
        abi.decode(("address[]",), abi.encode(abi.addresses((ALICE,) * (abi.ADDRESSES_MAX + 1))))


def test_a_reader_cannot_read_past_its_arguments() -> None:
    """Asking for one argument more than announced, or one fewer, raises."""
    reader = abi.Reader(abi.uint(1), 1)
    reader.uint()
    reader.finish()
    with pytest.raises(Malformed):
        reader.uint()
    with pytest.raises(Malformed):
        abi.Reader(abi.uint(1), 1).finish()
