"""The ledger: what can happen to coins, each a thin named posting. Asking again for the same posts nothing.

A wallet whose credited deposit vanished after its coins were spent is short: it pays nothing out until
later deposits have made up for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.books import accounts
from keepcool.app.books.postings import (
    Difference,
    Entry,
    Line,
    Posting,
    balance,
    balances,
    check_books,
    entries,
    is_posted,
    post,
    post_all,
    wallet_short,
)
from keepcool.app.books.shortfalls import cover, found, is_lacking, lack, make_up
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId

__all__ = [
    "Difference",
    "Entry",
    "Line",
    "balance",
    "balances",
    "check_books",
    "credit_deposit",
    "credit_deposits",
    "entries",
    "hold",
    "hold_fee",
    "is_posted",
    "late_payout",
    "post",
    "purse_fee",
    "purse_topup",
    "release",
    "release_fee",
    "reverse_deposit",
    "settle_payout",
    "wallet_fee",
    "wallet_short",
]


def credit_deposit(
    tx: Connection, *, deposit: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """Coins arrived on chain and belong to the wallet's owner; what the wallet is short is made up first."""
    key = f"deposit:{deposit}"
    new = not is_posted(tx, key)
    lines = [Line(accounts.coins(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    number = post(
        tx,
        key=key,
        kind="deposit",
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"deposit": deposit},
    )
    if new:
        found(tx, key=key, wallet=wallet, asset=asset, units=units, at_ms=at_ms)
        make_up(tx, key=deposit, wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    return number


def credit_deposits(
    tx: Connection, some: Sequence[tuple[str, WalletId, int]], asset: AssetId, at_ms: int
) -> None:
    """As `credit_deposit` of each (deposit, wallet, units), in a few statements for all."""
    short = {wallet for wallet in {one[1] for one in some} if is_lacking(tx, wallet, asset)}
    for deposit, wallet, units in some:
        if wallet in short:
            credit_deposit(tx, deposit=deposit, wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    whole = [one for one in some if one[1] not in short]
    post_all(
        tx,
        [
            Posting(
                key=f"deposit:{deposit}",
                kind="deposit",
                lines=(
                    Line(accounts.coins(wallet), asset, units),
                    Line(accounts.owed(wallet), asset, -units),
                ),
                at_ms=at_ms,
                wallet=wallet,
                reference={"deposit": deposit},
            )
            for deposit, wallet, units in whole
        ],
    )


def reverse_deposit(
    tx: Connection, *, deposit: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """The deposit's block is no longer part of the chain. What the owner has already spent of it becomes
    the wallet's shortfall, which freezes the wallet."""
    key = f"reversal:{deposit}"
    if not is_posted(tx, f"deposit:{deposit}"):
        raise Conflict("ledger.never_credited", f"deposit {deposit} was never credited")
    missing = units - balance(tx, accounts.owed(wallet), asset)
    if missing > 0 and not is_posted(tx, key):
        cover(tx, key=f"short:{deposit}", wallet=wallet, asset=asset, units=missing, at_ms=at_ms)
    lack(tx, key=key, wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    lines = [Line(accounts.owed(wallet), asset, units), Line(accounts.coins(wallet), asset, -units)]
    return post(
        tx,
        key=key,
        kind="deposit_reversal",
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"deposit": deposit},
    )


def hold(tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int) -> int:
    """Reserve for a withdrawal. Raises Conflict `wallet.short` for a wallet frozen by a shortfall."""
    if wallet_short(tx, wallet) and not is_posted(tx, f"hold:{withdrawal}"):
        text = f"wallet {wallet} is frozen: a deposit it was credited for has vanished from the chain"
        raise Conflict("wallet.short", text)
    lines = [Line(accounts.owed(wallet), asset, units), Line(accounts.held(wallet), asset, -units)]
    return _of_withdrawal(tx, "hold", withdrawal, lines, at_ms=at_ms, wallet=wallet)


def release(
    tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """Give a reservation back: the withdrawal will never be paid."""
    lines = [Line(accounts.held(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    return _of_withdrawal(tx, "release", withdrawal, lines, at_ms=at_ms, wallet=wallet)


def hold_fee(
    tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """Reserve what a withdrawal may cost its wallet in fees."""
    lines = [Line(accounts.owed(wallet), asset, units), Line(accounts.held(wallet), asset, -units)]
    return _of_withdrawal(tx, "hold-fee", withdrawal, lines, at_ms=at_ms, wallet=wallet)


def release_fee(
    tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """What was not needed of it, once the withdrawal has ended."""
    lines = [Line(accounts.held(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]
    return _of_withdrawal(tx, "release-fee", withdrawal, lines, at_ms=at_ms, wallet=wallet)


def wallet_fee(
    tx: Connection,
    *,
    key: str,
    withdrawal: str,
    wallet: WalletId,
    asset: AssetId,
    parts: tuple[int, int, int],
    at_ms: int,
) -> int:
    """What the network took from the wallet itself, once per `key`. `parts`: out of what is held for it, out
    of what is the owner's, and how much of that the owner does not have: so much the wallet falls short."""
    held, owed, missing = parts
    if missing:
        cover(tx, key=f"fee-short:{key}", wallet=wallet, asset=asset, units=missing, at_ms=at_ms)
    lack(tx, key=f"wallet-fee:{key}", wallet=wallet, asset=asset, units=held + owed, at_ms=at_ms)
    lines = [
        Line(accounts.held(wallet), asset, held),
        Line(accounts.owed(wallet), asset, owed),
        Line(accounts.coins(wallet), asset, -(held + owed)),
    ]
    return post(
        tx,
        key=f"wallet-fee:{key}",
        kind="wallet_fee",
        lines=[line for line in lines if line.delta],
        at_ms=at_ms,
        wallet=wallet,
        reference={"withdrawal": withdrawal},
    )


def settle_payout(
    tx: Connection, *, withdrawal: str, wallet: WalletId, asset: AssetId, units: int, at_ms: int
) -> int:
    """The payout is final on chain: the reserved coins are gone."""
    lack(tx, key=f"payout:{withdrawal}", wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    lines = [Line(accounts.held(wallet), asset, units), Line(accounts.coins(wallet), asset, -units)]
    return _of_withdrawal(tx, "payout", withdrawal, lines, at_ms=at_ms, wallet=wallet)


def late_payout(
    tx: Connection,
    *,
    withdrawal: str,
    wallet: WalletId,
    asset: AssetId,
    units: int,
    at_ms: int,
    occasion: str = "",
) -> int:
    """A payout that is final on chain although its reservation was given back: what the owner has spent of
    it since becomes the wallet's shortfall. `occasion`: what paid it, where more than one thing can."""
    name = f"{withdrawal}:{occasion}" if occasion else withdrawal
    missing = units - balance(tx, accounts.owed(wallet), asset)
    if missing > 0 and not is_posted(tx, f"late-payout:{name}"):
        cover(tx, key=f"late-short:{name}", wallet=wallet, asset=asset, units=missing, at_ms=at_ms)
    lack(tx, key=f"late-payout:{name}", wallet=wallet, asset=asset, units=units, at_ms=at_ms)
    lines = [Line(accounts.owed(wallet), asset, units), Line(accounts.coins(wallet), asset, -units)]
    return post(
        tx,
        key=f"late-payout:{name}",
        kind="late-payout",
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"withdrawal": withdrawal},
    )


def purse_fee(
    tx: Connection,
    *,
    network: NetworkId,
    asset: AssetId,
    units: int,
    transaction: str,
    at_ms: int,
    wallet: WalletId | None = None,
) -> int:
    """What the network took from the purse for a transaction (its id)."""
    lines = [Line(accounts.fees(network), asset, units), Line(accounts.purse(network), asset, -units)]
    return post(
        tx,
        key=f"fee:{network}:{transaction}",
        kind="fee",
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"transaction": transaction},
    )


def purse_topup(
    tx: Connection, *, network: NetworkId, asset: AssetId, units: int, source: str, at_ms: int
) -> int:
    """Coins reached the purse from outside. `source` names the occasion, once (a transaction, a block)."""
    lines = [Line(accounts.purse(network), asset, units), Line(accounts.funding(network), asset, -units)]
    return post(
        tx,
        key=f"topup:{network}:{source}",
        kind="purse_topup",
        lines=lines,
        at_ms=at_ms,
        reference={"source": source},
    )


def _of_withdrawal(
    tx: Connection, kind: str, withdrawal: str, lines: list[Line], *, at_ms: int, wallet: WalletId
) -> int:
    return post(
        tx,
        key=f"{kind}:{withdrawal}",
        kind=kind,
        lines=lines,
        at_ms=at_ms,
        wallet=wallet,
        reference={"withdrawal": withdrawal},
    )
