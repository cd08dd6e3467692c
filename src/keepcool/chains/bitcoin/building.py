"""A draft built from a selection: the unsigned transaction and the PSBT that signers prove.

Laws: every coin is checked against the whole transaction that made it before it is spent; inputs and outputs
stand in an order drawn from entropy, so that change is not told by its place; what is built weighs and costs
what the selection said, to the unit; libwally reads it and writes the same. The locktime is the tip of the
chain, so that nobody gains by mining an older block again. BIP-125, BIP-174.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin import sizes
from keepcool.chains.bitcoin.claims import check_second_reader
from keepcool.chains.bitcoin.coins import Coin, shape_of
from keepcool.chains.bitcoin.digests import LIBWALLY_AMOUNT_MAX, SIGHASH_ALL
from keepcool.chains.bitcoin.drawing import below, shuffled
from keepcool.chains.bitcoin.goals import Selection
from keepcool.chains.bitcoin.networks import Network, Replacement
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.prevouts import ProvenCoin, proven_coin, strip
from keepcool.chains.bitcoin.psbt import KeyPath, Psbt, PsbtInput, PsbtOutput, encode_psbt
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_LOCKTIME,
    SEQUENCE_REPLACEABLE,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
)
from keepcool.core.errors import Breach, Malformed
from keepcool.ports.system import Entropy

_VERSION = 2
_BACK_EVERY, _BACK_BLOCKS = 10, 100  # as Bitcoin Core: one in ten looks as if it had waited to be sent


@dataclass(frozen=True, slots=True)
class Source:
    """What a coin is spent with: its scripts and key origins, and the transaction that made it, as a node
    gives it."""

    owned: Owned
    previous_tx: bytes


@dataclass(frozen=True, slots=True)
class Built:
    """`raw` are the bytes of `psbt`. `change`: the places of change among the outputs."""

    psbt: Psbt
    raw: bytes
    change: tuple[int, ...]

    @property
    def tx(self) -> Transaction:
        return self.psbt.tx


@dataclass(frozen=True, slots=True)
class _Line:
    """An output with what the PSBT states about it; `owned` for change."""

    output: TxOutput
    owned: Owned | None

    @property
    def stated(self) -> PsbtOutput:
        if self.owned is None:
            return PsbtOutput()
        locking = self.owned.locking
        return PsbtOutput(locking.redeem or None, locking.witness or None, _by_key(self.owned.keypaths))


def build(
    selection: Selection,
    sources: Mapping[Outpoint, Source],
    change: Sequence[Owned],
    *,
    network: Network,
    tip_height: int,
    entropy: Entropy,
) -> Built:
    """`change`: fresh places of ours, one for each amount of change. Raises Malformed when a coin's source
    or a place for change is missing or is not what the selection counted with (`building.…`), or when a
    previous transaction is another one (`psbt.previous_…`)."""
    coins = shuffled(selection.coins, entropy)
    lines = shuffled(_lines(selection, change), entropy)
    proven = [_proven(coin, sources) for coin in coins]
    spent = [sources[coin.outpoint].owned for coin in coins]
    tx = Transaction(
        _VERSION,
        tuple(TxInput(coin.outpoint, sequence(network)) for coin in coins),
        tuple(line.output for line in lines),
        locktime(tip_height, entropy),
    )
    inputs = [_stated(owned, coin) for owned, coin in zip(spent, proven, strict=True)]
    psbt = Psbt(tx, tuple(inputs), tuple(line.stated for line in lines))
    raw = encode_psbt(psbt)
    _check_balance(selection, tx, spent)
    _check_second_reader(raw, psbt, proven)
    return Built(psbt, raw, tuple(place for place, line in enumerate(lines) if line.owned is not None))


def sequence(network: Network) -> int:
    """It lets the locktime hold; it signals replacement where nodes do replace (BIP-125)."""
    if network.replacement is Replacement.NONE:
        return SEQUENCE_LOCKTIME
    return SEQUENCE_REPLACEABLE


def locktime(tip_height: int, entropy: Entropy) -> int:
    """The block before the one it may be in; at times up to 99 blocks less, for the sake of those drafts
    that were signed late and would be told by it."""
    if below(_BACK_EVERY, entropy):
        return tip_height
    return max(0, tip_height - below(_BACK_BLOCKS, entropy))


def _lines(selection: Selection, change: Sequence[Owned]) -> list[_Line]:
    if len(change) != len(selection.change_sat):
        raise Malformed(
            "building.change",
            f"the selection makes {len(selection.change_sat)} coins of change, and places are given for "
            f"{len(change)}",
        )
    scripts = {owned.locking.script_pubkey for owned in change}
    if len(scripts) < len(change) or not all(owned.change for owned in change):
        raise Malformed("building.change", "places for change are all different, and on a change branch")
    own = [
        _Line(TxOutput(amount_sat, owned.locking.script_pubkey), owned)
        for amount_sat, owned in zip(selection.change_sat, change, strict=True)
    ]
    return [_Line(output, None) for output in selection.outputs] + own


def _proven(coin: Coin, sources: Mapping[Outpoint, Source]) -> ProvenCoin:
    source = sources.get(coin.outpoint)
    if source is None:
        raise Malformed("building.source", f"the transaction that made {coin.outpoint} is missing")
    found = proven_coin(coin.outpoint, PsbtInput(previous_tx=strip(source.previous_tx)))
    if found.output != TxOutput(coin.amount_sat, source.owned.locking.script_pubkey):
        raise Malformed("building.coin", f"{coin.outpoint} holds another amount or script than was counted")
    if shape_of(source.owned) != coin.shape:
        raise Malformed("building.shape", f"{coin.outpoint} is spent otherwise than was counted")
    return found


def _stated(owned: Owned, coin: ProvenCoin) -> PsbtInput:
    locking = owned.locking
    return PsbtInput(
        previous_tx=coin.previous.stripped,
        witness_utxo=coin.output if locking.witness else None,
        sighash=SIGHASH_ALL,
        redeem=locking.redeem or None,
        witness=locking.witness or None,
        keypaths=_by_key(owned.keypaths),
    )


def _by_key(keypaths: Sequence[KeyPath]) -> tuple[KeyPath, ...]:
    return tuple(sorted(keypaths, key=lambda one: one.public_key))


def _check_balance(selection: Selection, tx: Transaction, owned: Sequence[Owned]) -> None:
    """Nothing above lets this happen; a draft that burns coins is worth a second count."""
    paid = sum(output.amount_sat for output in tx.outputs)
    vsize = sizes.signed_vsize(tx, [(one.locking, one.threshold) for one in owned])
    if selection.held_sat - paid != selection.fee_sat or vsize != selection.vsize:
        raise Breach("building.balance", "the draft costs or weighs other than its selection said")


def _check_second_reader(raw: bytes, psbt: Psbt, proven: Sequence[ProvenCoin]) -> None:
    """libwally knows no amounts beyond Bitcoin's own (Dogecoin has them)."""
    amounts = [one.previous.highest for one in proven] + [one.amount_sat for one in psbt.tx.outputs]
    if max(amounts) <= LIBWALLY_AMOUNT_MAX:
        check_second_reader(raw, psbt, [one.previous.stripped for one in proven])
