"""Transfers between two wallets of one pool: ledger entries, at once and without a fee."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, Row, select

from keepcool.app.books.people import dump
from keepcool.app.controls import suspensions
from keepcool.app.deposits import events
from keepcool.app.events import telling
from keepcool.app.payouts import store
from keepcool.app.pools import books, rows
from keepcool.app.pools.tables import ledger_transfer
from keepcool.core import ids
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    id: str
    pool: WalletId
    source: WalletId
    target: WalletId
    asset: AssetId
    units: int
    external_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    at_ms: int = 0


def pool_of_both(tx: Connection, source: str, target: str) -> WalletId | None:
    """The pool both wallets lie in; None when a transfer between them needs a transaction. A pool's own
    wallet lies in it as well."""
    found = rows.members_of(tx, (source, target))
    pools = {found[one].pool if one in found else one for one in (WalletId(source), WalletId(target))}
    if len(pools) != 1 or not found:
        return None
    return pools.pop()


def transfer(tx: Connection, wanted: Transfer, now_ms: int) -> Transfer:
    """Done when this returns. The same asked for again is the same transfer. Raises Conflict
    `withdrawal.balance`, `wallet.frozen`, `wallet.short`, Malformed."""
    known = _known(tx, wanted)
    if known is not None:
        return known
    _check(tx, wanted)
    try:
        books.transfer(
            tx,
            transfer=wanted.id,
            pool=wanted.pool,
            source=wanted.source,
            target=wanted.target,
            asset=wanted.asset,
            units=wanted.units,
            at_ms=now_ms,
        )
    except Conflict as error:
        if error.code != "ledger.overdrawn":
            raise
        told = {name: str(error.fields[name]) for name in ("balance", "needed")}
        text = f"the wallet has {told['balance']} base units available, {wanted.units} asked for"
        raise Conflict("withdrawal.balance", text, **told) from error
    tx.execute(
        ledger_transfer.insert().values(
            id=wanted.id,
            pool=wanted.pool,
            from_wallet=wanted.source,
            to_wallet=wanted.target,
            asset=wanted.asset,
            units=wanted.units,
            external_id=wanted.external_id,
            metadata=dump(wanted.metadata),
            at_ms=now_ms,
        )
    )
    telling.transfer(tx, wanted, ids.network_of(wanted.asset), now_ms)
    return _found(tx, ledger_transfer.c.id == wanted.id) or wanted


def find(tx: Connection, transfer_id: str) -> Transfer | None:
    return _found(tx, ledger_transfer.c.id == transfer_id)


def newest(
    tx: Connection, *, pool: str | None, wallet: str | None, limit: int, before: int | None
) -> list[Transfer]:
    """Newest first; of a wallet both what it gave and what it got."""
    columns = ledger_transfer.c
    query = select(ledger_transfer).order_by(columns.number.desc()).limit(limit)
    if pool is not None:
        query = query.where(columns.pool == pool)
    if wallet is not None:
        query = query.where((columns.from_wallet == wallet) | (columns.to_wallet == wallet))
    if before is not None:
        query = query.where(columns.number < before)
    return [_read(row) for row in tx.execute(query)]


def _check(tx: Connection, wanted: Transfer) -> None:
    if wanted.source == wanted.target:
        raise Malformed("withdrawal.to_itself", "the recipient is the wallet itself")
    if wanted.units < 1:
        raise Malformed("amount.zero", "an amount of zero moves nothing")
    network = rows.get_pool(tx, wanted.pool).network
    if ids.network_of(wanted.asset) != network:
        raise Malformed("asset.unknown", f"{wanted.asset} is not an asset of {network}")
    suspensions.refuse(tx, network=network, asset=wanted.asset, wallet=wanted.source)
    for wallet in (wanted.source, wanted.pool):
        frozen = events.frozen(tx, NetworkId(network), wallet)
        if frozen is not None:
            raise Conflict("wallet.frozen", f"wallet {wallet} is frozen: {frozen.text}")


def _known(tx: Connection, wanted: Transfer) -> Transfer | None:
    name = wanted.external_id
    known = None if name is None else _found(tx, ledger_transfer.c.external_id == name)
    reused = ("withdrawal.external_id_used", f"external_id {name} is another transfer's")
    if name is not None and known is None and store.named(tx, name) is not None:
        raise Conflict(*reused)
    if known is None:
        known = _found(tx, ledger_transfer.c.id == wanted.id)
        reused = ("idempotency.key_reused", "this Idempotency-Key asked for another transfer")
    if known is None:
        return None
    if known != replace(wanted, id=known.id, number=known.number, at_ms=known.at_ms):
        raise Conflict(*reused)
    return known


def _found(tx: Connection, where: ColumnElement[bool]) -> Transfer | None:
    row = tx.execute(select(ledger_transfer).where(where)).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[tuple[object, ...]]) -> Transfer:
    return Transfer(
        id=row.id,
        pool=WalletId(row.pool),
        source=WalletId(row.from_wallet),
        target=WalletId(row.to_wallet),
        asset=AssetId(row.asset),
        units=row.units,
        external_id=row.external_id,
        metadata=json.loads(row.metadata),
        number=row.number,
        at_ms=row.at_ms,
    )
