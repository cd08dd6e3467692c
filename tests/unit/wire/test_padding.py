"""Padding and ids of messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.core.errors import Malformed
from keepcool.wire.padding import padded, padded_size, unpadded
from keepcool.wire.ulid import is_ulid, ulid

BINDING = bytes(range(32))


def zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


@given(st.binary(max_size=5000))
def test_padding_comes_off_again(body: bytes) -> None:
    """Any body survives padding, and the result has one of the few allowed lengths."""
    plain = padded(BINDING, body)
    assert unpadded(BINDING, plain) == body
    assert len(plain) == padded_size(len(plain))


@given(st.integers(0, 2**30))
def test_padding_costs_little(size: int) -> None:
    """A padded length is at least the length, and above the floor at most 12 % more (Padmé)."""
    assert size <= padded_size(size) <= max(1024, size * 1.12)


def test_few_lengths_exist() -> None:
    """All bodies up to a megabyte fall into fewer than 256 lengths."""
    assert len({padded_size(size) for size in range(0, 2**20, 7)}) < 256


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        BINDING,
        padded(BINDING, b"x")[:-1],
        padded(BINDING, b"x") + b"\0",
        padded(BINDING, b"x")[:-1] + b"\1",
        BINDING + b"\xff\xff\xff\xff" + bytes(988),
    ],
)
def test_refuses_other_padding(plain: bytes) -> None:
    """A plaintext not padded as `padded` pads is refused."""
    with pytest.raises(Malformed):
        unpadded(BINDING, plain)


def test_ids_are_ulids() -> None:
    """The published form: 26 letters, the time in the first ten."""
    made = ulid(1469918176385, zeros)
    assert made == "01ARYZ6S41" + "0" * 16
    assert is_ulid(made)
    assert not is_ulid(made.lower())
    assert not is_ulid("8" + made[1:])
