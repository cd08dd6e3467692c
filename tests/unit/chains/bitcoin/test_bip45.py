"""BIP-45 wallets: ranks, branches, wallet numbers, and keys that do not belong."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from keepcool.chains import bip32
from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.bip45 import Place
from keepcool.chains.bitcoin.keys import KeyExpression, Origin, parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.script import ScriptKind, parse_multisig
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.samples import ACCOUNTS, PURPOSES, XPUBS, extended
from tests.vectors import bitcoin
from tests.vectors.bitcoin import btclib_script


def test_the_order_in_which_keys_are_given_is_nothing() -> None:
    """Any order of the purpose keys is one wallet."""
    assert len({bip45.pooled(order) for order in permutations(PURPOSES)}) == 1
    assert len({bip45.segregated(order, 7) for order in permutations(PURPOSES)}) == 1


@pytest.mark.slow
def test_a_segregated_wallet_is_the_bip45_wallet_of_the_keys_below() -> None:
    """Wallet w's addresses are those of plain BIP-45 over the children m/45'/w: ranked anew, found by
    whoever has the three xpubs."""
    for number in range(20):
        wallet = bip45.segregated(PURPOSES, number)
        below = sorted(bip32.child(extended(key), number).public_key for key in PURPOSES)
        assert [wallet.rank(key) for key in below] == [0, 1, 2]
        keys = [bip32.encode_xpub(bip32.child(extended(key), number)) for key in PURPOSES]
        for cosigner in range(3):
            text = f"sh(sortedmulti(2,{','.join(f'{key}/{cosigner}/1/*' for key in keys)}))"
            place = Place(cosigner, bip45.CHANGE, 3, number)
            assert wallet.locking(place).script_pubkey == btclib_script(text, 3)


def test_no_two_places_share_a_script() -> None:
    """Wallets, cosigners, both branches, indices, kinds: every place has a script of its own."""
    seen: set[bytes] = set()
    count = 0
    for kind in ScriptKind:
        wallets = [bip45.pooled(PURPOSES, 2, kind)]
        wallets += [bip45.segregated(PURPOSES, number, 2, kind) for number in range(3)]
        for wallet in wallets:
            for cosigner in range(3):
                for change in (bip45.RECEIVING, bip45.CHANGE):
                    scripts = list(wallet.branch(cosigner, change).script_pubkeys(range(4)))
                    seen.update(scripts)
                    count += len(scripts)
    assert len(seen) == count == 3 * 4 * 3 * 2 * 4


def test_keys_in_a_script_are_sorted_by_their_own_bytes() -> None:
    """The child keys stand in their own order, whatever the rank of their purpose keys."""
    wallet, differs = bip45.pooled(PURPOSES), False
    for index in range(8):
        locking = wallet.locking(Place(0, 0, index))
        keys = next(wallet.branch(0, 0).public_keys((index,)))
        assert parse_multisig(locking.multisig) == (2, tuple(sorted(keys)))
        differs = differs or list(keys) != sorted(keys)
    assert differs


@pytest.mark.parametrize(("count", "threshold"), [(2, 2), (3, 2), (3, 3), (15, 8)])
def test_m_of_n(count: int, threshold: int) -> None:
    """2-of-2, as an exchange and its accounting share it, and any other m-of-n up to 15."""
    xpubs = [bitcoin.public_at(bytes((number,)) * 32, "m/45'") for number in range(1, count + 1)]
    keys = [parse_key(xpub, BITCOIN) for xpub in xpubs]
    wallet = bip45.pooled(keys, threshold)
    assert len(wallet.descriptors()) == count
    text = wallet.descriptor(1).spelled(BITCOIN)
    assert wallet.locking(Place(1, 0, 5)).script_pubkey == btclib_script(text, 5)


def test_keys_without_origins_are_the_same_keys() -> None:
    """An origin says where a key comes from; it changes no address."""
    bare = [parse_key(xpub, BITCOIN) for xpub in XPUBS]
    place = Place(2, 1, 19)
    assert bip45.pooled(bare).locking(place) == bip45.pooled(PURPOSES).locking(place)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((PURPOSES[0],) * 3, "script.twice"),
        ((PURPOSES[0], replace(PURPOSES[0], origin=None), PURPOSES[1]), "script.twice"),
        ((*PURPOSES[:2], parse_key(ACCOUNTS[0], BITCOIN)), "bip45.place"),
        ((*PURPOSES[:2], PURPOSES[2].below((0,))), "bip45.place"),
        ((*PURPOSES[:2], replace(PURPOSES[2], ranged=True)), "bip45.place"),
        ((*PURPOSES[:2], parse_key(extended(PURPOSES[0]).public_key.hex(), BITCOIN)), "bip45.place"),
        ((*PURPOSES[:2], replace(PURPOSES[2], origin=Origin("00000000", ()))), "bip45.origin"),
        ((*PURPOSES[:2], replace(PURPOSES[2], origin=Origin("00000000", (44,)))), "bip45.origin"),
        (PURPOSES[:1], "script.threshold"),
        ((), "script.keys"),
    ],
)
def test_keys_that_do_not_belong_are_refused(keys: tuple[KeyExpression, ...], code: str) -> None:
    """Equal keys, keys of other places and origins that lie make neither a pool nor a wallet."""
    with pytest.raises(Malformed) as refusal:
        bip45.pooled(keys)
    assert refusal.value.code == code
    with pytest.raises(Malformed) as refusal:
        bip45.segregated(keys, 1)
    assert refusal.value.code == code


def test_places_are_read_as_they_are_written() -> None:
    """A path names a place in a pool or in a user's wallet, and is written back."""
    assert bip45.parse_place("m/45'/1/0/7") == Place(1, 0, 7)
    assert bip45.parse_place("m/45h/9/1/0/7") == Place(1, 0, 7, 9)
    for path in ("m/45'/0/1/0", "m/45'/2147483647/14/0/2147483647"):
        assert str(bip45.parse_place(path)) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "45'/0/0/0",
        "m/45/0/0/0",
        "m/44'/0/0/0",
        "m/45'/0/2/0",
        "m/45'/0/0",
        "m/45'/0/0/0'",
        "m/45'/-1/0/0",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    """What is no place of BIP-45 is refused."""
    with pytest.raises(Malformed, match=r"bip45\.path"):
        bip45.parse_place(path)


@pytest.mark.parametrize(
    "place", [Place(3, 0, 0), Place(-1, 0, 0), Place(0, 2, 0), Place(0, 0, -1), Place(0, 0, 0, 5)]
)
def test_places_outside_the_wallet_are_refused(place: Place) -> None:
    """A cosigner, branch, index or wallet that is not there has no script."""
    with pytest.raises(Malformed):
        bip45.pooled(PURPOSES).locking(place)


@pytest.mark.parametrize("number", [-1, 2**31, True])
def test_a_wallets_number_is_not_hardened(number: int) -> None:
    """A wallet is derived from public keys, so its number is below 2**31."""
    with pytest.raises(Malformed, match=r"bip45\.wallet"):
        bip45.segregated(PURPOSES, number)


def test_a_stranger_has_no_rank() -> None:
    """A key that is none of the purpose keys is no cosigner's."""
    with pytest.raises(Malformed, match=r"bip45\.cosigner"):
        bip45.pooled(PURPOSES).rank(bytes(33))
