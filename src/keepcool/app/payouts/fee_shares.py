"""What a withdrawal has cost the purse: its own transactions, and its share of those it had with others.

Law: a batch's fee is shared by the payments in it, to the unit; the shares add up to the fee.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.payouts import carried
from keepcool.app.payouts.bitcoin.booking import shares
from keepcool.app.payouts.purses import Attempt, Stage
from keepcool.app.payouts.store import Withdrawal


def of_purse(tx: Connection, one: Withdrawal, attempts: Sequence[Attempt]) -> list[int]:
    """Of each final transaction among these, which are the withdrawal's or its batch's."""
    paid = [attempt.fee_paid or 0 for attempt in attempts if attempt.stage is Stage.FINAL]
    if one.batch is None:
        return paid
    together = carried.members(tx, one.batch)
    place = [each.id for each in together].index(one.id)
    parts = [len(each.payments) for each in together]
    return [shares(fee, parts)[place] for fee in paid]
