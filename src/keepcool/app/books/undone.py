"""Payouts and fees that were final and are not on the chain any more: taken back by postings of their own.

Laws: what was posted stays; what comes back is the owner's, after it has made up for what the wallet is
short; what was never posted is not taken back, and nothing is taken back twice.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import accounts
from keepcool.app.books.postings import Line, is_posted, post
from keepcool.app.books.shortfalls import found, make_up
from keepcool.core.ids import AssetId, WalletId


def payout(
    tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> None:
    """A settled payout: its coins were never gone, and are the owner's again."""
    taken = f"payout:{withdrawal}"
    _returned(tx, taken, withdrawal=withdrawal, wallet=wallet, asset=asset, parts=(0, units), at_ms=at_ms)


def late_payout(
    tx: Connection,
    *,
    withdrawal: str,
    wallet: WalletId,
    asset: AssetId,
    units: int,
    at_ms: int,
    occasion: str,
) -> None:
    """One that `ledger.late_payout` posted for this occasion."""
    taken = f"late-payout:{withdrawal}:{occasion}"
    _returned(tx, taken, withdrawal=withdrawal, wallet=wallet, asset=asset, parts=(0, units), at_ms=at_ms)


def wallet_fee(
    tx: Connection,
    *,
    key: str,
    withdrawal: str,
    wallet: WalletId,
    asset: AssetId,
    parts: tuple[int, int],
    at_ms: int,
) -> None:
    """A fee that `ledger.wallet_fee` posted under this key. `parts`: what is held again, what the owner's."""
    taken = f"wallet-fee:{key}"
    _returned(tx, taken, withdrawal=withdrawal, wallet=wallet, asset=asset, parts=parts, at_ms=at_ms)


def _returned(
    tx: Connection,
    taken: str,
    *,
    withdrawal: str,
    wallet: WalletId,
    asset: AssetId,
    parts: tuple[int, int],
    at_ms: int,
) -> None:
    key, (held, owed) = f"undone:{taken}", parts
    if is_posted(tx, key) or not is_posted(tx, taken):
        return
    lines = [
        Line(accounts.coins(wallet), asset, held + owed),
        Line(accounts.held(wallet), asset, -held),
        Line(accounts.owed(wallet), asset, -owed),
    ]
    post(
        tx,
        key=key,
        kind="undone",
        lines=[line for line in lines if line.delta],
        at_ms=at_ms,
        wallet=wallet,
        reference={"withdrawal": withdrawal},
    )
    found(tx, key=key, wallet=wallet, asset=asset, units=held + owed, at_ms=at_ms)
    make_up(tx, key=key, wallet=wallet, asset=asset, units=owed, at_ms=at_ms)
