"""Coins on their way within a pool: from users' addresses to its treasury. They are nobody's deposit.

Laws: a passage explains a balance only as far as the treasury's own balance has borne it out, so a token that
tells of transfers it did not make credits nobody; what is lost on the way is the pool's cost, booked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from keepcool.app.deposits import position
from keepcool.app.deposits.tables import lying, passage
from keepcool.app.pools import books, rows
from keepcool.app.upserts import upsert
from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True)
class Passage:
    """`units` left an address of `wallet`; `arrived` of them came to the treasury. Of the log at `position`
    of its block."""

    network: NetworkId
    wallet: WalletId
    treasury: WalletId
    asset: AssetId
    units: int
    arrived: int
    block_number: int
    position: int


def add(tx: Connection, one: Passage) -> None:
    """Once for each log."""
    values = {name: getattr(one, name) for name in Passage.__slots__}
    tx.execute(upsert(passage).values(**values, borne=False).on_conflict_do_nothing())


def net(tx: Connection, wallet: WalletId, asset: AssetId, *, after: int, until: int) -> int:
    """What left this wallet's addresses by passages in these blocks, less what came to it by them."""
    inside = (passage.c.asset == asset, passage.c.block_number > after, passage.c.block_number <= until)
    left = tx.execute(select(passage.c.units).where(passage.c.wallet == wallet, *inside)).scalars()
    came = tx.execute(select(passage.c.arrived).where(passage.c.treasury == wallet, *inside)).scalars()
    return sum(map(int, left)) - sum(map(int, came))


def unproven(tx: Connection, wallet: WalletId, asset: AssetId, until: int) -> bool:
    """Whether a passage from this wallet up to block `until` was not borne out by its treasury's balance."""
    query = select(func.count()).where(
        passage.c.wallet == wallet,
        passage.c.treasury != wallet,
        passage.c.asset == asset,
        passage.c.block_number <= until,
        passage.c.borne.is_(False),
    )
    return bool(tx.execute(query).scalar_one())


def refuted(tx: Connection, wallet: WalletId, asset: AssetId, until: int) -> bool:
    """Whether a treasury's balance was confirmed after such a passage, and has not borne it out."""
    query = select(passage.c.treasury, func.min(passage.c.block_number).label("first")).where(
        passage.c.wallet == wallet,
        passage.c.treasury != wallet,
        passage.c.asset == asset,
        passage.c.block_number <= until,
        passage.c.borne.is_(False),
    )
    told = tx.execute(query.group_by(passage.c.treasury)).all()
    return any(position.settled(tx, WalletId(row.treasury), asset).block_number >= row.first for row in told)


def bear_out(tx: Connection, treasury: WalletId, asset: AssetId, until: int, at_ms: int) -> None:
    """The treasury holds what passages up to block `until` brought. What was lost on the way is its cost."""
    mine = (passage.c.treasury == treasury, passage.c.asset == asset, passage.c.block_number <= until)
    for row in tx.execute(select(passage).where(*mine, passage.c.borne.is_(False))).all():
        lost = int(row.units) - int(row.arrived)
        if lost:
            books.fee(tx, key=_key(row.number), pool=treasury, asset=asset, units=lost, at_ms=at_ms)
    tx.execute(passage.update().where(*mine).values(borne=True))


def rewind(tx: Connection, network: NetworkId, number: int, at_ms: int) -> None:
    """The blocks above `number` are no longer part of the chain."""
    gone = (passage.c.network == network, passage.c.block_number > number)
    for row in tx.execute(select(passage).where(*gone)).all():
        books.fee_undone(tx, key=_key(row.number), pool=WalletId(row.treasury), at_ms=at_ms)
    tx.execute(delete(passage).where(*gone))


def note_lying(tx: Connection, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """So much lies at the addresses of a pool's member; nothing is told of others."""
    member = rows.find_member(tx, wallet)
    if member is not None:
        _note(tx, wallet, asset, units, pool=member.pool, at_ms=at_ms)


def note_strays(tx: Connection, pool: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """So much of a pool's own lies outside its treasury, at addresses that nobody has."""
    _note(tx, pool, asset, units, pool=pool, at_ms=at_ms)


def _note(
    tx: Connection, wallet: WalletId, asset: AssetId, units: int, *, pool: WalletId, at_ms: int
) -> None:
    mine = (lying.c.wallet == wallet, lying.c.asset == asset)
    if not units:
        tx.execute(delete(lying).where(*mine))
        return
    known = tx.execute(select(lying.c.units).where(*mine)).scalar_one_or_none()
    row = upsert(lying).values(
        wallet=wallet,
        asset=asset,
        pool=pool,
        units=units,
        since_ms=at_ms,
        tries=0,
        tried_at_ms=0,
    )
    fresh = {"units": units, "tries": 0} if known is not None and int(known) != units else {"units": units}
    tx.execute(row.on_conflict_do_update(index_elements=["wallet", "asset"], set_=fresh))


def tried(tx: Connection, some: Sequence[tuple[WalletId, AssetId]], at_ms: int) -> None:
    for wallet, asset in some:
        mine = (lying.c.wallet == wallet, lying.c.asset == asset)
        tx.execute(lying.update().where(*mine).values(tries=lying.c.tries + 1, tried_at_ms=at_ms))


def settled(
    tx: Connection,
    wallet: WalletId,
    asset: AssetId,
    *,
    strays: int | None,
    number: int,
    units: int,
    at_ms: int,
) -> None:
    """A balance was confirmed at block `number`, and nothing of it is missing. `strays`: what of a pool's own
    lies outside its treasury; None: it is no pool's."""
    if strays is None:
        note_lying(tx, wallet, asset, units, at_ms)
    else:
        bear_out(tx, wallet, asset, number, at_ms)
        note_strays(tx, wallet, asset, strays, at_ms)


def _key(number: int) -> str:
    return f"passage:{number}"
