"""The rows of spares and of their creators' transactions.

Laws: a creator's nonce belongs to one row before Keeper is asked for anything; a spare is given to one wallet
asked for, and the same asking again finds the same spare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Row, func, select

from keepcool.app.spares.tables import creator, errand, spare
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId, WalletId


class Stage(StrEnum):
    """Of a spare. WANTED: no creator makes it yet. MAKING: its transaction is on its way. MADE: it stands on
    the chain with exactly the owners of its record. LOST: Keeper has given it to somebody else."""

    WANTED = "wanted"
    MAKING = "making"
    MADE = "made"
    LOST = "lost"


class Purpose(StrEnum):
    """CREATE makes a wallet, SPREAD hands fee money from the purse to the other creators, CANCEL uses up a
    nonce for which Keeper has signed something that App does not know."""

    CREATE = "create"
    SPREAD = "spread"
    CANCEL = "cancel"


class Sent(StrEnum):
    """Of a creator's transaction. STORED: Keeper may have signed it. SIGNED: raw stored, may have been
    sent. DONE: in a block, and its nonce used up."""

    STORED = "stored"
    SIGNED = "signed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Creator:
    network: NetworkId
    address: str
    place: int


@dataclass(frozen=True, slots=True)
class Spare:
    number: int
    id: WalletId
    network: NetworkId
    stage: Stage
    address: str | None
    record: bytes | None
    given_for: str | None


@dataclass(frozen=True, slots=True)
class Errand:
    """One transaction of a creator. `hashes`: SHA-256 of every version Keeper has signed, the newest last;
    `fee` in pip of the coin creators pay in, failed attempts included; `block` the last that had it."""

    number: int
    network: NetworkId
    account: str
    nonce: int
    purpose: Purpose
    wallet: WalletId | None
    gas_price: int
    unsigned: bytes
    raw: bytes | None
    hashes: tuple[bytes, ...]
    stage: Sent
    block: int | None
    fee: int | None
    posted: bool
    sent_at_ms: int
    problem: str | None


def learn_creators(tx: Connection, network: NetworkId, addresses: Sequence[str]) -> list[Creator]:
    """As Keeper names them, the purse first. Raises Breach when it named another purse before."""
    known = {one.place: one.address for one in creators(tx, network)}
    if addresses and known.get(0, addresses[0]) != addresses[0]:
        text = f"Keeper's purse on {network} was {known[0]}, now it is {addresses[0]}"
        raise Breach("purse.changed", text)
    for place, address in enumerate(addresses):
        if known.get(place) is None:
            tx.execute(creator.insert().values(network=network, address=address, place=place))
    return [one for one in creators(tx, network) if one.address in addresses]


def creators(tx: Connection, network: NetworkId) -> list[Creator]:
    query = select(creator).where(creator.c.network == network).order_by(creator.c.place)
    return [Creator(NetworkId(row.network), row.address, row.place) for row in tx.execute(query)]


def add_spares(tx: Connection, network: NetworkId, ids: Sequence[WalletId], at_ms: int) -> None:
    for one in ids:
        row = {"id": one, "network": network, "stage": Stage.WANTED.value, "created_at_ms": at_ms}
        tx.execute(spare.insert().values(**row))


def given(tx: Connection, network: NetworkId, asked_as: WalletId, at_ms: int) -> Spare:
    """The spare of a wallet asked for: the one it was given before, else the oldest that stands, else the
    oldest on its way, else a new one under the id asked for."""
    before = _one(tx, spare.c.given_for == asked_as)
    if before is not None:
        return before
    for stage in (Stage.MADE, Stage.MAKING, Stage.WANTED):
        free = (spare.c.network == network, spare.c.stage == stage.value, spare.c.given_for.is_(None))
        row = tx.execute(select(spare).where(*free).order_by(spare.c.number).limit(1)).one_or_none()
        if row is not None:
            tx.execute(spare.update().where(spare.c.number == row.number).values(given_for=asked_as))
            return get_spare(tx, WalletId(row.id))
    add_spares(tx, network, [asked_as], at_ms)
    tx.execute(spare.update().where(spare.c.id == asked_as).values(given_for=asked_as))
    return get_spare(tx, asked_as)


def get_spare(tx: Connection, wallet: str) -> Spare:
    """Raises Conflict `wallet.not_reserved`."""
    found = _one(tx, spare.c.id == wallet)
    if found is None:
        raise Conflict("wallet.not_reserved", f"wallet {wallet[:64]} is not one that was made ahead")
    return found


def in_stage(tx: Connection, network: NetworkId, stage: Stage, limit: int) -> list[Spare]:
    """Those that somebody waits for come first."""
    query = select(spare).where(spare.c.network == network, spare.c.stage == stage.value)
    ordered = query.order_by(spare.c.given_for.is_(None), spare.c.number).limit(limit)
    return [_spare(row) for row in tx.execute(ordered)]


def free_count(tx: Connection, network: NetworkId) -> int:
    """Spares nobody has been given, standing or on their way."""
    lost = spare.c.stage == Stage.LOST.value
    query = select(func.count()).where(spare.c.network == network, spare.c.given_for.is_(None), ~lost)
    return int(tx.execute(query).scalar_one())


def update_spare(tx: Connection, wallet: str, **columns: object) -> None:
    tx.execute(spare.update().where(spare.c.id == wallet).values(**columns))


def add_errand(
    tx: Connection,
    *,
    network: NetworkId,
    account: str,
    nonce: int,
    purpose: Purpose,
    gas_price: int,
    unsigned: bytes = b"",
    wallet: WalletId | None = None,
) -> None:
    """Stored before Keeper is asked."""
    tx.execute(
        errand.insert().values(
            network=network,
            account=account,
            nonce=nonce,
            purpose=purpose.value,
            wallet=wallet,
            gas_price=gas_price,
            unsigned=unsigned,
            hashes="",
            stage=Sent.STORED.value,
            posted=False,
            sent_at_ms=0,
        )
    )


def errands(tx: Connection, network: NetworkId, *stages: Sent) -> list[Errand]:
    query = select(errand).where(
        errand.c.network == network, errand.c.stage.in_([stage.value for stage in stages])
    )
    return [_errand(row) for row in tx.execute(query.order_by(errand.c.number))]


def unposted(tx: Connection, network: NetworkId, until: int) -> list[Errand]:
    """Done in blocks up to this one, their fees not in the ledger yet."""
    query = select(errand).where(
        errand.c.network == network,
        errand.c.stage == Sent.DONE.value,
        errand.c.posted.is_(False),
        errand.c.block <= until,
    )
    return [_errand(row) for row in tx.execute(query.order_by(errand.c.number))]


def highest_nonce(tx: Connection, network: NetworkId, account: str) -> int:
    """0 when none was ever given out."""
    query = select(func.max(errand.c.nonce)).where(errand.c.network == network, errand.c.account == account)
    return int(tx.execute(query).scalar_one() or 0)


def update_errand(tx: Connection, number: int, **columns: object) -> None:
    tx.execute(errand.update().where(errand.c.number == number).values(**columns))


def forget_errand(tx: Connection, one: Errand) -> None:
    """Keeper has refused it before it remembered anything: nonce and spare are free again."""
    tx.execute(errand.delete().where(errand.c.number == one.number, errand.c.raw.is_(None)))
    if one.wallet is not None:
        update_spare(tx, one.wallet, stage=Stage.WANTED.value)


def _one(tx: Connection, condition: ColumnElement[bool]) -> Spare | None:
    row = tx.execute(select(spare).where(condition)).one_or_none()
    return None if row is None else _spare(row)


def _spare(row: Row[tuple[object, ...]]) -> Spare:
    return Spare(
        number=row.number,
        id=WalletId(row.id),
        network=NetworkId(row.network),
        stage=Stage(row.stage),
        address=row.address,
        record=None if row.record is None else bytes(row.record),
        given_for=row.given_for,
    )


def _errand(row: Row[tuple[object, ...]]) -> Errand:
    return Errand(
        number=row.number,
        network=NetworkId(row.network),
        account=row.account,
        nonce=row.nonce,
        purpose=Purpose(row.purpose),
        wallet=None if row.wallet is None else WalletId(row.wallet),
        gas_price=row.gas_price,
        unsigned=bytes(row.unsigned),
        raw=None if row.raw is None else bytes(row.raw),
        hashes=tuple(bytes.fromhex(one) for one in row.hashes.split()),
        stage=Sent(row.stage),
        block=row.block,
        fee=row.fee,
        posted=row.posted,
        sent_at_ms=row.sent_at_ms,
        problem=row.problem,
    )
