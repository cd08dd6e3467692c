"""Who gets credited: the owner of every output that lies deep enough, for all of it.

Laws: the depth is that of the whole transaction's payments to us, so that a large one cannot pass as many
small ones; what was mined waits until it may be spent; what is below the minimum is on the books as dust. One
database transaction credits a bounded number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from keepcool.app.books import dust, ledger
from keepcool.app.coins.tables import coin
from keepcool.app.controls import suspensions
from keepcool.app.deposits.bitcoin import outputs
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.records import Deposit, State

AT_ONCE = 2_000  # few, large transactions: each rewrites pages of every index of hashes


@dataclass(frozen=True, slots=True)
class Settled:
    """`after`: the number of the last deposit looked at; None when there are no more."""

    credited: int
    after: int | None


def settle(tx: Connection, terms: Terms, scanned: int, after: int, at_ms: int) -> Settled:
    """Credits what is due among the next deposits beyond the number `after`. `scanned`: the last block
    read."""
    least = min(depth for _, depth in terms.row.confirmations)
    pending = outputs.pending(tx, terms.network, after=after, until=scanned - least + 1, limit=AT_ONCE)
    facts = _facts(tx, terms, pending)
    held = suspensions.holds_deposits(tx, terms.network, terms.row.asset)
    due = [one for one in pending if not held and _is_due(one, facts, terms, scanned)]
    for state, credit in ((State.CREDITED, ledger.credit_deposits), (State.DUST, dust.credit_dust)):
        some = [one for one in due if _state(terms, one) is state]
        named = [(one.ledger_name, one.claim.wallet, one.claim.units) for one in some]
        credit(tx, named, terms.row.asset, at_ms)
        outputs.decide(tx, some, state, at_ms)
    return Settled(len(due), pending[-1].number if len(pending) == AT_ONCE else None)


@dataclass(frozen=True, slots=True)
class _Fact:
    """Of one transaction: what it pays us in all, and the first block that may spend it."""

    paid_sat: int
    matures: int


def _facts(tx: Connection, terms: Terms, some: Sequence[Deposit]) -> dict[str, _Fact]:
    txids = sorted({one.claim.transaction for one in some if one.claim.transaction is not None})
    query = (
        select(coin.c.txid, func.sum(coin.c.amount_sat).label("paid"), func.max(coin.c.matures).label("ripe"))
        .where(coin.c.network == terms.network, coin.c.txid.in_(txids))
        .group_by(coin.c.txid)
    )
    return {row.txid: _Fact(int(row.paid), int(row.ripe)) for row in tx.execute(query)}


def _is_due(one: Deposit, facts: dict[str, _Fact], terms: Terms, scanned: int) -> bool:
    fact = facts.get(one.claim.transaction or "")
    if fact is None:  # no coin, no credit
        return False
    deep = scanned - one.claim.block_number + 1
    return deep >= terms.row.depth_blocks(fact.paid_sat) and fact.matures <= scanned + 1


def _state(terms: Terms, one: Deposit) -> State:
    return State.CREDITED if one.claim.units >= terms.dust_below else State.DUST
