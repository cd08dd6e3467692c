"""What App's own payouts take from a wallet, for whoever compares balances: by the SafeTx hash."""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.payouts import store
from keepcool.app.payouts.store import Kind
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.effects import Payment
from keepcool.core.ids import WalletId
from keepcool.core.money import Amount


def outflows(tx: Connection, wallet: WalletId, safe_tx_hash: bytes) -> tuple[Payment, ...] | None:
    """The payments of this SafeTx (none for a void), None when App never drafted it."""
    drafted = select(withdrawal).where(
        withdrawal.c.wallet == wallet, withdrawal.c.digest == safe_tx_hash.hex()
    )
    found = store.rows(tx, drafted)
    if not found:
        return None
    one = found[0]
    if one.kind is Kind.VOID:
        return ()
    return (Payment(one.recipient, Amount(one.asset, one.units)),)
