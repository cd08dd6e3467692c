"""Fees a wallet pays itself, where the chain takes them from the sender (Minter, Bitcoin).

Laws: the bound of a withdrawal's fee is held beside its amount; each block that took a fee is posted once;
what was not needed goes back when the withdrawal has ended. A void's fee is its withdrawal's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, select

from keepcool.app.books import accounts, ledger, undone
from keepcool.app.payouts.tables import wallet_fee, withdrawal
from keepcool.core.ids import AssetId, WalletId

if TYPE_CHECKING:
    from keepcool.app.payouts.store import NewWithdrawal, Withdrawal


class Taken(Protocol):
    """What the chain took once; `key` names the occasion, in at most 64 characters."""

    @property
    def key(self) -> str: ...

    @property
    def fee(self) -> int: ...

    @property
    def fee_asset(self) -> AssetId: ...


def hold(tx: Connection, new: NewWithdrawal, at_ms: int) -> None:
    """Raises Conflict `ledger.overdrawn` when the owner has too little for the fee."""
    if new.fee_asset is not None:
        ledger.hold_fee(
            tx, withdrawal=new.id, wallet=new.wallet, asset=new.fee_asset, units=new.fee_max, at_ms=at_ms
        )


def release(tx: Connection, one: Withdrawal, at_ms: int) -> None:
    """What is left of the hold."""
    left = one.fee_max - _held_spent(tx, one.id)
    if one.fee_asset is not None and left:
        ledger.release_fee(
            tx, withdrawal=one.id, wallet=one.wallet, asset=one.fee_asset, units=left, at_ms=at_ms
        )


def paid(tx: Connection, one: Withdrawal, spent: Taken, at_ms: int) -> None:
    """A block took this for `one`, or for the void of it. Once per key."""
    key, asset, units = spent.key, spent.fee_asset, spent.fee
    known = tx.execute(select(wallet_fee.c.key).where(wallet_fee.c.key == key)).first()
    if known is not None or not units:
        return
    bearer, wallet = one.voids or one.id, one.wallet
    left = 0
    if one.fee_asset == asset and ledger.is_posted(tx, f"hold-fee:{bearer}"):
        released = ledger.is_posted(tx, f"release-fee:{bearer}")
        left = 0 if released else _bound(tx, bearer) - _held_spent(tx, bearer)
    held = min(units, left)
    free = ledger.balance(tx, accounts.owed(wallet), asset)
    ledger.wallet_fee(
        tx,
        key=key,
        withdrawal=bearer,
        wallet=wallet,
        asset=asset,
        parts=(held, units - held, max(units - held - free, 0)),
        at_ms=at_ms,
    )
    tx.execute(wallet_fee.insert().values(key=key, withdrawal=bearer, units=units, held=held))


def taken_back(tx: Connection, key: str, asset: AssetId, at_ms: int) -> None:
    """The block that took this is not the chain's any more, and never will be. While its withdrawal is open
    what came out of the hold is held again."""
    row = tx.execute(select(wallet_fee).where(wallet_fee.c.key == key)).one_or_none()
    if row is None:
        return
    about = select(withdrawal.c.wallet, withdrawal.c.open).where(withdrawal.c.id == row.withdrawal)
    wallet, is_open = tx.execute(about).one()
    held = row.held if is_open else 0
    undone.wallet_fee(
        tx,
        key=key,
        withdrawal=row.withdrawal,
        wallet=WalletId(wallet),
        asset=asset,
        parts=(held, row.units - held),
        at_ms=at_ms,
    )
    tx.execute(wallet_fee.delete().where(wallet_fee.c.key == key))


def total(tx: Connection, withdrawal_id: str) -> int:
    """What a withdrawal has cost its wallet so far, its voids included."""
    query = select(wallet_fee.c.units).where(wallet_fee.c.withdrawal == withdrawal_id)
    return sum(row.units for row in tx.execute(query))


def _held_spent(tx: Connection, withdrawal_id: str) -> int:
    query = select(wallet_fee.c.held).where(wallet_fee.c.withdrawal == withdrawal_id)
    return sum(row.held for row in tx.execute(query))


def _bound(tx: Connection, withdrawal_id: str) -> int:
    query = select(withdrawal.c.fee_max).where(withdrawal.c.id == withdrawal_id)
    return int(tx.execute(query).scalar_one())
