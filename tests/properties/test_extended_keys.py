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
