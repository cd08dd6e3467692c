"""Deposits that are outputs: one row each from the first sight in the pool on, in whatever block they stand.

Laws: an output in a block is pending until that block is deep enough; one that leaves its block is in the
pool again, and orphaned once it is not there either; one that comes back after it was taken back is a new
round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Executable, select

from keepcool.app.deposits.records import (
    IN_POOL,
    Claim,
    Deposit,
    State,
    get_deposit,
    of_row,
    values_of,
)
from keepcool.app.deposits.tables import deposit
from keepcool.app.events import telling
from keepcool.core.ids import NetworkId

_ASKED_AT_ONCE = 500


def put(tx: Connection, claims: Sequence[Claim], at_ms: int) -> None:
    """Each is pending where it was seen now. What a block shows, the pool cannot undo."""
    for start in range(0, len(claims), _ASKED_AT_ONCE):
        some = {claim.id(): claim for claim in claims[start : start + _ASKED_AT_ONCE]}
        known = set(tx.execute(select(deposit.c.id).where(deposit.c.id.in_(list(some)))).scalars())
        _put_new(tx, {name: claim for name, claim in some.items() if name not in known}, at_ms)
        for name in sorted(known):
            _seen_again(tx, name, some[name], at_ms)


def pending(tx: Connection, network: NetworkId, *, after: int, until: int, limit: int) -> list[Deposit]:
    """Those pending in blocks up to `until`, by their numbers, beyond the number `after`."""
    query = select(deposit).where(
        deposit.c.network == network,
        deposit.c.state == State.PENDING.value,
        deposit.c.block_number >= 0,
        deposit.c.block_number <= until,
        deposit.c.number > after,
    )
    return [of_row(row) for row in tx.execute(query.order_by(deposit.c.number).limit(limit))]


def decide(tx: Connection, some: Sequence[Deposit], state: State, at_ms: int) -> None:
    """What is on the ledger now, all of each."""
    posted = {"state": state.value, "posted": True, "decided_at_ms": at_ms}
    for start in range(0, len(some), _ASKED_AT_ONCE):
        chosen = deposit.c.number.in_([one.number for one in some[start : start + _ASKED_AT_ONCE]])
        tx.execute(deposit.update().where(chosen).values(confirmed=deposit.c.units, **posted))
    decided = [replace(one, confirmed=one.claim.units, posted=True, state=state) for one in some]
    telling.deposits(tx, decided, at_ms)


def orphan(tx: Connection, network: NetworkId, txids: Sequence[str], at_ms: int) -> None:
    """What these transactions would have brought: they are in no block and no longer in the pool."""
    gone = {"state": State.ORPHANED.value, "decided_at_ms": at_ms}
    for start in range(0, len(txids), _ASKED_AT_ONCE):
        _tell(
            tx,
            deposit.update()
            .where(
                deposit.c.network == network,
                deposit.c.transaction.in_(list(txids[start : start + _ASKED_AT_ONCE])),
                deposit.c.state == State.PENDING.value,
                deposit.c.block_number == IN_POOL,
            )
            .values(**gone)
            .returning(deposit),
            at_ms,
        )


def back_to_pool(tx: Connection, network: NetworkId, common: int, at_ms: int) -> None:
    """Blocks above `common` are no longer part of the chain: what was pending there waits for another."""
    _tell(
        tx,
        deposit.update()
        .where(
            deposit.c.network == network,
            deposit.c.state == State.PENDING.value,
            deposit.c.block_number > common,
        )
        .values(block_number=IN_POOL, block_hash="")
        .returning(deposit),
        at_ms,
    )


def _put_new(tx: Connection, some: Mapping[str, Claim], at_ms: int) -> None:
    if not some:
        return
    rows = [{"id": name, "seen_at_ms": at_ms, **values_of(claim)} for name, claim in some.items()]
    tx.execute(deposit.insert(), rows)
    named = select(deposit.c.id, deposit.c.number).where(deposit.c.id.in_(list(some)))
    numbers = {row.id: row.number for row in tx.execute(named)}
    fresh = [
        Deposit(
            number=numbers[name],
            id=name,
            claim=claim,
            confirmed=0,
            posted=False,
            round=0,
            state=State.PENDING,
            seen_at_ms=at_ms,
            decided_at_ms=None,
        )
        for name, claim in some.items()
    ]
    telling.deposits(tx, fresh, at_ms)


def _seen_again(tx: Connection, name: str, claim: Claim, at_ms: int) -> None:
    one = get_deposit(tx, name)
    place = {"block_number": claim.block_number, "block_hash": claim.block_hash}
    match one.state:
        case State.PENDING if claim.block_number != IN_POOL or one.claim.block_number == IN_POOL:
            values: dict[str, object] = {}
        case State.ORPHANED | State.REVERSED:
            again = one.round + (one.state is State.REVERSED)
            values = {"state": State.PENDING.value, "round": again, "confirmed": 0, "decided_at_ms": None}
        case State.PENDING | State.CREDITED | State.DUST | State.SHORT:
            return
    if values or (one.claim.block_number, one.claim.block_hash) != (claim.block_number, claim.block_hash):
        moved = deposit.update().where(deposit.c.id == name).values(**place, **values)
        _tell(tx, moved.returning(deposit), at_ms)


def _tell(tx: Connection, changed: Executable, at_ms: int) -> None:
    """Of the rows that a statement gives."""
    rows = tx.execute(changed).all()
    telling.deposits(tx, sorted(map(of_row, rows), key=lambda one: one.number), at_ms)
