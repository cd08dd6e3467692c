"""Users, assets and networks that are suspended: nothing is paid out, what was asked for waits.

Laws: one suspension of a subject at a time, each with its reason, who ordered it and who ended it; deposits
go on being seen, and are credited unless an asset's or network's suspension holds them; begun and ended are
told in the transaction that does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, and_, or_, select

from keepcool.app.books import people
from keepcool.app.controls.reasons import check_reason
from keepcool.app.controls.tables import ACTIVE, suspension
from keepcool.app.events import log, telling
from keepcool.app.events.log import News, Subject
from keepcool.core.canonical import Plain
from keepcool.core.errors import Conflict, Malformed


class Kind(StrEnum):
    USER = "user"
    ASSET = "asset"
    NETWORK = "network"


class Deposits(StrEnum):
    """HOLD: what comes in stays pending until it is resumed."""

    CREDIT = "credit"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Suspension:
    number: int
    kind: Kind
    subject: str
    deposits: Deposits
    reason: str
    by: str
    at_ms: int
    ended_reason: str | None
    ended_by: str | None
    ended_at_ms: int | None

    @property
    def text(self) -> str:
        """For whoever asks why nothing happens."""
        return f"{self.kind.value} {self.subject} is suspended: {self.reason}"


@dataclass(frozen=True, slots=True)
class Wish:
    """`by`: the name of the API key that orders it."""

    kind: Kind
    subject: str
    reason: str
    by: str
    deposits: Deposits = Deposits.CREDIT


def suspend(tx: Connection, wish: Wish, at_ms: int) -> Suspension:
    """The same again changes nothing. Raises Conflict `suspension.other` when it is suspended otherwise, and
    `user.not_found`; Malformed without a reason, and on a user whose deposits are to be held."""
    _check(tx, wish)
    known = find(tx, wish.kind, wish.subject)
    if known is not None:
        if known.deposits is not wish.deposits:
            text = f"{wish.subject[:200]} is suspended with deposits: {known.deposits.value}; resume it first"
            raise Conflict("suspension.other", text)
        return known
    row = {"kind": wish.kind.value, "subject": wish.subject, "deposits": wish.deposits.value}
    tx.execute(
        suspension.insert().values(**row, reason=wish.reason.strip(), by=wish.by, at_ms=at_ms, active=ACTIVE)
    )
    made = find(tx, wish.kind, wish.subject)
    if made is None:
        raise Conflict("suspension.insert", "the suspension was not stored")
    _tell(tx, made, "suspended", at_ms)
    return made


def resume(tx: Connection, kind: Kind, subject: str, *, reason: str, by: str, at_ms: int) -> Suspension:
    """What waited goes on. Raises Conflict `suspension.not_found`."""
    known = find(tx, kind, subject)
    if known is None:
        raise Conflict("suspension.not_found", f"{kind.value} {subject[:200]} is not suspended")
    check_reason(reason)
    ended = {"active": None, "ended_reason": reason.strip(), "ended_by": by, "ended_at_ms": at_ms}
    tx.execute(suspension.update().where(suspension.c.number == known.number).values(**ended))
    row = tx.execute(select(suspension).where(suspension.c.number == known.number)).one()
    over = _read(row)
    _tell(tx, over, "resumed", at_ms)
    return over


def find(tx: Connection, kind: Kind, subject: str) -> Suspension | None:
    """The one in force."""
    here = (suspension.c.kind == kind.value, suspension.c.subject == subject)
    row = tx.execute(select(suspension).where(*here, suspension.c.active == ACTIVE)).one_or_none()
    return None if row is None else _read(row)


def listed(
    tx: Connection, *, limit: int, before: int | None = None, active: bool = False
) -> list[Suspension]:
    """Newest first, those that have ended as well."""
    query = select(suspension).order_by(suspension.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(suspension.c.number < before)
    if active:
        query = query.where(suspension.c.active == ACTIVE)
    return [_read(row) for row in tx.execute(query)]


def of_subjects(tx: Connection, kind: Kind, subjects: Sequence[str]) -> dict[str, Suspension]:
    """Those in force, by subject."""
    found: dict[str, Suspension] = {}
    for start in range(0, len(subjects), 500):
        chosen = suspension.c.subject.in_(subjects[start : start + 500])
        here = (suspension.c.kind == kind.value, suspension.c.active == ACTIVE, chosen)
        found |= {row.subject: _read(row) for row in tx.execute(select(suspension).where(*here))}
    return found


def stopping(
    tx: Connection, *, network: str, asset: str | None = None, wallet: str | None = None
) -> Suspension | None:
    """What forbids payments of this asset out of this wallet, the oldest first."""
    owner = None if wallet is None else telling.owner(tx, wallet)
    named = [(Kind.NETWORK, network), (Kind.ASSET, asset), (Kind.USER, owner)]
    any_of = [
        and_(suspension.c.kind == kind.value, suspension.c.subject == subject)
        for kind, subject in named
        if subject is not None
    ]
    query = select(suspension).where(suspension.c.active == ACTIVE, or_(*any_of))
    row = tx.execute(query.order_by(suspension.c.number).limit(1)).one_or_none()
    return None if row is None else _read(row)


def refuse(tx: Connection, *, network: str, asset: str | None = None, wallet: str | None = None) -> None:
    """Raises Conflict `user.suspended`, `asset.suspended` or `network.suspended`."""
    found = stopping(tx, network=network, asset=asset, wallet=wallet)
    if found is not None:
        raise Conflict(f"{found.kind.value}.suspended", found.text)


def refuse_user(tx: Connection, user: str) -> None:
    """Raises Conflict `user.suspended`: no new address is made for him."""
    found = find(tx, Kind.USER, user)
    if found is not None:
        raise Conflict("user.suspended", f"user {user} is suspended: {found.reason}")


def holds_deposits(tx: Connection, network: str, asset: str) -> bool:
    """Whether what comes in of it stays pending for now."""
    mine = or_(
        and_(suspension.c.kind == Kind.NETWORK.value, suspension.c.subject == network),
        and_(suspension.c.kind == Kind.ASSET.value, suspension.c.subject == asset),
    )
    held = (suspension.c.active == ACTIVE, suspension.c.deposits == Deposits.HOLD.value)
    return tx.execute(select(suspension.c.number).where(*held, mine).limit(1)).first() is not None


def _check(tx: Connection, wish: Wish) -> None:
    check_reason(wish.reason)
    if wish.kind is Kind.USER:
        people.get_user(tx, wish.subject)
        if wish.deposits is Deposits.HOLD:
            text = "a suspended user's deposits are credited; hold those of an asset or a network"
            raise Malformed("suspension.deposits", text)


def _tell(tx: Connection, one: Suspension, what: str, at_ms: int) -> None:
    user = one.subject if one.kind is Kind.USER else None
    network = None if one.kind is Kind.USER else one.subject.partition("/")[0]
    data: dict[str, Plain] = {
        "suspension": one.number,
        "kind": one.kind.value,
        "subject": one.subject,
        "deposits": one.deposits.value,
        "reason": one.reason if one.ended_reason is None else one.ended_reason,
        "by": one.by if one.ended_by is None else one.ended_by,
        "user": user,
        "network": network,
    }
    log.append(tx, News(f"{one.kind.value}.{what}", Subject(network=network, user=user), data), at_ms)


def _read(row: Row[tuple[object, ...]]) -> Suspension:
    return Suspension(
        number=row.number,
        kind=Kind(row.kind),
        subject=row.subject,
        deposits=Deposits(row.deposits),
        reason=row.reason,
        by=row.by,
        at_ms=row.at_ms,
        ended_reason=row.ended_reason,
        ended_by=row.ended_by,
        ended_at_ms=row.ended_at_ms,
    )
