"""Extended keys of any seed: the public way and the secret way meet, here and in another library."""

from __future__ import annotations

from eth_account.hdaccount import key_from_seed
from hypothesis import given, settings
from hypothesis import strategies as some

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED
from keepcool.core.secret import Secret
from keepcool.hazmat import derivation

SEEDS = some.binary(min_size=16, max_size=64)
NUMBERS = some.integers(0, HARDENED - 1)
PATHS = some.lists(some.integers(0, 2 * HARDENED - 1), max_size=5)


@settings(deadline=None)
@given(SEEDS, PATHS, NUMBERS)
def test_public_and_secret_children_are_one(seed: bytes, path: list[int], number: int) -> None:
    """Below any node, the non-hardened child is the same extended key with and without the secret, and
    its text is read back to the same."""
    node = derivation.below(derivation.master(Secret(bytearray(seed))), path)
    public = bip32.child(node.public, number)
    assert derivation.child(node, number).public == public
    assert bip32.parse_xpub(bip32.encode_xpub(public)) == public


@settings(deadline=None)
@given(SEEDS, PATHS)
def test_secret_keys_are_those_of_another_library(seed: bytes, path: list[int]) -> None:
    """eth-account walks any seed and path to the same secret key."""
    spelled = "".join(f"/{step % HARDENED}" + ("'" if step >= HARDENED else "") for step in path)
    with derivation.below(derivation.master(Secret(bytearray(seed))), path).secret.opened() as key:
        assert key == key_from_seed(seed, f"m{spelled}")


@settings(deadline=None)
@given(SEEDS, some.lists(some.lists(NUMBERS, max_size=6), max_size=4))
def test_remembered_children_are_the_children(seed: bytes, asked: list[list[int]]) -> None:
    """In any order, asked for again or anew, twice in one question or not."""
    node = derivation.master(Secret(bytearray(seed))).public
    for numbers in asked:
        assert bip32.recent(node, numbers) == tuple(bip32.children(node, numbers))


def test_what_is_remembered_has_a_bound() -> None:
    """After more children than are kept, each question is answered as before, in its order."""
    node = derivation.master(Secret(bytearray(b"\1" * 32))).public
    want = list(bip32.children(node, range(2_100)))
    for start in range(0, 2_100, 300):
        assert bip32.recent(node, range(start, start + 300)) == tuple(want[start : start + 300])
    mixed = [0, 2_099, 7, 1_500]
    assert bip32.recent(node, mixed) == tuple(want[number] for number in mixed)
