"""What a wallet is short: its owner has spent what turned out not to be there, or fees took more than there
was. Whatever becomes the owner's later makes up for it first."""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import accounts
from keepcool.app.books.postings import Line, post, wallet_short
from keepcool.core.ids import AssetId, WalletId


def cover(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """Positive: the wallet falls short by so much. Negative: it makes up for so much."""
    lines = [Line(accounts.short(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    post(tx, key=key, kind="shortfall", lines=lines, at_ms=at_ms, wallet=wallet)


def make_up(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """What the wallet is short, out of so many units that have just become its owner's."""
    missing = min(wallet_short(tx, wallet).get(asset, 0), units)
    if missing:
        cover(tx, key=f"make-up:{key}", wallet=wallet, asset=asset, units=-missing, at_ms=at_ms)
