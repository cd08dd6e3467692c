"""Leaves below a wallet's key: as another library derives them, and nothing under a key not on record."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import coincurve
import pytest
from embit.bip32 import HDKey

from keepcool.chains import accounts as public_accounts
from keepcool.chains.bip32 import HARDENED, ExtendedKey, child
from keepcool.core.approval import STAMP, Approval
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.registry import OwnerKey
from keepcool.core.secret import Secret
from keepcool.hazmat import coinkeys, curve, hotseeds

SEED = bytes(range(32))
LEAVES = ((1, 0, 0), (1, 0, 7), (1, 1, 0), (0, 0, 3), (1, 0, 2**31 - 1))


def seeded(seed: bytes = SEED) -> Secret:
    return Secret(bytearray(seed))


def hot(number: int | None = 4, seed: bytes = SEED) -> tuple[Secret, OwnerKey, ExtendedKey]:
    """The wallet's key in secret, as a record has it, and its node."""
    made, owner = hotseeds.new_seed(lambda _: seed, "bitcoin", number)
    made.wipe()
    node = public_accounts.node_of(owner)
    assert node is not None
    path = public_accounts.path_of(owner)
    assert path is not None
    return hotseeds.key_of(seeded(seed), path, node.public_key), owner, node


def zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def digests(count: int = len(LEAVES)) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(bytes([place])).digest() for place in range(count))


def approval(leaves: tuple[tuple[int, ...], ...] = LEAVES) -> Approval:
    return Approval(IntentId("i1"), WalletId("w1"), digests(len(leaves)), "0" * 64, STAMP, leaves)


def signer_of(signature: bytes, digest: bytes) -> bytes:
    compact = signature[:64] + bytes([signature[64] - 27])
    return coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None).format()


@pytest.mark.parametrize("number", [None, 0, 4])
def test_each_digest_is_signed_by_the_leaf_it_is_named_for(number: int | None) -> None:
    """From the seed on, embit derives the same leaves; in the order of the digests, on three branches."""
    secret, owner, node = hot(number)
    path = "m/45h" if number is None else f"m/45h/{number}"
    other = HDKey.from_seed(SEED).derive(path)
    assert other.get_public_key().sec() == bytes.fromhex(owner.public_key)
    signatures = coinkeys.sign(approval(), secret, node.public_key, node)
    for leaf, digest, signature in zip(LEAVES, digests(), signatures, strict=True):
        expected = other.derive(list(leaf)).get_public_key().sec()
        assert signer_of(signature, digest) == expected


def test_the_origin_of_a_hot_key_says_where_it_lies() -> None:
    """Its fingerprint is its own master's, its xpub that of m/45h; the wallet's number follows."""
    root = HDKey.from_seed(SEED)
    xpub = root.derive("m/45h").to_public().to_base58(version=bytes.fromhex("0488b21e"))
    origin = f"[{root.my_fingerprint.hex()}/45h]{xpub}"
    assert hot(4)[1].origin == f"{origin}/4"
    assert hot(None)[1].origin == origin


def test_a_seed_gives_no_key_but_the_one_on_record() -> None:
    """Another wallet's seed or number, and bytes that are no seed, hand out nothing."""
    _, _, node = hot(4)
    for seed, steps in ((os.urandom(32), (4,)), (SEED, (5,)), (SEED, ())):
        with pytest.raises(Breach, match=r"hazmat\.wrong_seed"):
            hotseeds.key_of(seeded(seed), (45 + HARDENED, *steps), node.public_key)
    with pytest.raises(Breach, match=r"hazmat\.seed"):
        hotseeds.key_of(seeded(SEED + SEED), (45 + HARDENED, 4), node.public_key)


def test_broken_entropy_makes_no_seed() -> None:
    """A source that gives zeros is a breach, not a wallet everybody can open."""
    with pytest.raises(Breach, match=r"hazmat\.entropy"):
        hotseeds.new_seed(zeros, "bitcoin", 0)


def test_nothing_is_released_under_another_node() -> None:
    """The key must be the node's, and the node that on record: a swapped one of either spoils all."""
    secret, _, node = hot(4)
    stranger, _, other = hot(4, os.urandom(32))
    for key, public, given in (
        (secret, node.public_key, other),
        (secret, other.public_key, other),
        (stranger, node.public_key, node),
        (secret, node.public_key, None),
    ):
        with pytest.raises(Breach, match=r"hazmat\.wrong_key"):
            coinkeys.sign(approval(), key, public, given)


def test_without_the_check_a_foreign_key_would_still_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: when neither the node nor the signatures are compared, a stranger's seed signs."""
    _, _, node = hot(4)
    stranger, _, other = hot(4, os.urandom(32))
    digest = digests()[0]
    monkeypatch.setattr(curve, "public_key_of", lambda _: node.public_key)
    with pytest.raises(Breach, match=r"hazmat\.wrong_key"):
        coinkeys.sign(approval(((0, 0, 1),)), stranger, node.public_key, node)
    monkeypatch.setattr(curve, "recover", lambda *_: child(child(child(node, 0), 0), 1).public_key)
    [signature] = coinkeys.sign(approval(((0, 0, 1),)), stranger, node.public_key, node)
    monkeypatch.undo()
    foreign = signer_of(signature, digest)
    assert foreign not in (child(child(child(one, 0), 0), 1).public_key for one in (node, other))


def test_an_altered_chain_code_signs_for_nobody_else() -> None:
    """A node with another chain code is another wallet: what it signs is of its own leaves alone."""
    secret, _, node = hot(4)
    altered = replace(node, chain_code=bytes(32))
    [signature] = coinkeys.sign(approval(((0, 0, 1),)), secret, node.public_key, altered)
    assert signer_of(signature, digests()[0]) == child(child(child(altered, 0), 0), 1).public_key


def test_refuses_hardened_leaves_and_the_wallets_key_itself() -> None:
    """A hardened leaf cannot be proved from public keys; an approval never names the key as a leaf."""
    secret, _, node = hot(4)
    with pytest.raises(Malformed, match=r"bip32\.number"):
        coinkeys.sign(approval(((0, 0, 2**31),)), secret, node.public_key, node)
    with pytest.raises(TypeError, match="leaf of every digest"):
        approval(((0, 0, 1), ()))
    with pytest.raises(TypeError, match="leaf of every digest"):
        Approval(IntentId("i"), WalletId("w"), digests(2), "0", STAMP, ((0, 0, 1),))


def test_a_branch_is_opened_once_for_all_its_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty inputs on one branch: two steps to the branch, one to each leaf, and no leaf stays behind."""
    secret, _, node = hot(4)
    seen: list[bytearray] = []
    add = curve.add

    def watched(own: bytearray, tweak: bytes) -> None:
        add(own, tweak)
        seen.append(own)

    monkeypatch.setattr(curve, "add", watched)
    many = tuple((1, 0, index) for index in range(20))
    assert len(coinkeys.sign(approval(many), secret, node.public_key, node)) == 20
    assert len(seen) == 22
    assert not any(any(own) for own in seen)
