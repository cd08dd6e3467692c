"""The draft does exactly what the intent says: this wallet, this chain, these payments, nothing beside.

Where wallets spend coins, what is left of them comes back: to as many places as the policy allows, each of
which the family has proved to be the wallet's own.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, network_of
from keepcool.core.intent import Output, Purpose
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "effects_equal_intent"
APPROVED = Approved(NAME)
_Triples: TypeAlias = Counter[tuple[str, AssetId, int]]


def judge(case: Case, policy: Policy) -> Verdict:
    return _same_wallet(case) or _same_chain(case) or _same_payments(case, policy) or APPROVED


def _same_wallet(case: Case) -> Denied | None:
    effects, record = case.effects, case.record
    if case.intent.source != record.wallet:
        return Denied(NAME, f"the intent spends from {case.intent.source}, the record is of {record.wallet}")
    if effects.source != record.address:
        return Denied(NAME, f"the draft spends from {effects.source}, the wallet is {record.address}")
    if effects.family != record.family:
        return Denied(NAME, f"the draft is of family {effects.family}, the wallet of {record.family}")
    return None


def _same_chain(case: Case) -> Denied | None:
    network, assets = case.intent.network, [payment.amount.asset for payment in case.effects.payments]
    named = {case.effects.network, case.record.network, *map(network_of, assets)}
    named |= {slot.network for slot in case.effects.slots}
    foreign = sorted(named - {network})
    if foreign:
        return Denied(NAME, f"the intent is for {network}; draft or wallet name {foreign[0]}")
    return None


def _same_payments(case: Case, policy: Policy) -> Denied | None:
    wanted = [_triple(output) for output in case.intent.outputs]
    drafted = [_triple(payment) for payment in case.effects.payments]
    if wanted != drafted:
        wrong = _difference(Counter(wanted), Counter(drafted), policy) or _reordered(case, policy)
        return wrong or _beside(case, policy)
    return _beside(case, policy)


def _reordered(case: Case, policy: Policy) -> Denied | None:
    """Where coins are spent the order tells who is paid what is change, and means nothing; calls are carried
    out one after another, each after what those before it have changed."""
    network = policy.networks.get(case.intent.network)
    if network is not None and network.coins:
        return None
    return Denied(NAME, "the draft pays in another order than the intent")


def _difference(meant: _Triples, done: _Triples, policy: Policy) -> Denied | None:
    for triple in (done - meant) + (meant - done):
        recipient, asset, units = triple
        wrong = (
            f"{spoken(asset, units, policy)} to {recipient} {meant[triple]} times in the intent and "
            f"{done[triple]} times in the draft"
        )
        return Denied(NAME, f"what is paid is not what was asked: {wrong}")
    return None


def _beside(case: Case, policy: Policy) -> Denied | None:
    change, network = case.effects.change, policy.networks.get(case.intent.network)
    most = 0 if network is None else network.change_max
    if change and not most:
        return Denied(NAME, f"the draft returns change to {change[0].recipient}; there is none")
    if len(change) > most:
        return Denied(NAME, f"the draft returns change in {len(change)} parts; at most {most} may be")
    if case.intent.purpose is not Purpose.VOID:
        return None
    if case.effects.calls:
        return Denied(NAME, f"a void does nothing; this draft calls {case.effects.calls[0].contract}")
    if network is not None and network.coins and not change:
        return Denied(NAME, "a void returns its coins; this draft leaves them all to the fee")
    return None


def _triple(one: Output | Payment) -> tuple[str, AssetId, int]:
    return one.recipient, one.amount.asset, one.amount.units
