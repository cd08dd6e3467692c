"""What is ours is recomputed from own keys; origins in a PSBT only say where to look."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from keepcool.chains.bip32 import HARDENED
from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.descriptor import parse_descriptor
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.ownership import Holdings, Owned, own_of
from keepcool.chains.bitcoin.psbt import KeyPath
from keepcool.chains.bitcoin.wallets import _own, wallet_of
from tests.fixtures.bitcoinrecords import bitcoin_record
from tests.unit.chains.bitcoin.psbt.samples import (
    LEGACY,
    SEGWIT,
    THIEF,
    WALLETS,
    Wallet,
    descriptor_text,
    secret,
)


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
@pytest.mark.parametrize("branch", [0, 1])
def test_a_script_is_found_by_any_of_its_origins(wallet: Wallet, branch: int) -> None:
    """One origin is enough, and gives all three back with the scripts that spend the coin."""
    mine = wallet.at(branch, 77)
    for keypath in mine.keypaths:
        found = wallet.own(mine.locking.script_pubkey, (keypath,))
        assert found == mine
    assert (mine.change, mine.index, mine.threshold, len(mine.keypaths)) == (branch == 1, 77, 2, 3)
    assert [secret(one).public_key.format() for one in mine.keypaths] == [k.public_key for k in mine.keypaths]


def test_the_key_of_an_origin_is_not_looked_at() -> None:
    """Where to look is a path; a lie about the key beside it is found by whoever compares keys."""
    mine = SEGWIT.at(0, 3)
    lied = mine.keypaths[0]._replace(public_key=b"\2" * 33)
    assert SEGWIT.own(mine.locking.script_pubkey, (lied,)) == mine


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("nothing", ()),
        ("another index", tuple(k._replace(path=(*k.path[:-1], 4)) for k in SEGWIT.at(0, 3).keypaths)),
        (
            "a hardened index",
            tuple(k._replace(path=(*k.path[:-1], 3 + HARDENED)) for k in SEGWIT.at(0, 3).keypaths),
        ),
        ("the other branch", SEGWIT.at(1, 3).keypaths),
        ("no path", (KeyPath(b"\2" * 33, SEGWIT.at(0, 3).keypaths[0].fingerprint, ()),)),
        ("a stranger", (KeyPath(b"\2" * 33, b"\0\0\0\0", (0, 3)),)),
        ("a step more", tuple(k._replace(path=(*k.path, 3)) for k in SEGWIT.at(0, 3).keypaths)),
    ],
)
def test_what_origins_do_not_lead_to_is_not_ours(name: str, claims: tuple[KeyPath, ...]) -> None:
    """The script is ours, and still nobody looks further than the origins say."""
    assert SEGWIT.own(SEGWIT.at(0, 3).locking.script_pubkey, claims) is None, name


def test_true_origins_of_another_script_do_not_make_it_ours() -> None:
    """A thief may copy our origins; his script stays his."""
    assert SEGWIT.own(THIEF.at(1, 5).locking.script_pubkey, SEGWIT.at(1, 5).keypaths) is None


def test_a_wallet_by_bip45_has_a_branch_for_every_cosigner() -> None:
    """All six branches are found; those under 1 are change."""
    keys = [parse_key(str(key.spelled(BITCOIN)), BITCOIN) for key in LEGACY.descriptor.keys]
    wallet = bip45.pooled([replace(key, steps=(), ranged=False) for key in keys])
    own = own_of(wallet.descriptors())
    for cosigner in range(3):
        for change in (0, 1):
            locking = wallet.locking(bip45.Place(cosigner, change, 9))
            claims = tuple(
                KeyPath(
                    b"\2" * 33, bytes.fromhex(key.origin.fingerprint), (*key.origin.path, cosigner, change, 9)
                )
                for key in keys
                if key.origin is not None
            )
            found = own(locking.script_pubkey, claims[:1])
            assert isinstance(found, Owned)
            assert (found.locking, found.change, found.index) == (locking, bool(change), 9)


def test_a_change_descriptor_by_itself_is_one() -> None:
    """Receiving and change as two descriptors, as nodes export them."""
    text = descriptor_text(SEGWIT)
    apart = [parse_descriptor(text.replace("<0;1>", branch), BITCOIN) for branch in "01"]
    own = own_of(apart)
    for branch in (0, 1):
        mine = SEGWIT.at(branch, 2)
        assert own(mine.locking.script_pubkey, mine.keypaths) == mine


def test_wallets_that_share_keys_are_told_apart() -> None:
    """Two wallets of one hot and one cold key: an origin of theirs leads to both, the script to one."""
    own = own_of([SEGWIT.descriptor, THIEF.descriptor])
    for wallet in (SEGWIT, THIEF):
        mine = wallet.at(0, 1)
        assert own(mine.locking.script_pubkey, mine.keypaths) == mine


def test_keys_without_origins_are_their_own_masters() -> None:
    """BIP-380: the fingerprint is the key's own, the path begins below it."""
    keys = [replace(key, origin=None) for key in SEGWIT.descriptor.keys]
    descriptor = replace(SEGWIT.descriptor, keys=tuple(keys))
    found = own_of([descriptor])
    locking = SEGWIT.at(1, 8).locking
    branch = descriptor.chosen(1)
    claims = own_claims(branch.keys[0].key, (0, 1, 8))
    mine = found(locking.script_pubkey, claims)
    assert mine is not None
    assert mine.locking == locking
    assert all(one.path == (0, 1, 8) for one in mine.keypaths)


def own_claims(key: object, path: tuple[int, ...]) -> tuple[KeyPath, ...]:
    from keepcool.chains import bip32

    assert isinstance(key, bip32.ExtendedKey)
    return (KeyPath(b"\2" * 33, bip32.fingerprint(key.public_key), path),)


def test_what_is_foreseen_is_what_is_found() -> None:
    """Computed at once or one after another, kept or not: the same scripts and origins; what is not ours is
    not made ours by being foreseen."""
    asked = [SEGWIT.at(branch, index) for branch in (0, 1) for index in (0, 7, 2**31 - 1)]
    eager, lazy = own_of([SEGWIT.descriptor]), own_of([SEGWIT.descriptor])
    stranger = THIEF.at(0, 0)
    eager.foresee([one.keypaths for one in (*asked, *asked, stranger)])
    for one in asked:
        script_pubkey = one.locking.script_pubkey
        assert eager(script_pubkey, one.keypaths) == lazy(script_pubkey, one.keypaths) == one
        assert eager(script_pubkey, one.keypaths) is eager(script_pubkey, one.keypaths)
        assert eager(stranger.locking.script_pubkey, one.keypaths) is None
    assert eager(stranger.locking.script_pubkey, stranger.keypaths) is None


def test_what_is_kept_has_a_bound() -> None:
    """After many more places than are kept, each is still found, and few are held."""
    own = own_of([SEGWIT.descriptor])
    claims = [
        tuple(one._replace(path=(*one.path[:-1], index)) for one in SEGWIT.at(0, 0).keypaths)
        for index in range(3_000)
    ]
    for start in range(0, 3_000, 500):
        own.foresee(claims[start : start + 500])
    assert own.kept <= 2_048
    for index in (0, 2_999):
        mine = SEGWIT.at(0, index)
        assert own(mine.locking.script_pubkey, mine.keypaths) == mine


def test_what_all_wallets_keep_together_has_a_bound() -> None:
    """A hostile App names two thousand places of every wallet it knows: each wallet's memory is full, and all
    that are kept together fit into a signer. The twin is what one of them weighs: thousands would not."""
    wallet = wallet_of(bitcoin_record("many-places"))
    own, first = _own(wallet.bip45), wallet.owned(wallet.place(0, 0)).keypaths
    assert isinstance(own, Holdings)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        own.foresee(
            tuple(one._replace(path=(*one.path[:-1], index)) for one in first) for index in range(2_000)
        )
        weight = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    most = _own.cache_info().maxsize
    assert own.kept >= 2_000
    assert most is not None
    assert most * weight < 512 * 2**20 < 4_096 * weight
