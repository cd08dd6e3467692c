"""Which coins may be spent, and what each costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keepcool.chains.bitcoin import sizes
from keepcool.chains.bitcoin.coins import (
    GRAINS,
    Coin,
    Origin,
    Shape,
    fee_of,
    settled,
    shape_of,
    vsize_of,
    young,
)
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.script import ScriptKind, locked, multisig
from keepcool.chains.bitcoin.transaction import Outpoint, Transaction, TxInput, TxOutput, encode_output
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt.samples import LEGACY, NESTED, SEGWIT, WALLETS
from tests.unit.chains.bitcoin.samples import points
from tests.unit.chains.bitcoin.selection.samples import (
    COIN,
    DATA,
    P2PKH,
    P2SH,
    P2TR,
    P2WPKH,
    P2WSH,
    bare,
    change_of,
)

SHAPES = [
    Shape(kind, threshold, keys)
    for kind in ScriptKind
    for threshold, keys in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 5), (5, 7), (8, 15), (15, 15), (17, 20))
    if keys <= 15 or kind is not ScriptKind.P2SH
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_weighs_what_its_script_weighs(shape: Shape) -> None:
    """Every m of n in every wrapping: the weight is that of the script itself, and so is the whole size
    with every kind of output."""
    script = multisig(shape.threshold, points(shape.keys), shape.kind)
    locking = locked(script, shape.kind)
    assert shape.weight == sizes.input_weight(locking, shape.threshold)
    assert len(shape.script_pubkey) == len(locking.script_pubkey)
    outputs = tuple(
        TxOutput(0 if out == DATA else COIN, out) for out in (P2WPKH, P2PKH, P2SH, P2WSH, P2TR, DATA)
    )
    inputs = tuple(TxInput(Outpoint(bytes(32), place), 0) for place in range(3))
    tx = Transaction(2, inputs, outputs, 0)
    size = sum(len(encode_output(output)) for output in outputs)
    assert vsize_of([shape] * 3, len(outputs), size) == sizes.signed_vsize(
        tx, [(locking, shape.threshold)] * 3
    )


def test_known_sizes() -> None:
    """2 of 3: about 297 virtual bytes for P2SH, 105 for P2WSH, 139 nested."""
    weights = {wallet.kind: shape_of(wallet.at(0, 0)).weight for wallet in WALLETS}
    assert weights == {ScriptKind.P2SH: 1_189, ScriptKind.P2WSH: 418, ScriptKind.P2SH_P2WSH: 558}


def test_refuses_a_shape_that_is_none() -> None:
    """More signatures than keys, more keys than a script holds: no weight is made up."""
    assert Shape(ScriptKind.P2SH, 15, 15).weight
    for shape in (
        Shape(ScriptKind.P2SH, 2, 16),
        Shape(ScriptKind.P2WSH, 4, 3),
        Shape(ScriptKind.P2WSH, 0, 3),
    ):
        with pytest.raises(Malformed):
            assert shape.weight


def test_a_gain_is_the_amount_less_its_spending() -> None:
    """To the grain, and below nothing for a coin not worth it."""
    coin = bare(1_000)
    assert coin.gain_grains(4_000) == 1_000 * GRAINS - 418 * 4_000
    assert coin.gain_grains(40_000) < 0
    assert fee_of(105, 1_001) == 106


def _free(coin: Coin) -> bool:
    return coin in settled([coin], BITCOIN)


def test_a_foreign_coin_waits_for_the_depth_of_its_amount() -> None:
    """Whoever paid it in may still take it back: unconfirmed it is never spent, not even as a last resort."""
    for amount_sat, depth in BITCOIN.confirmations:
        coin = bare(amount_sat + 1_000)
        assert _free(replace(coin, confirmations=depth))
        assert not _free(replace(coin, confirmations=depth - 1))
    unconfirmed = bare(COIN, confirmations=0)
    assert not _free(unconfirmed)
    assert young([unconfirmed]) == []


def test_a_mined_coin_waits_for_maturity() -> None:
    """One block before, nodes would refuse it."""
    coin = replace(bare(COIN, confirmations=100), origin=Origin.MINED)
    assert _free(coin)
    assert not _free(replace(coin, confirmations=99))


def test_own_change_may_be_spent_young_where_its_id_holds() -> None:
    """P2SH spends can be altered on the way, and long chains are not relayed: those wait."""
    coin = change_of(bare(COIN))
    assert young([coin]) == [coin]
    assert not _free(coin)
    assert _free(replace(coin, confirmations=1))
    nested, legacy = shape_of(NESTED.at(1, 0)), shape_of(LEGACY.at(1, 0))
    assert young([replace(coin, shape=nested)])
    assert not young([replace(coin, shape=legacy)])
    assert young([replace(coin, ancestors=24)])
    assert not young([replace(coin, ancestors=25)])


@pytest.mark.parametrize("held", [{"leased": True}, {"frozen": True}, {"amount_sat": 0}], ids=str)
def test_leased_and_frozen_coins_stay(held: dict[str, Any]) -> None:
    """However deep or young they are."""
    coin = bare(COIN)
    assert _free(coin)
    assert not _free(_held(coin, held))
    assert not young([_held(change_of(coin), held)])


def _held(coin: Coin, held: dict[str, Any]) -> Coin:
    return replace(coin, **held)


def test_a_coin_is_what_its_place_says() -> None:
    """The shape of an owned script is its kind and m of n."""
    assert shape_of(SEGWIT.at(0, 3)) == Shape(ScriptKind.P2WSH, 2, 3)
