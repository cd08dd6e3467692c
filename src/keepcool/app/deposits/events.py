"""What the follower found wrong, told once each, and what stands frozen because of it.

A freeze stays until a person thaws it. Payouts ask `frozen` before anything is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, or_, select

from keepcool.app.deposits.tables import event
from keepcool.app.events import telling
from keepcool.app.upserts import upsert
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, WalletId


class Freezes(StrEnum):
    NOTHING = ""
    WALLET = "wallet"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Event:
    """`code` is stable: deposit.short, deposit.reversed, deposit.to_change, deposit.to_nobody,
    wallet.spent_without_us, wallet.unknown_execution, payout.late, payout.undone,
    payout.paid_by_given_up, payout.settled_by_hand, chain.reorganised_deep, chain.no_common_block,
    node.disagree, token.silent, books.restored, payout.recalled."""

    number: int
    at_ms: int
    network: NetworkId
    wallet: WalletId | None
    code: str
    text: str
    freezes: Freezes
    thawed_at_ms: int | None


def record(
    tx: Connection,
    *,
    key: str,
    at_ms: int,
    network: NetworkId,
    code: str,
    text: str,
    wallet: WalletId | None = None,
    freezes: Freezes = Freezes.NOTHING,
) -> None:
    """Once per key."""
    row = {"at_ms": at_ms, "network": network, "wallet": wallet, "text": text}
    made = tx.execute(
        upsert(event)
        .values(key=f"{network}:{key}"[:200], code=code, freezes=freezes.value, **row)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(event)
    ).one_or_none()
    if made is not None:
        telling.finding(tx, _event(made), at_ms)


def frozen(tx: Connection, network: NetworkId, wallet: WalletId) -> Event | None:
    """What forbids payments from this wallet: the first freeze of it or of its whole network."""
    of_wallet = (event.c.freezes == Freezes.WALLET.value) & (event.c.wallet == wallet)
    query = select(event).where(
        event.c.network == network,
        event.c.thawed_at_ms.is_(None),
        or_(event.c.freezes == Freezes.NETWORK.value, of_wallet),
    )
    row = tx.execute(query.order_by(event.c.number).limit(1)).one_or_none()
    return None if row is None else _event(row)


def thaw(tx: Connection, number: int, at_ms: int) -> Event:
    """A person has looked into it. Raises Conflict `event.not_found`; thawing twice changes nothing."""
    found = event.c.number == number
    news = event.update().where(found, event.c.thawed_at_ms.is_(None)).values(thawed_at_ms=at_ms)
    thawed = tx.execute(news.returning(event)).one_or_none()
    if thawed is not None:
        telling.finding(tx, _event(thawed), at_ms)
    row = tx.execute(select(event).where(found)).one_or_none()
    if row is None:
        raise Conflict("event.not_found", f"there is no event {number}")
    return _event(row)


def list_events(tx: Connection, *, limit: int, after: int = 0, network: str | None = None) -> list[Event]:
    """In the order they were found; `after` is the number of the last one seen."""
    query = select(event).where(event.c.number > after).order_by(event.c.number).limit(limit)
    if network is not None:
        query = query.where(event.c.network == network)
    return [_event(row) for row in tx.execute(query)]


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(
        number=row.number,
        at_ms=row.at_ms,
        network=NetworkId(row.network),
        wallet=None if row.wallet is None else WalletId(row.wallet),
        code=row.code,
        text=row.text,
        freezes=Freezes(row.freezes),
        thawed_at_ms=row.thawed_at_ms,
    )
