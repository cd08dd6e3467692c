"""What a wallet is short: its owner has spent what turned out not to be there, or fees took more than there
was. Whatever becomes the owner's later makes up for it first.

Law: what the chain has done is always booked, whatever else has left it meanwhile: no posting waits for
coins.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import accounts
from keepcool.app.books.postings import Line, balance, is_posted, post, wallet_short
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


def lack(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """Before the posting `key` takes so many coins of a wallet: those that it does not have are absent."""
    missing = units - balance(tx, accounts.coins(wallet), asset)
    if missing > 0 and not is_posted(tx, key):
        _absent(tx, key=f"absent:{key}", wallet=wallet, asset=asset, units=missing, at_ms=at_ms)


def found(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """After the posting `key` has brought so many coins, once: as many are absent no more."""
    back = min(units, balance(tx, accounts.absent(wallet), asset))
    if back:
        _absent(tx, key=f"found:{key}", wallet=wallet, asset=asset, units=-back, at_ms=at_ms)


def is_lacking(tx: Connection, wallet: WalletId, asset: AssetId) -> bool:
    """Whether coins that come in make something good first."""
    return bool(wallet_short(tx, wallet)) or balance(tx, accounts.absent(wallet), asset) > 0


def _absent(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    lines = [Line(accounts.coins(wallet), asset, units), Line(accounts.absent(wallet), asset, -units)]
    post(tx, key=key, kind="absent", lines=lines, at_ms=at_ms, wallet=wallet)
