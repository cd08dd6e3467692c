"""Our own payouts, as the deposits office asks for them: what a SafeTx takes from its wallet.

A draft is stored before any signer is asked, so a SafeTx that ran and is not found here was not asked for
by this App, unless its books were restored: then signers may remember it.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.payouts.tables import withdrawal
from keepcool.app.rebuilding.tables import output, payment
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.intent import parse_intent
from keepcool.core.money import Amount


def own_payouts(tx: Connection, wallet: WalletId, executed: bytes) -> tuple[Payment, ...] | None:
    """The payments of the SafeTx with this hash (32 bytes), None for one App never drafted: those of the
    intent it was drafted for, which may be many people's. A payment that was refused and asked for again may
    be the same SafeTx: it runs once."""
    drafted = (withdrawal.c.wallet == wallet, withdrawal.c.digest == executed.hex())
    query = select(withdrawal.c.intent).where(*drafted, withdrawal.c.intent.is_not(None))
    intent = tx.execute(query.limit(1)).scalar()
    if intent is None:
        return _recalled(tx, wallet, executed)
    return tuple(Payment(one.recipient, one.amount) for one in parse_intent(bytes(intent)).outputs)


def _recalled(tx: Connection, wallet: WalletId, executed: bytes) -> tuple[Payment, ...] | None:
    """Of one that the signers remember, and these books do not."""
    here = (payment.c.source == wallet, payment.c.digest == executed.hex())
    number = tx.execute(select(payment.c.number).where(*here)).scalar_one_or_none()
    if number is None:
        return None
    rows = tx.execute(select(output).where(output.c.payment == number).order_by(output.c.place))
    return tuple(Payment(row.recipient, Amount(AssetId(row.asset), row.units)) for row in rows)
