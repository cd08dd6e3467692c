"""The creators' books: what they hold together at a block is what the ledger says, fees and top-ups included.

At block B:  top-up = balances(B) + fees of ours in blocks up to B, not yet posted - ledger. What cannot be
explained is told and never booked away.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from keepcool.app.books import accounts as ledger_accounts
from keepcool.app.books import ledger
from keepcool.app.payouts.tables import purse
from keepcool.app.spares import rows
from keepcool.app.spares.lane import Lane
from keepcool.app.spares.making import LOW_CREATES
from keepcool.app.spares.rows import Creator, Sent
from keepcool.ports.minternode import Account


async def reconcile(lane: Lane, creators: Sequence[Creator], cost: int) -> bool:
    """Whether anything was posted. Waits while a block holds something of a creator that was not seen yet."""
    height = (await lane.node.check()).height
    found = await lane.accounts([one.address for one in creators], height)

    def work(tx: Connection) -> bool:
        if any(_unseen(tx, lane, account) for account in found.values()):
            return False
        total = sum(one.pip() for one in found.values())
        posted = _post(tx, lane, creators[0], total, height)
        _remember(tx, lane, creators[0], total=total, height=height, cost=cost)
        return posted

    return await lane.store.run(work)


def _post(tx: Connection, lane: Lane, first: Creator, total: int, height: int) -> bool:
    due = rows.unposted(tx, lane.network, height)
    fees = sum(one.fee or 0 for one in due)
    booked = ledger.balance(tx, ledger_accounts.purse(lane.network), lane.plan.native)
    gained = total + fees - booked
    at_ms = lane.clock.now_ms()
    if gained > 0:
        ledger.purse_topup(
            tx,
            network=lane.network,
            asset=lane.plan.native,
            units=gained,
            source=f"block {height}",
            at_ms=at_ms,
        )
    if gained < 0:
        text = f"the creators hold {-gained} pip less than their books explain; was a key used elsewhere?"
        lane.note_in(tx, "purse.missing", first.address, text)
    for one in due:
        if one.fee:
            ledger.purse_fee(
                tx,
                network=lane.network,
                asset=lane.plan.native,
                units=one.fee,
                transaction=one.hashes[-1].hex(),
                at_ms=at_ms,
                wallet=one.wallet,
            )
        rows.update_errand(tx, one.number, posted=True)
    return bool(due) or gained > 0


def _unseen(tx: Connection, lane: Lane, account: Account) -> bool:
    """A block has taken something of this creator of which no row says so yet, or a fee is still unknown."""
    done = [one for one in rows.errands(tx, lane.network, Sent.DONE) if one.account == account.address]
    return account.transaction_count != max((one.nonce for one in done), default=0)


def _remember(tx: Connection, lane: Lane, first: Creator, *, total: int, height: int, cost: int) -> None:
    row = {
        "balance": total,
        "reconciled_block": height,
        "low": total < LOW_CREATES * cost,
        "updated_at_ms": lane.clock.now_ms(),
    }
    known = tx.execute(select(purse.c.low).where(purse.c.network == lane.network)).one_or_none()
    if known is None:
        tx.execute(purse.insert().values(network=lane.network, address=first.address, **row))
    else:
        tx.execute(purse.update().where(purse.c.network == lane.network).values(**row))
    if row["low"] and (known is None or not known.low):
        text = f"{total} pip left: top up {first.address}"
        lane.note_in(tx, "purse.low", first.address, text)
