"""A place in a list is proven by its path, and by nothing else."""

from __future__ import annotations

import hashlib

import pytest

from keepcool.core import merkle
from keepcool.core.errors import Malformed

# RFC 6962's own test data, as Certificate Transparency's implementations publish it: entries, then the roots
# of the first 1, 2, ... of them.
ENTRIES = tuple(
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_roots_are_those_of_certificate_transparency() -> None:
    """The tree is RFC 6962's, bit for bit; the empty list has the hash of nothing."""
    assert merkle.root([]) == hashlib.sha256(b"").digest()
    for count, root in enumerate(ROOTS, 1):
        assert merkle.root(ENTRIES[:count]).hex() == root


@pytest.mark.parametrize("count", [*range(1, 18), 100, 127, 1000])
def test_every_place_is_proven_by_its_path_alone(count: int) -> None:
    """Each entry's path leads to the root from its own place, and from no other place, length or entry."""
    entries = [f"address {number}".encode() for number in range(count)]
    root, ways = merkle.root(entries), merkle.paths(entries)
    for place in {0, count // 3, count // 2, count - 1}:
        way = merkle.path(entries, place)
        assert way == ways[place]
        assert merkle.root_by(entries[place], place, count, way) == root
        assert merkle.root_by(b"another", place, count, way) != root
        for other in {place + 1, place - 1, place ^ 1} - {place}:
            assert not _proves(entries[place], other, count, way, root)
        assert not _proves(entries[place], place, count, (*way, root), root)
        if way:
            assert not _proves(entries[place], place, count, way[:-1], root)
            assert not _proves(entries[place], place, count, (way[0][:-1], *way[1:]), root)


def test_no_node_passes_for_an_entry() -> None:
    """Two leaves' hashes beside one another are an entry of another list, not of this one."""
    left, right = (hashlib.sha256(b"\0" + entry).digest() for entry in ENTRIES[:2])
    assert merkle.root([left + right]) != merkle.root(ENTRIES[:2])


def _proves(entry: bytes, place: int, count: int, way: tuple[bytes, ...], root: bytes) -> bool:
    try:
        return merkle.root_by(entry, place, count, way) == root
    except Malformed:
        return False
