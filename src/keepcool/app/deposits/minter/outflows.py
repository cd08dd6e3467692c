"""What left our Minter wallets, remembered with the block that showed it: payments and the fee, to the pip.

Law: what App never drafted, and no signer remembers after a restore, is told as such, whoever signed it.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.deposits import position
from keepcool.app.deposits.minter.reading import Left
from keepcool.app.deposits.tables import outflow, spending
from keepcool.app.deposits.watched import WatchedWallet
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.rebuilding.tables import payment
from keepcool.app.upserts import upsert
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.money import Amount


def remember(tx: Connection, network: NetworkId, height: int, wallet: WatchedWallet, left: Left) -> None:
    """In the transaction that remembers the block."""
    position.note_touch(tx, network, wallet.id, height, left.key)
    for asset, units in left.taken:
        row = upsert(outflow).values(
            key=left.key.hex(), wallet=wallet.id, digest=left.digest.hex(), asset=asset, units=units
        )
        tx.execute(row.on_conflict_do_nothing())  # a block may be read again


def taken(tx: Connection, wallet: WalletId, key: bytes) -> tuple[Payment, ...] | None:
    """What this inclusion took from the wallet; None when App never drafted its transaction, unless it did
    nothing at all: whoever makes blocks can put a forgery into one, which fails and costs nothing."""
    rows = tx.execute(
        select(outflow.c.digest, outflow.c.asset, outflow.c.units).where(
            outflow.c.wallet == wallet, outflow.c.key == key.hex()
        )
    ).all()
    if not rows:
        return None
    unknown = any(not _drafted(tx, wallet, digest) for digest in {row.digest for row in rows})
    if unknown and not _did_nothing(tx, key):
        return None
    return tuple(Payment("", Amount(AssetId(row.asset), row.units)) for row in rows)


def _did_nothing(tx: Connection, key: bytes) -> bool:
    query = select(spending.c.failed, spending.c.fee).where(spending.c.key == key.hex())
    rows = tx.execute(query).all()
    return bool(rows) and all(row.failed and not row.fee for row in rows)


def _drafted(tx: Connection, wallet: WalletId, digest: str) -> bool:
    recalled = select(payment.c.number).where(payment.c.source == wallet, payment.c.digest == digest)
    return is_drafted(tx, wallet, digest) or tx.execute(recalled.limit(1)).first() is not None


def is_drafted(tx: Connection, wallet: WalletId, digest: str) -> bool:
    """By these books."""
    query = select(withdrawal.c.id).where(withdrawal.c.wallet == wallet, withdrawal.c.digest == digest)
    return tx.execute(query.limit(1)).first() is not None
