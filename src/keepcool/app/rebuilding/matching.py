"""Withdrawals that are still open in the books and were paid by a recalled payment.

Laws: what pays a withdrawal pays exactly its recipients and amounts, out of its own wallet or pool, and was
signed after it was asked for; where fewer payments than withdrawals of several owners would fit, a person
says which; what was paid is paid once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, select

from keepcool.app.payouts import store, wallet_fees
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools.tables import member
from keepcool.app.rebuilding import payments
from keepcool.app.rebuilding.payments import PaidOutput, Recalled
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId
from keepcool.core.withdrawal import Paid
from keepcool.core.withdrawal_states import Draft, Inclusion, is_open

_CLOCKS_MS = 60_000  # App's and a signer's may differ


@dataclass(frozen=True, slots=True)
class Share:
    """A withdrawal's part of what one transaction cost."""

    key: str
    fee: int
    fee_asset: AssetId


@dataclass(frozen=True, slots=True)
class Final:
    """A recalled payment that is final: where it stands, and what each of its outputs has cost its wallet."""

    payment: Recalled
    inclusion: Inclusion
    costs: Sequence[int]
    fee_asset: AssetId
    at_ms: int


def pay(tx: Connection, final: Final, outputs: Sequence[PaidOutput]) -> list[PaidOutput]:
    """Open withdrawals that these outputs have paid are confirmed. The outputs that are left."""
    left = list(outputs)
    for wanted, some in _asking(tx, final.payment).items():
        taken = _taken(left, wanted)
        sets = [taken] if taken else []
        while taken and len(sets) < len(some):
            taken = _taken([one for one in left if all(one not in each for each in sets)], wanted)
            sets += [taken] if taken else []
        if len(sets) < len(some) and len({one.wallet for one in some}) > 1:
            continue
        for one, paid in zip(some, sets, strict=False):
            confirm(tx, final, one, paid)
            left = [each for each in left if each not in paid]
    return left


def confirm(tx: Connection, final: Final, one: Withdrawal, paid: Sequence[PaidOutput]) -> None:
    """These outputs have paid it. Raises Conflict when it has ended, or asked for something else."""
    wanted = Counter((to, one.asset, units) for to, units in one.payments)
    if not is_open(one.state) or wanted != Counter((out.recipient, out.asset, out.units) for out in paid):
        raise Conflict(
            "restore.withdrawal", f"withdrawal {one.id} did not ask for exactly this, or has ended"
        )
    number, transaction = final.payment.number, final.inclusion.transaction
    places = [out.place for out in paid]
    key = sha256(f"recalled:{final.payment.network}:{transaction}:{one.id}".encode()).hexdigest()
    cost = sum(final.costs[place] for place in places)
    wallet_fees.paid(tx, one, Share(key, cost, final.fee_asset), final.at_ms)
    slot = Slot(one.network, one.wallet, one.slot or 0)
    draft = Draft(slot, final.payment.digest)
    store.step(tx, one.id, Paid(draft, final.inclusion), final.at_ms, transaction=transaction)
    payments.set_booked(tx, number, places, one.wallet, one.id)


def _asking(tx: Connection, one: Recalled) -> dict[tuple[tuple[str, str, int], ...], list[Withdrawal]]:
    """Open withdrawals of this source, the oldest first, by what they ask for."""
    pooled = select(member.c.wallet).where(member.c.pool == one.source)
    query = select(withdrawal).where(
        withdrawal.c.network == one.network,
        withdrawal.c.open.is_(True),
        withdrawal.c.kind.not_in([one.value for one in store.INNER]),
        withdrawal.c.created_at_ms <= one.signed_at_s * 1000 + _CLOCKS_MS,
        (withdrawal.c.wallet == one.source) | withdrawal.c.wallet.in_(pooled),
    )
    found: dict[tuple[tuple[str, str, int], ...], list[Withdrawal]] = defaultdict(list)
    for each in store.rows(tx, query.order_by(withdrawal.c.number)):
        found[tuple(sorted((to, each.asset, units) for to, units in each.payments))].append(each)
    return found


def _taken(left: Sequence[PaidOutput], wanted: Sequence[tuple[str, str, int]]) -> list[PaidOutput]:
    """Outputs that are exactly these payments, none when one is missing."""
    missing, taken = Counter(wanted), []
    for one in left:
        name = (one.recipient, str(one.asset), one.units)
        if missing[name]:
            missing[name] -= 1
            taken.append(one)
    return taken if not +missing else []
