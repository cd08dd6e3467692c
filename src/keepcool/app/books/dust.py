"""Coins too small to be worth their spending: on chain like all others, not the owner's to spend until they
are gathered with larger ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.books.postings import Line, Posting, balance, is_posted, post, post_all
from keepcool.app.books.shortfalls import lack
from keepcool.core.ids import AssetId, WalletId

_BY_HAND = "dust-credited"


class _Where(TypedDict):
    deposit: str
    wallet: WalletId
    asset: AssetId
    units: int
    at_ms: int


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


def credit_by_hand(
    tx: Connection, *, deposit: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int, reference: str
) -> int:
    """An operator gives it to the owner, once."""
    lines = [Line(accounts.dust(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    return post(
        tx,
        key=f"{_BY_HAND}:{deposit}",
        kind="dust_credited",
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"deposit": deposit, "by": reference},
    )


def take_back(
    tx: Connection, *, deposit: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> bool:
    """A deposit of either kind, whose block is no longer part of the chain. Whether a person had credited
    it."""
    where = _Where(deposit=deposit, wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    if not is_posted(tx, f"dust:{deposit}"):
        ledger.reverse_deposit(tx, **where)
        return False
    by_hand = is_posted(tx, f"{_BY_HAND}:{deposit}")
    if by_hand:
        left = min(balance(tx, accounts.owed(wallet), asset), units)
        if left and not is_posted(tx, f"dust-uncredited:{deposit}"):
            lines = [Line(accounts.owed(wallet), asset, left), Line(accounts.dust(wallet), asset, -left)]
            _posted(tx, ("dust-uncredited", deposit), lines, wallet, at_ms)
    reverse_dust(tx, **where)
    return by_hand


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
