"""A draft built from a selection proves, as exactly what was selected, and finishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import wallycore

from keepcool.chains.bitcoin.building import build
from keepcool.chains.bitcoin.combining import combine
from keepcool.chains.bitcoin.goals import Selection
from keepcool.chains.bitcoin.limits import UNBOUNDED
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.ownership import own_of
from keepcool.chains.bitcoin.proving import Belongs, prove
from keepcool.chains.bitcoin.psbt import KeyPath
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.selection import select
from keepcool.chains.bitcoin.transaction import SEQUENCE_LOCKTIME, SEQUENCE_REPLACEABLE, encode_stripped
from keepcool.core.errors import Breach, Malformed
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import DOGE, SEGWIT, WALLETS, Wallet, sign
from tests.unit.chains.bitcoin.selection.samples import COIN, TIP, Purse, entropy, goal, purse


@pytest.mark.parametrize(
    "wallet", [*WALLETS, DOGE], ids=lambda wallet: f"{wallet.kind}-{wallet.network.name}"
)
def test_a_draft_proves_and_finishes(wallet: Wallet) -> None:
    """Proven unchanged: the payments, the change, the fee and the size are those of the selection."""
    held = purse([30 * COIN, 20 * COIN, 50 * COIN], wallet)
    wanted = goal(7 * COIN, 35 * COIN, wallet=wallet, parts=3)
    found = select(held.coins, wanted, entropy())
    built = held.built(found)
    proven = wallet.proven(built.raw, replace(UNBOUNDED, own_receiving=False, unrelayed=False))
    assert sorted(one.output.amount_sat for one in proven.outputs if one.belongs is Belongs.FOREIGN) == [
        7 * COIN,
        35 * COIN,
    ]
    assert proven.total_sat(Belongs.CHANGE) == sum(found.change_sat)
    assert [place for place, one in enumerate(proven.outputs) if one.belongs is Belongs.CHANGE] == list(
        built.change
    )
    assert (proven.fee_sat, proven.vsize) == (found.fee_sat, found.vsize)
    final = combine(proven, sign(proven, "hot", "cool"), core)
    assert final.tx.vsize <= found.vsize


def test_a_draft_may_spend_coins_of_every_kind() -> None:
    """Old P2SH deposits beside P2WSH ones: the size and fee of the mixture are exact too."""
    purses = [purse([number * COIN], wallet) for number, wallet in enumerate(WALLETS, start=2)]
    coins = [coin for held in purses for coin in held.coins]
    sources = {outpoint: source for held in purses for outpoint, source in held.sources.items()}
    found = select(coins, goal(8 * COIN), entropy())
    assert {coin.shape.kind for coin in found.coins} == set(ScriptKind)
    built = replace(purses[0], sources=sources).built(found)
    own = own_of([wallet.descriptor for wallet in WALLETS])
    proven = prove(built.raw, own, BITCOIN, UNBOUNDED)
    assert (proven.fee_sat, proven.vsize) == (found.fee_sat, found.vsize)
    final = combine(proven, sign(proven, "hot", "cool"), core)
    assert found.vsize - 5 <= final.tx.vsize <= found.vsize


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_libwally_builds_the_same_bytes(wallet: Wallet) -> None:
    """From the same parts, by its own calls, another implementation makes the same PSBT."""
    held = purse([30 * COIN, 20 * COIN], wallet)
    built = held.built(select(held.coins, goal(45 * COIN, wallet=wallet, parts=2), entropy()))
    theirs = wallycore.psbt_from_tx(_wally(encode_stripped(built.tx)), 0, 0)
    for place, one in enumerate(built.psbt.inputs):
        assert one.previous_tx is not None
        wallycore.psbt_set_input_utxo(theirs, place, _wally(one.previous_tx))
        if one.witness_utxo is not None:
            wallycore.psbt_set_input_witness_utxo_from_tx(
                theirs, place, _wally(one.previous_tx), built.tx.inputs[place].outpoint.position
            )
        wallycore.psbt_set_input_sighash(theirs, place, 1)
        wallycore.psbt_set_input_redeem_script(theirs, place, one.redeem)
        wallycore.psbt_set_input_witness_script(theirs, place, one.witness)
        wallycore.psbt_set_input_keypaths(theirs, place, _origins(one.keypaths))
    for place, two in enumerate(built.psbt.outputs):
        wallycore.psbt_set_output_redeem_script(theirs, place, two.redeem)
        wallycore.psbt_set_output_witness_script(theirs, place, two.witness)
        wallycore.psbt_set_output_keypaths(theirs, place, _origins(two.keypaths))
    assert bytes(wallycore.psbt_to_bytes(theirs, 0)) == built.raw


def _wally(raw: bytes) -> object:
    return wallycore.tx_from_bytes(raw, 0)


def _origins(keypaths: Sequence[KeyPath]) -> object:
    found = wallycore.map_init(len(keypaths), None)
    for one in keypaths:
        steps = b"".join(step.to_bytes(4, "little") for step in one.path)
        wallycore.map_add(found, one.public_key, one.fingerprint + steps)
    return found


def test_amounts_beyond_bitcoins_own_are_built() -> None:
    """Dogecoin has outputs of more than all bitcoins, which libwally does not read: its draft proves."""
    held = purse([50_000_000 * COIN], DOGE, confirmations=100)
    found = select(held.coins, goal(30_000_000 * COIN, wallet=DOGE), entropy())
    proven = DOGE.proven(held.built(found).raw, UNBOUNDED)
    assert proven.total_sat(Belongs.CHANGE) == 20_000_000 * COIN - found.fee_sat
    assert combine(proven, sign(proven, "hot", "cool")).txid


def test_signals_replacement_where_nodes_replace() -> None:
    """The sequence follows the network's habit, and always lets the locktime hold."""
    for wallet, expected in ((SEGWIT, SEQUENCE_REPLACEABLE), (DOGE, SEQUENCE_LOCKTIME)):
        held = purse([30 * COIN], wallet)
        tx = held.built(select(held.coins, goal(7 * COIN, wallet=wallet), entropy())).tx
        assert {one.sequence for one in tx.inputs} == {expected}
        assert tx.replaceable is (wallet.network.replacement is not Replacement.NONE)


def test_the_locktime_is_the_tip_or_a_little_less() -> None:
    """Nobody gains by mining an older block again; one draft in ten is up to 99 blocks older."""
    held = purse([30 * COIN])
    found = select(held.coins, goal(7 * COIN), entropy())
    times = [held.built(found, seed).tx.locktime for seed in range(200)]
    assert all(TIP - 99 <= time <= TIP for time in times)
    assert 0 < sum(time < TIP for time in times) < 60


def test_the_place_of_change_tells_nothing() -> None:
    """Every place among the outputs occurs; the same entropy gives the same draft."""
    held = purse([30 * COIN])
    found = select(held.coins, goal(7 * COIN, 8 * COIN), entropy())
    drafts = [held.built(found, seed) for seed in range(40)]
    assert {draft.change for draft in drafts} == {(0,), (1,), (2,)}
    assert drafts[7] == held.built(found, 7)


def _lost(held: Purse, found: Selection) -> tuple[Purse, Selection]:
    return replace(held, sources={}), found


def _another_previous(held: Purse, found: Selection) -> tuple[Purse, Selection]:
    (strange,) = purse([31 * COIN]).sources.values()
    return replace(held, sources={found.coins[0].outpoint: strange}), found


def _another_amount(held: Purse, found: Selection) -> tuple[Purse, Selection]:
    return held, replace(found, coins=(replace(found.coins[0], amount_sat=29 * COIN),))


def _another_shape(held: Purse, found: Selection) -> tuple[Purse, Selection]:
    shape = replace(found.coins[0].shape, keys=4)
    return held, replace(found, coins=(replace(found.coins[0], shape=shape),))


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("building.source", _lost),
        ("psbt.previous_txid", _another_previous),
        ("building.coin", _another_amount),
        ("building.shape", _another_shape),
    ],
)
def test_refuses_a_coin_that_is_not_as_counted(
    code: str, changed: Callable[[Purse, Selection], tuple[Purse, Selection]]
) -> None:
    """A missing source, another amount, shape or previous transaction: nothing is built."""
    held = purse([30 * COIN])
    found = select(held.coins, goal(7 * COIN), entropy())
    assert held.built(found).raw
    spoiled, selection = changed(held, found)
    with pytest.raises(Malformed) as refused:
        spoiled.built(selection)
    assert refused.value.code == code


def test_refuses_change_without_a_place_of_its_own() -> None:
    """Too few places, one place twice, a place on a receiving branch: nothing is built."""
    held = purse([30 * COIN])
    found = select(held.coins, goal(7 * COIN, parts=2), entropy())
    assert len(found.change_sat) == 2
    one, two = held.places(2)
    for places in ([one], [one, one], [one, SEGWIT.at(0, 9)], [one, two, SEGWIT.at(1, 9)]):
        with pytest.raises(Malformed) as refused:
            build(found, held.sources, places, network=BITCOIN, tip_height=TIP, entropy=entropy())
        assert refused.value.code == "building.change"


@pytest.mark.parametrize(
    "spoiled",
    [{"fee_sat": 1}, {"vsize": 1}, {"change_sat": (1_000_000,)}],
    ids=["fee", "size", "change"],
)
def test_counts_the_draft_a_second_time(spoiled: dict[str, Any]) -> None:
    """A selection whose sums or size are wrong stops everything: coins would burn."""
    held = purse([30 * COIN])
    found = select(held.coins, goal(7 * COIN), entropy())
    with pytest.raises(Breach) as stopped:
        held.built(replace(found, **spoiled))
    assert stopped.value.code == "building.balance"
