"""A pool's books: transfers between its users, surplus in the harbor, fees nobody's withdrawal pays.

Laws: what the wallets of a pool have in `coins:`, less what was lent, is what lies there on chain, to the
unit; a transfer between two of them touches no chain and is posted once, on both sides; surplus that left is
still the users', and stands in `cold:` until it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from keepcool.app.books import accounts, totals
from keepcool.app.books.postings import Line, balance, is_posted, lines_of, post, wallet_short
from keepcool.app.pools import levels
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Base units. `users`: all that the pool's users are owed, what is held and dust included; `own`: the
    pool's own; `booked`: what the books say lies on chain, `on_chain`: what does, in blocks; `cold`: in the
    harbor; `fees`: spent for sweeps and for gathering coins."""

    users: int
    own: int
    booked: int
    on_chain: int
    cold: int
    fees: int


def transfer(
    tx: Connection,
    *,
    transfer: str,
    pool: WalletId,
    source: WalletId,
    target: WalletId,
    asset: AssetId,
    units: int,
    at_ms: int,
) -> None:
    """From one of a pool's wallets to another, once. Raises Conflict `ledger.overdrawn` when the first has
    too little, `wallet.short` when it is frozen by a shortfall."""
    key = f"transfer-out:{transfer}"
    if wallet_short(tx, source) and not is_posted(tx, key):
        text = f"wallet {source} is frozen: a deposit it was credited for has vanished from the chain"
        raise Conflict("wallet.short", text)
    # through the pool's own accounts, so that either side finds the entry among its own
    for name, wallet, delta in ((key, source, units), (f"transfer-in:{transfer}", target, -units)):
        lines = [*_owned(wallet, asset, -delta), *_owned(pool, asset, delta)]
        post(
            tx, key=name, kind="pool_transfer", lines=lines, at_ms=at_ms, wallet=wallet,
            reference={"transfer": transfer},
        )  # fmt: skip


def lend(tx: Connection, *, sweep: str, pool: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """The pool may send so much of its users' coins to the harbor: what it is to pay there, and the fee."""
    lines = [
        *_owned(pool, asset, units),
        Line(accounts.cold(pool), asset, units),
        Line(accounts.lent(pool), asset, -units),
    ]
    _post_of(tx, f"sweep:{sweep}", lines, pool=pool, at_ms=at_ms)


def swept(
    tx: Connection,
    *,
    sweep: str,
    pool: WalletId,
    asset: AssetId,
    lent: int,
    arrived: int,
    fee: int,
    at_ms: int,
) -> None:
    """A sweep has ended: `arrived` lies in the harbor, `fee` is gone, the rest of what was lent is back. What
    the pool has paid to others of it meanwhile counts as spent."""
    there = min(balance(tx, accounts.owed(pool), asset), balance(tx, accounts.coins(pool), asset))
    back, network = min(lent - arrived - fee, there), NetworkId(asset.partition("/")[0])
    lines = [
        *_owned(pool, asset, -back),
        Line(accounts.cold(pool), asset, -(lent - arrived)),
        Line(accounts.lent(pool), asset, back),
        Line(accounts.fees(network), asset, lent - arrived - back),
    ]
    lines = [line for line in lines if line.delta]
    if lines:
        _post_of(tx, f"swept:{sweep}", lines, pool=pool, at_ms=at_ms)


def sweep_undone(
    tx: Connection, *, sweep: str, pool: WalletId, asset: AssetId, units: int, at_ms: int
) -> None:
    """A sweep that had ended well has left the chain for good: amount and fee, which came back as the pool's
    own, are its users' on chain again, and nothing of it lies in the harbor."""
    network = NetworkId(asset.partition("/")[0])
    spent, taken = accounts.fees(network), lines_of(tx, f"swept:{sweep}")
    cost = sum(line.delta for line in taken if line.account == spent)
    lines = [
        *_owned(pool, asset, -(units + cost)),
        Line(accounts.cold(pool), asset, -units),
        Line(spent, asset, -cost),
        Line(accounts.lent(pool), asset, units + cost),
    ]
    _post_of(tx, f"sweep-undone:{sweep}", [line for line in lines if line.delta], pool=pool, at_ms=at_ms)


def made_good(tx: Connection, *, pool: WalletId, asset: AssetId, at_ms: int) -> None:
    """What the pool itself is short, because fees came dearer than they were booked: lent by its users, spent
    on fees."""
    short, absent = (balance(tx, of(pool), asset) for of in (accounts.short, accounts.absent))
    network = NetworkId(asset.partition("/")[0])
    lines = [
        Line(accounts.fees(network), asset, short),
        Line(accounts.short(pool), asset, -short),
        Line(accounts.absent(pool), asset, absent),
        Line(accounts.lent(pool), asset, -absent),
    ]
    if short or absent:
        lines = [line for line in lines if line.delta]
        _post_of(tx, f"made-good:{pool}:{at_ms}", lines, pool=pool, at_ms=at_ms)


def fee(tx: Connection, *, key: str, pool: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """What the network took for gathering the pool's coins, once per key: out of the pool's own as far as it
    has any, the rest lent by its users."""
    name, network = f"pool-fee:{key}", NetworkId(asset.partition("/")[0])
    if is_posted(tx, name) or not units:
        return
    own = min(units, balance(tx, accounts.owed(pool), asset))
    lines = [
        *_owned(pool, asset, -own),
        Line(accounts.fees(network), asset, units - own),
        Line(accounts.lent(pool), asset, -(units - own)),
    ]
    _post_of(tx, name, [line for line in lines if line.delta], pool=pool, at_ms=at_ms)


def fee_undone(tx: Connection, *, key: str, pool: WalletId, at_ms: int) -> None:
    """What `fee` posted under this key was never taken."""
    lines = [replace(line, delta=-line.delta) for line in lines_of(tx, f"pool-fee:{key}")]
    if lines:
        _post_of(tx, f"pool-fee-undone:{key}", lines, pool=pool, at_ms=at_ms)


def refilled(tx: Connection, *, refill: str, pool: WalletId, asset: AssetId, units: int, at_ms: int) -> None:
    """Coins that came in at the pool's own address were the harbor's. Raises Conflict `ledger.overdrawn` when
    the pool has not as many of its own, or the harbor not as many of the pool's."""
    lines = [
        *_owned(pool, asset, -units),
        Line(accounts.cold(pool), asset, -units),
        Line(accounts.lent(pool), asset, units),
    ]
    _post_of(tx, f"refill:{refill}", lines, pool=pool, at_ms=at_ms)


def standing(tx: Connection, pool: WalletId, asset: AssetId) -> Standing:
    kinds = ("owed", "held", "dust", "short", "coins", "lent", "cold", "absent")
    of = dict.fromkeys(kinds, 0) | totals.of(tx, pool, asset)
    own = {kind: balance(tx, f"{kind}:{pool}", asset) for kind in kinds}
    return Standing(
        users=of["owed"] + of["held"] + of["dust"] - of["short"],
        own=own["owed"] + own["held"] + own["dust"] - own["short"],
        booked=of["coins"] - of["absent"] + own["coins"] - own["absent"] - own["lent"],
        on_chain=levels.on_chain(tx, pool, asset),
        cold=own["cold"],
        fees=own["lent"] - own["cold"],
    )


def _owned(wallet: WalletId, asset: AssetId, units: int) -> list[Line]:
    """So much more (or less) on chain that is the wallet's, and that it may spend."""
    return [Line(accounts.coins(wallet), asset, units), Line(accounts.owed(wallet), asset, -units)]


def _post_of(tx: Connection, key: str, lines: list[Line], *, pool: WalletId, at_ms: int) -> None:
    kind = key.partition(":")[0].replace("-", "_")
    post(tx, key=key, kind=kind, lines=lines, at_ms=at_ms, wallet=pool, reference={"pool": pool})
