"""What a PSBT would really do, as every family says it: payments, change, fee, coins used up, digests.

Laws: effects come from a proven draft alone; whatever is no payment and no change stands in `data_bytes`;
a coin is used up by its outpoint, so two drafts that share one exclude each other.
"""

from __future__ import annotations

import hashlib

from keepcool.chains.bitcoin.limits import data_bytes
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.proving import Belongs, Proven, ProvenOutput
from keepcool.chains.bitcoin.transaction import Outpoint, shown
from keepcool.core.effects import Effects, Payment, Slot
from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount

FAMILY = "bitcoin"
LEAF_STEPS = 3


def effects_of(proven: Proven, source: str) -> Effects:
    """`source`: whose coins these are, a wallet's address or a pool's name; the proof knows only scripts."""
    network = proven.network
    return Effects(
        family=FAMILY,
        network=network.id,
        source=source,
        payments=_paid(proven, Belongs.FOREIGN, Belongs.OURS),
        calls=(),
        change=_paid(proven, Belongs.CHANGE),
        hazards=(),
        slots=tuple(slot_of(network.id, one.outpoint) for one in proven.inputs),
        fee_max=Amount(network.asset, proven.fee_sat),
        digests=proven.digests,
        fee_rate=proven.fee_rate,
        fee_asset=network.asset,
        data_bytes=data_bytes([one.output for one in proven.outputs]),
        data_hash=_data_hash(proven),
        leaves=tuple([leaf_of(one.owned) for one in proven.inputs]),
        ordered=False,
    )


def _data_hash(proven: Proven) -> str:
    """Of every data output's script, in order, each behind its length."""
    scripts = [one.output.script for one in proven.outputs if one.belongs is Belongs.DATA]
    told = b"".join(len(script).to_bytes(4, "big") + script for script in scripts)
    return hashlib.sha256(told).hexdigest() if scripts else ""


def leaf_of(owned: Owned) -> tuple[int, ...]:
    """The steps below the purpose or wallet key that all keys of one script share (BIP-45): whose branch,
    receiving or change, index."""
    return owned.keypaths[0].path[-LEAF_STEPS:]


def slot_of(network: NetworkId, outpoint: Outpoint) -> Slot:
    """A coin as a slot: the transaction that made it, and which of its outputs."""
    return Slot(network, shown(outpoint.txid), outpoint.position)


def _paid(proven: Proven, *belongs: Belongs) -> tuple[Payment, ...]:
    return tuple(_payment(proven, one) for one in proven.outputs if one.belongs in belongs)


def _payment(proven: Proven, one: ProvenOutput) -> Payment:
    return Payment(one.recipient, Amount(proven.network.asset, one.output.amount_sat))
