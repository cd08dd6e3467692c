"""Our own payouts, as the deposits office asks for them: what a SafeTx takes from its wallet.

A draft is stored before any signer is asked, so a SafeTx that ran and is not found here was not asked for
by this App.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.payouts.tables import withdrawal
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.money import Amount


def own_payouts(tx: Connection, wallet: WalletId, executed: bytes) -> tuple[Payment, ...] | None:
    """The payments of the SafeTx with this hash (32 bytes), None for one App never drafted."""
    query = select(withdrawal.c.recipient, withdrawal.c.asset, withdrawal.c.units).where(
        withdrawal.c.wallet == wallet, withdrawal.c.digest == executed.hex()
    )
    rows = tx.execute(query).all()
    payments = [Payment(row.recipient, Amount(AssetId(row.asset), row.units)) for row in rows]
    return tuple(payments) if rows else None
