"""Transfers within a pool, as withdrawals are shown: confirmed at once, without transaction or fee."""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.http.payouts_shown import WithdrawalOut
from keepcool.app.payouts.requests import Order
from keepcool.app.pools import transfers
from keepcool.app.pools.transfers import Transfer
from keepcool.core import ids
from keepcool.core.ids import WalletId


def booked(tx: Connection, order: Order, now_ms: int) -> WithdrawalOut | None:
    """The transfer done, where both wallets lie in one pool; None where it takes a transaction."""
    target = order.to_wallet or ""
    pool = transfers.pool_of_both(tx, order.wallet, target)
    if pool is None:
        return None
    wanted = Transfer(
        id=order.id,
        pool=pool,
        source=WalletId(order.wallet),
        target=WalletId(target),
        asset=ids.asset_id(order.asset),
        units=order.units,
        external_id=order.external_id,
        metadata=order.metadata,
    )
    return shown(tx, transfers.transfer(tx, wanted, now_ms))


def found(tx: Connection, transfer: str) -> WithdrawalOut | None:
    one = transfers.find(tx, transfer)
    return None if one is None else shown(tx, one)


def shown(tx: Connection, one: Transfer) -> WithdrawalOut:
    return WithdrawalOut(
        id=one.id,
        kind="transfer",
        wallet=one.source,
        to_wallet=one.target,
        asset=one.asset,
        amount=str(one.units),
        to=registry.get_wallet(tx, one.target).address or "",
        outputs=[],
        state="confirmed",
        reason="",
        verdicts=[],
        transaction=None,
        transactions=[],
        fee_max="0",
        fee_paid="0",
        external_id=one.external_id,
        metadata=dict(one.metadata),
        created_at_ms=one.at_ms,
        updated_at_ms=one.at_ms,
    )
