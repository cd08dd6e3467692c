"""Coins too small to be worth their spending: on chain like all others, not the owner's to spend until they
are gathered with larger ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.books import accounts
from keepcool.app.books.postings import Line, Posting, balance, is_posted, post, post_all
from keepcool.app.books.shortfalls import lack
from keepcool.core.ids import AssetId, WalletId


def credit_dust(
    tx: Connection, some: Sequence[tuple[str, WalletId, int]], asset: AssetId, at_ms: int
) -> None:
    """Each (deposit, wallet, units)."""
    post_all(
        tx,
        [
            Posting(
                key=f"dust:{deposit}",
                kind="dust",
                lines=(
                    Line(accounts.coins(wallet), asset, units),
                    Line(accounts.dust(wallet), asset, -units),
                ),
                at_ms=at_ms,
                wallet=wallet,
                reference={"deposit": deposit},
            )
            for deposit, wallet, units in some
        ],
    )


def reverse_dust(
    tx: Connection, *, deposit: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """Its block is no longer part of the chain. What was gathered of it the wallet falls short of."""
    missing = max(units - balance(tx, accounts.dust(wallet), asset), 0)
    if missing and not is_posted(tx, f"dust-reversal:{deposit}"):
        cover = [Line(accounts.short(wallet), asset, missing), Line(accounts.dust(wallet), asset, -missing)]
        _posted(tx, ("dust-short", deposit), cover, wallet, at_ms)
    lack(tx, key=f"dust-reversal:{deposit}", wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    lines = [Line(accounts.dust(wallet), asset, units), Line(accounts.coins(wallet), asset, -units)]
    return _posted(tx, ("dust-reversal", deposit), lines, wallet, at_ms)


def gather_dust(tx: Connection, *, key: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> int:
    """It was spent together with other coins of the wallet, once per `key`: now it is the owner's."""
    lines = [Line(accounts.dust(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    return _posted(tx, ("dust-gathered", key), lines, wallet, at_ms)


def _posted(tx: Connection, key: tuple[str, str], lines: list[Line], wallet: WalletId, at_ms: int) -> int:
    kind, name = key
    return post(
        tx,
        key=f"{kind}:{name}",
        kind=kind.replace("-", "_"),
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"deposit": name},
    )
