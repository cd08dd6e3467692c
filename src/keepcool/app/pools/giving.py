"""Giving addresses out of the stock: to a new member of a pool, and to a wallet that wants another one.

Law: an address is watched for deposits in the database transaction that gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.books.registry import Asked, Stored
from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.pools import rows
from keepcool.app.pools.rows import Given, Pool
from keepcool.core.addresses import RECEIVING
from keepcool.core.errors import Conflict, Unavailable
from keepcool.core.ids import WalletId

_SETTLED_AT_ONCE = 500


def asked(tx: Connection, wanted: Asked, pool: Pool, now_ms: int) -> Stored:
    """The row of a wallet in this pool: with its address, or waiting for one while the stock is empty. The
    same wallet asked for again is the same row; asked for in another pool it is a Conflict."""
    stored = registry.ask(tx, wanted, now_ms)
    wallet = stored.asked.id
    known = rows.find_member(tx, wallet)
    if known is None:
        if stored.record is not None:
            raise Conflict("wallet.other", f"wallet {wallet} is its owner's alone; choose another id")
        rows.add_member(tx, wallet, pool.id)
    elif known.pool != pool.id:
        raise Conflict("wallet.other_pool", f"wallet {wallet} lies in the pool {known.pool}")
    if known is None or known.index is None:
        _settled(tx, pool.id, [wallet], now_ms)
    return registry.get_wallet(tx, wallet)


def settle(tx: Connection, pool: WalletId, now_ms: int) -> int:
    """Gives addresses to members that wait for one. How many got one."""
    return _settled(tx, pool, rows.waiting(tx, pool, _SETTLED_AT_ONCE), now_ms)


def more(tx: Connection, source: WalletId, wallet: WalletId, count: int, now_ms: int) -> list[Given]:
    """Further addresses of a wallet, all or none. Raises Unavailable `addresses.stock` when there are not as
    many."""
    if rows.in_stock(tx, source) < count:
        text = "so many addresses are not in stock yet: more are being made, ask again"
        raise Unavailable("addresses.stock", text)
    taken = rows.take(tx, source, wallet, count, now_ms)
    _watch(tx, taken)
    return taken


def _settled(tx: Connection, pool: WalletId, wallets: Sequence[WalletId], now_ms: int) -> int:
    done = 0
    for wallet in wallets:
        taken = rows.take(tx, pool, wallet, 1, now_ms)
        if not taken:
            break
        rows.set_index(tx, wallet, taken[0].index)
        registry.give_address(tx, wallet, taken[0].address, now_ms)
        _watch(tx, taken)
        done += 1
    return done


def _watch(tx: Connection, taken: Sequence[Given]) -> None:
    addresses.add_addresses(
        tx,
        [
            Address(
                network=one.network,
                script=one.script,
                source=one.source,
                wallet=one.wallet,
                cosigner=one.cosigner,
                change=RECEIVING,
                index=one.index,
            )
            for one in taken
        ],
    )
