"""RLP: the examples of the specification, and a refusal of every second spelling."""

from __future__ import annotations

import pytest

from keepcool.chains import rlp
from keepcool.core.errors import Malformed


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", "83646f67"),
        (b"", "80"),
        (b"\0", "00"),
        (b"\x0f", "0f"),
        (b"\x04\x00", "820400"),
        ([], "c0"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"a" * 55, "b7" + "61" * 55),
        (b"a" * 56, "b838" + "61" * 56),
        (b"a" * 256, "b90100" + "61" * 256),
        ([b"a" * 55], "f838" + "b7" + "61" * 55),
    ],
    ids=str,
)
def test_the_specifications_examples(item: rlp.Item, encoded: str) -> None:
    """Each value encodes to the written bytes and they decode to it."""
    assert rlp.encode(item).hex() == encoded
    assert rlp.decode(bytes.fromhex(encoded)) == item


@pytest.mark.parametrize(
    "encoded",
    [
        "", "8100", "817f", "83646f", "b800", "b837" + "61" * 55, "b90038" + "61" * 56, "bf" + "ff" * 8, "b8",
        "c1", "c2", "c28080ff", "f800", "c8836361748364", "8180ff", "c382ffff00", "ffffffffffffffffff",
        "c1c1c1c1c1c1c0",
    ],
)  # fmt: skip
def test_refuses_any_other_form(encoded: str) -> None:
    """Longer forms, truncations, tails and deep nests are refused."""
    with pytest.raises(Malformed, match=r"rlp\.form"):
        rlp.decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("data", "bits"), [(b"\0", 64), (b"\0\1", 64), (b"\1" * 9, 64), ([], 64), (b"\1\0", 8)]
)
def test_refuses_a_number_not_in_shortest_form(data: rlp.Item, bits: int) -> None:
    """Leading zeros, lists and numbers too large are refused; zero is the empty string."""
    assert rlp.parse_number(rlp.number(0), bits) == 0
    with pytest.raises(Malformed):
        rlp.parse_number(data, bits)


def test_encodes_nothing_but_bytes_and_sequences() -> None:
    """A number or text handed in by mistake raises instead of being guessed at."""
    with pytest.raises(TypeError):
        rlp.encode(["dog"])


@pytest.mark.parametrize("size", [0, 1, 53, 54, 55, 56, 255, 256, 70000])
def test_a_list_is_extended_as_if_written_whole(size: int) -> None:
    """One more byte string at the end gives the bytes of the longer list, across every form of its size."""
    items = [b"\1", b"a" * size]
    for last in (b"", b"\1", b"\x80", b"b" * 60):
        assert rlp.extended(rlp.encode(items), last) == rlp.encode([*items, last])
    assert rlp.extended(rlp.encode([]), b"x") == rlp.encode([b"x"])


def test_a_list_of_another_length_is_not_the_one_expected() -> None:
    """The count is part of what is read; bytes are no list."""
    assert rlp.decode_list(rlp.encode([b"a", b"b"]), 2) == [b"a", b"b"]
    for encoded in (rlp.encode([b"a"]), rlp.encode([b"a", b"b", b"c"]), rlp.encode(b"ab")):
        with pytest.raises(Malformed, match="list of 2"):
            rlp.decode_list(encoded, 2)
