"""Balances at a place in the ledger, as each account's last entry before it says: not summed up from entries,
so that a statement's sums prove something."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, tuple_

from keepcool.app.books.tables import balance_row, entry
from keepcool.app.statements.scope import Scope
from keepcool.app.statements.sums import Sums

ACCOUNTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """How far accounts were looked at."""

    after: tuple[str, str] | None = None
    is_done: bool = False


def collect(tx: Connection, scope: Scope, before: int, sums: Sums, state: Standing) -> Standing:
    """One step: add the balances of the next accounts, right before the entry `before`."""
    where = scope.of_balances()
    if state.after is not None:
        where.append(tuple_(balance_row.c.account, balance_row.c.asset) > tuple_(*state.after))
    places = tx.execute(
        select(balance_row.c.account, balance_row.c.asset)
        .where(*where)
        .order_by(balance_row.c.account, balance_row.c.asset)
        .limit(ACCOUNTS_AT_ONCE)
    ).all()
    kept = scope.kept(tx, [one.account for one in places])
    for account, asset, units in _last(tx, [(a, b) for a, b in places if a in kept], before):
        sums.add(asset, account.partition(":")[0], units)
    if len(places) < ACCOUNTS_AT_ONCE:
        return Standing(None, is_done=True)
    return Standing((places[-1].account, places[-1].asset))


def _last(tx: Connection, places: list[tuple[str, str]], before: int) -> list[tuple[str, str, int]]:
    """(account, asset, balance after its last entry). Each found by its index, however long the ledger."""
    found: list[tuple[str, str, int]] = []
    for account, asset in places:
        mine = (entry.c.account == account, entry.c.asset == asset, entry.c.id < before)
        newest = select(func.max(entry.c.id)).where(*mine).scalar_subquery()
        units = tx.execute(select(entry.c.balance).where(entry.c.id == newest)).scalar_one_or_none()
        if units is not None:
            found.append((account, asset, int(units)))
    return found
