"""Withdrawals as rows: read, made, and moved from one state to the next together with the ledger.

`step` is the only writer of a state: it advances the pure machine and posts what that owes in the same
database transaction, so a state and its money never part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from keepcool.app.books import ledger, undone
from keepcool.app.books.people import dump
from keepcool.app.events import telling
from keepcool.app.payouts import states, wallet_fees
from keepcool.app.payouts.tables import withdrawal
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.withdrawal import Effect, Event
from keepcool.core.withdrawal_states import State

PROBLEM_CHARS_MAX = 500
WAIT_MS_MAX = 60_000  # between two tries


class Kind(StrEnum):
    """A VOID pays nobody: it burns the slot of the withdrawal it `voids`. A BATCH holds nothing itself: it
    carries out the withdrawals that name it as their `batch`, all at once. A RESCUE moves what stands on no
    books."""

    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    TOPUP = "topup"
    VOID = "void"
    BATCH = "batch"
    RESCUE = "rescue"


INNER = (Kind.VOID, Kind.BATCH)  # the engine's own: nobody asked for them, and nothing is held for them
_HOLDING_NOTHING = (Kind.BATCH, Kind.RESCUE)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """`units` is paid to `recipient`, or shared out as `outputs` says. `slot` is the nonce of the wallet's
    account; `transaction` the one that carries it into a block. `fee_asset`: what the wallet itself pays
    its fee in, None where the purse does. `batch`: what carries it out together with others."""

    number: int
    id: str
    kind: Kind
    wallet: WalletId
    network: NetworkId
    asset: AssetId
    units: int
    recipient: str
    to_wallet: str | None
    fee_max: int
    external_id: str | None
    metadata: Mapping[str, str]
    voids: str | None
    state: State
    intent: bytes | None
    draft: bytes | None
    slot: int | None
    expires_at_s: int | None
    drafted_at_block: int | None
    tries: int
    try_after_ms: int
    problem: str | None
    transaction: str | None
    created_at_ms: int
    updated_at_ms: int
    outputs: tuple[tuple[str, int], ...] = ()
    fee_asset: AssetId | None = None
    batch: str | None = None

    @property
    def payments(self) -> tuple[tuple[str, int], ...]:
        """Recipients and their units."""
        return self.outputs or ((self.recipient, self.units),)


@dataclass(frozen=True, slots=True)
class NewWithdrawal:
    id: str
    kind: Kind
    wallet: WalletId
    network: NetworkId
    asset: AssetId
    units: int
    recipient: str
    fee_max: int
    to_wallet: str | None = None
    external_id: str | None = None
    metadata: Mapping[str, str] | None = None
    voids: str | None = None
    outputs: tuple[tuple[str, int], ...] = ()
    fee_asset: AssetId | None = None


def insert(tx: Connection, new: NewWithdrawal, now_ms: int) -> Withdrawal:
    """The row and, unless it is the engine's own, the hold. Raises Conflict when the owner has too little."""
    if new.kind not in (*INNER, Kind.RESCUE):
        ledger.hold(tx, withdrawal=new.id, wallet=new.wallet, asset=new.asset, units=new.units, at_ms=now_ms)
        if new.fee_asset is not None:
            wallet_fees.hold(tx, new, now_ms)
    row = {
        name: getattr(new, name)
        for name in ("id", "wallet", "network", "asset", "units", "recipient", "fee_max", "to_wallet")
    }
    tx.execute(
        withdrawal.insert().values(
            **row,
            kind=new.kind.value,
            external_id=new.external_id,
            metadata=dump(new.metadata or {}),
            voids=new.voids,
            outputs=json.dumps(new.outputs) if new.outputs else None,
            fee_asset=new.fee_asset,
            **_state_columns(lives.Requested()),
            tries=0,
            try_after_ms=0,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )
    return telling.withdrawal(tx, get(tx, new.id), now_ms)


def step(tx: Connection, withdrawal_id: str, event: Event, now_ms: int, **columns: object) -> Withdrawal:
    """Raises Conflict `withdrawal.transition` and changes nothing when the event is not legal now."""
    before = get(tx, withdrawal_id)
    after, effects = life.advance(before.state, event)
    row = {**_state_columns(after), "tries": 0, "try_after_ms": 0, "problem": None, **columns}
    where = withdrawal.c.id == withdrawal_id
    tx.execute(withdrawal.update().where(where).values(**row, updated_at_ms=now_ms))
    for effect in effects:
        _apply(tx, before, effect, now_ms)
    return telling.withdrawal(tx, get(tx, withdrawal_id), now_ms, before=before)


def is_due(one: Withdrawal, now_ms: int) -> bool:
    """Whether its wait is over. A longer wait than is ever given was set by a clock that was ahead."""
    return not now_ms < one.try_after_ms <= now_ms + WAIT_MS_MAX


def postpone(
    tx: Connection, withdrawal_id: str, *, now_ms: int, wait_ms: int, problem: str, failed: bool = True
) -> None:
    """Try again later; what went wrong is shown to the asker until then."""
    tries = get(tx, withdrawal_id).tries + 1 if failed else 0
    later = {"tries": tries, "try_after_ms": now_ms + min(wait_ms, WAIT_MS_MAX)}
    where = withdrawal.c.id == withdrawal_id
    tx.execute(withdrawal.update().where(where).values(**later, problem=problem[:PROBLEM_CHARS_MAX]))


def at_once(tx: Connection, withdrawal_id: str) -> None:
    """Its wait is over."""
    tx.execute(withdrawal.update().where(withdrawal.c.id == withdrawal_id).values(try_after_ms=0))


def get(tx: Connection, withdrawal_id: str) -> Withdrawal:
    """Raises Conflict `withdrawal.not_found`."""
    row = tx.execute(select(withdrawal).where(withdrawal.c.id == withdrawal_id)).one_or_none()
    if row is None:
        raise Conflict("withdrawal.not_found", f"there is no withdrawal {withdrawal_id[:64]}")
    return read(row)


def named(tx: Connection, external_id: str) -> Withdrawal | None:
    row = tx.execute(select(withdrawal).where(withdrawal.c.external_id == external_id)).one_or_none()
    return None if row is None else read(row)


def rows(tx: Connection, query: Select[tuple[object, ...]]) -> list[Withdrawal]:
    return [read(row) for row in tx.execute(query)]


def in_states(
    tx: Connection, network: NetworkId, kinds: Sequence[type[State]], *, limit: int, due_ms: int | None = None
) -> list[Withdrawal]:
    """Open withdrawals in these states, oldest first, but those that a batch carries out; with `due_ms` only
    those whose wait is over."""
    names = [lives.name_of(kind) for kind in kinds]
    where = (withdrawal.c.network == network, withdrawal.c.open.is_(True), withdrawal.c.state.in_(names))
    query = select(withdrawal).where(*where, withdrawal.c.batch.is_(None))
    query = query.order_by(withdrawal.c.number).limit(limit)
    if due_ms is not None:
        query = query.where(~_waits(due_ms))
    return rows(tx, query)


def wallets_waiting(tx: Connection, network: NetworkId, *, limit: int, due_ms: int) -> list[WalletId]:
    """Wallets that ask for a turn and have nothing else under way, the longest waiting first: however much
    waits behind one wallet, it counts once."""
    requested, uncertain = (lives.name_of(one) for one in (lives.Requested, lives.Uncertain))
    other = withdrawal.alias()
    quiet = (requested, uncertain)
    busy = select(other.c.id).where(other.c.wallet == withdrawal.c.wallet, other.c.open.is_(True))
    asking = (
        withdrawal.c.network == network,
        withdrawal.c.open.is_(True),
        withdrawal.c.state == requested,
        ~_waits(due_ms),
        ~busy.where(other.c.state.not_in(quiet)).exists(),
    )
    query = select(withdrawal.c.wallet).where(*asking).group_by(withdrawal.c.wallet)
    found = tx.execute(query.order_by(func.min(withdrawal.c.number)).limit(limit))
    return [WalletId(row.wallet) for row in found]


def _waits(now_ms: int) -> ColumnElement[bool]:
    return withdrawal.c.try_after_ms.between(now_ms + 1, now_ms + WAIT_MS_MAX)


def open_of_wallet(tx: Connection, wallet: WalletId) -> list[Withdrawal]:
    """In the order of their making."""
    where = (withdrawal.c.wallet == wallet, withdrawal.c.open.is_(True))
    return rows(tx, select(withdrawal).where(*where).order_by(withdrawal.c.number))


def voids_of(tx: Connection, withdrawal_id: str) -> list[Withdrawal]:
    query = select(withdrawal).where(withdrawal.c.voids == withdrawal_id).order_by(withdrawal.c.number)
    return rows(tx, query)


def highest_slot_used(tx: Connection, wallet: WalletId) -> int:
    """The highest nonce this wallet is known to have consumed, -1 for none."""
    used = [lives.name_of(kind) for kind in (lives.Confirmed, lives.Replaced)]
    query = select(func.max(withdrawal.c.slot)).where(
        withdrawal.c.wallet == wallet, withdrawal.c.state.in_(used)
    )
    found = tx.execute(query).scalar_one_or_none()
    return -1 if found is None else int(found)


def drafted(tx: Connection, wallet: WalletId, digests: Sequence[str]) -> frozenset[str]:
    """Those of these digests that this wallet's withdrawals have had."""
    query = select(withdrawal.c.digest).where(withdrawal.c.wallet == wallet, withdrawal.c.digest.in_(digests))
    return frozenset(tx.execute(query).scalars())


def is_under_way(void: Withdrawal) -> bool:
    """Whether a void may still be signed and sent. One that expired half signed stays uncertain until its
    slot is used, by itself or by the next."""
    given_up = isinstance(void.state, lives.Uncertain) and void.state.then is not None
    return lives.is_open(void.state) and not given_up


def name_transaction(tx: Connection, withdrawal_id: str, transaction: str) -> None:
    """What it is called on the network, stored before it is sent."""
    where = withdrawal.c.id == withdrawal_id
    tx.execute(withdrawal.update().where(where).values(transaction=transaction))


def request_void(tx: Connection, target: Withdrawal, now_ms: int) -> Withdrawal:
    """A void for the slot of `target`, unless one is on its way."""
    earlier = voids_of(tx, target.id)
    open_ones = [one for one in earlier if is_under_way(one)]
    if open_ones:
        return open_ones[0]
    return insert(
        tx,
        NewWithdrawal(
            id=f"{target.id}.v{len(earlier) + 1}",
            kind=Kind.VOID,
            wallet=target.wallet,
            network=target.network,
            asset=target.asset,
            units=0,
            recipient="",
            fee_max=target.fee_max,
            voids=target.id,
            fee_asset=target.fee_asset,
        ),
        now_ms,
    )


def _apply(tx: Connection, before: Withdrawal, effect: Effect, now_ms: int) -> None:
    if before.kind is Kind.VOID or (before.kind in _HOLDING_NOTHING and effect is not Effect.BURN):
        return  # holds nothing; a void is not voided itself
    name, wallet, asset, units = before.id, before.wallet, before.asset, before.units
    match effect:
        case Effect.RELEASE:
            ledger.release(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=now_ms)
        case Effect.SETTLE:
            ledger.settle_payout(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=now_ms)
        case Effect.RETURN:
            undone.payout(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=now_ms)
        case Effect.BURN:
            request_void(tx, before, now_ms)
        case _ as never:
            assert_never(never)
    if effect in (Effect.RELEASE, Effect.SETTLE) and before.fee_asset is not None:
        wallet_fees.release(tx, before, now_ms)


def _state_columns(state: State) -> dict[str, object]:
    return {
        "state": lives.name_of(state),
        "state_json": states.encode(state),
        "open": lives.is_open(state),
    }


def read(row: Row[tuple[object, ...]]) -> Withdrawal:
    return Withdrawal(
        number=row.number,
        id=row.id,
        kind=Kind(row.kind),
        wallet=WalletId(row.wallet),
        network=NetworkId(row.network),
        asset=AssetId(row.asset),
        units=row.units,
        recipient=row.recipient,
        to_wallet=row.to_wallet,
        fee_max=row.fee_max,
        external_id=row.external_id,
        metadata=json.loads(row.metadata),
        voids=row.voids,
        state=states.decode(row.state_json),
        intent=None if row.intent is None else bytes(row.intent),
        draft=None if row.draft is None else bytes(row.draft),
        slot=row.slot,
        expires_at_s=row.expires_at_s,
        drafted_at_block=row.drafted_at_block,
        tries=row.tries,
        try_after_ms=row.try_after_ms,
        problem=row.problem,
        transaction=row.transaction,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
        outputs=tuple((to, units) for to, units in json.loads(row.outputs or "[]")),
        fee_asset=None if row.fee_asset is None else AssetId(row.fee_asset),
        batch=row.batch,
    )
