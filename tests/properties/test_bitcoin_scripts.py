"""Wallets of any keys on any network: round trips, sorted keys, and no two places with one script."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from keepcool.chains import base58, bip32
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin import bech32, bip45, bsms, descriptor, script
from keepcool.chains.bitcoin.address import parse_address, parse_recipient, spell
from keepcool.chains.bitcoin.descriptor import Descriptor, parse_descriptor
from keepcool.chains.bitcoin.keys import KeyExpression, Origin
from keepcool.chains.bitcoin.network_table import BITCOIN, SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples
from tests.vectors.bitcoin import PURPOSES, btclib_script, embit_script

pytestmark = pytest.mark.slow

ROOT = bip32.parse_xpub(PURPOSES[0])
INDICES = some.integers(0, HARDENED - 1)
NETWORKS = some.sampled_from(SHIPPED.rows)
WITNESS_NETWORKS = some.sampled_from([row for row in SHIPPED if row.hrp])


def purpose(number: int) -> KeyExpression:
    """A purpose key like no other's: some point, its chain code and place."""
    point = bip32.child(ROOT, number).public_key
    code = hashlib.sha256(number.to_bytes(4, "big")).digest()
    return KeyExpression(None, ExtendedKey(1, code[:4], bip45.PURPOSE, code, point))


COSIGNERS = some.lists(some.integers(0, 5_000), min_size=2, max_size=5, unique=True)


@some.composite
def wallets(draw: some.DrawFn) -> tuple[Network, Descriptor]:
    network = draw(NETWORKS)
    kind = draw(some.sampled_from(network.kinds))
    numbers = draw(COSIGNERS)
    fork = draw(some.sampled_from([(), ((0, 1),), ((3, 9, 2),)]))
    origin = draw(some.sampled_from([None, Origin("d34db33f", (bip45.PURPOSE,))]))
    keys = [
        KeyExpression(origin, purpose(number).key, ((draw(INDICES),), *fork), ranged=True)
        for number in numbers
    ]
    threshold = draw(some.integers(1, len(keys)))
    return network, descriptor.made(kind, threshold, keys, ordered=draw(some.booleans()))


@settings(deadline=None, max_examples=examples(30))
@given(wallets(), INDICES)
def test_a_descriptor_is_read_as_it_was_written(wallet: tuple[Network, Descriptor], index: int) -> None:
    """Text, BSMS file, scripts one by one and in bulk, address: each leads back to the same wallet."""
    network, found = wallet
    assert parse_descriptor(found.spelled(network), network) == found
    assert bsms.parse_wallet(bsms.spelled_wallet(found, network), network) == found
    for choice in range(found.choices):
        locking = found.branch(choice).locking(index)
        assert list(found.branch(choice).script_pubkeys((index,))) == [locking.script_pubkey]
        address = spell(network, locking.script_pubkey)
        assert parse_address(network, address) == locking.script_pubkey
        assert parse_recipient(network, address) == address
        threshold, keys = script.parse_multisig(locking.multisig)
        assert threshold == found.threshold
        assert not found.ordered or keys == tuple(sorted(keys))


@settings(deadline=None, max_examples=examples(20))
@given(wallets(), INDICES)
def test_three_implementations_agree(wallet: tuple[Network, Descriptor], index: int) -> None:
    """embit and btclib derive our scripts from the descriptor as Bitcoin's nodes read it."""
    text = wallet[1].spelled(BITCOIN)
    for choice in range(wallet[1].choices):
        ours = wallet[1].branch(choice).locking(index).script_pubkey
        assert ours == embit_script(text, index, choice) == btclib_script(text, index, choice)


@settings(deadline=None, max_examples=examples(30))
@given(COSIGNERS, some.lists(some.integers(0, HARDENED - 1), min_size=2, max_size=4, unique=True), INDICES)
def test_no_two_wallets_share_a_script(cosigners: Sequence[int], numbers: Sequence[int], index: int) -> None:
    """Wallet numbers, the pool, cosigners and both branches: at one index all scripts differ."""
    keys = [purpose(number) for number in cosigners]
    made = [bip45.pooled(keys), *(bip45.segregated(keys, number) for number in numbers)]
    scripts = [
        wallet.branch(cosigner, change).locking(index).script_pubkey
        for wallet in made
        for cosigner in range(len(keys))
        for change in (bip45.RECEIVING, bip45.CHANGE)
    ]
    assert len(set(scripts)) == len(scripts)


@settings(deadline=None)
@given(COSIGNERS, some.integers(0, HARDENED - 100), some.integers(1, 99))
def test_bulk_is_one_by_one(cosigners: Sequence[int], first: int, count: int) -> None:
    """Any run of children, in bulk, is the run of children."""
    key = purpose(cosigners[0]).key
    assert isinstance(key, ExtendedKey)
    numbers = range(first, first + count)
    made = list(bip32.children(key, numbers))
    assert made == [bip32.child(key, number).public_key for number in numbers]


@given(some.binary(max_size=90))
def test_base58_is_read_as_it_was_written(payload: bytes) -> None:
    """Any bytes, zeros in front included, have one text, and a changed letter is noticed."""
    text = base58.encode(payload)
    assert base58.decode(text, len(text)) == payload


@given(WITNESS_NETWORKS, some.integers(1, 16), some.binary(min_size=2, max_size=40))
def test_bech32_is_read_as_it_was_written(network: Network, version: int, program: bytes) -> None:
    """Any witness program of a network has one text."""
    text = bech32.encode(network.hrp, version, program)
    assert bech32.decode(text) == bech32.decode(text.upper()) == (network.hrp, version, program)


@given(NETWORKS, some.text(max_size=100))
def test_no_text_crashes_the_readers(network: Network, text: str) -> None:
    """Whatever is typed as an address, it is refused in our words."""
    for read in (parse_address, parse_recipient):
        try:
            read(network, text)
        except Malformed as refusal:
            told = refusal.code
        else:
            told = "address.form"
        assert told in ("address.form", "address.network")
