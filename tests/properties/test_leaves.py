"""Whatever wallet and coins: each digest is signed by the leaf that another library derives from the seed."""

from __future__ import annotations

import hashlib

import coincurve
from embit.bip32 import HDKey
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.accounts import node_of, path_of
from keepcool.core.approval import STAMP, Approval
from keepcool.core.ids import IntentId, WalletId
from keepcool.hazmat import coinkeys, hotseeds
from tests.fixtures.effort import examples

SEEDS = st.binary(min_size=32, max_size=32).filter(lambda raw: 0 < int.from_bytes(raw, "big") < 2**255)
NUMBERS = st.none() | st.integers(0, 2**31 - 1)
LEAVES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2**31 - 1)), min_size=1, max_size=6
)


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, number=NUMBERS, leaves=LEAVES)
def test_every_digest_has_the_signature_of_its_own_leaf(
    seed: bytes, number: int | None, leaves: list[tuple[int, int, int]]
) -> None:
    """Repeated leaves, several branches, any number or a pool."""
    kept, owner = hotseeds.new_seed(lambda _: seed, "bitcoin", number)
    node, path = node_of(owner), path_of(owner)
    assert node is not None
    assert path is not None
    digests = tuple(hashlib.sha256(bytes([place])).digest() for place in range(len(leaves)))
    approval = Approval(IntentId("i"), WalletId("w"), digests, "p", STAMP, tuple(leaves))
    with kept, hotseeds.key_of(kept, path, node.public_key) as key:
        signatures = coinkeys.sign(approval, key, node.public_key, node)
    root = HDKey.from_seed(seed).derive(list(path))
    for leaf, digest, signature in zip(leaves, digests, signatures, strict=True):
        compact = signature[:64] + bytes([signature[64] - 27])
        signer = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None).format()
        assert signer == root.derive(list(leaf)).get_public_key().sec()
