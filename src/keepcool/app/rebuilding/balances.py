"""Balances of accounts on a chain beside the books', all of them at one block.

Law: what lies there is asked of the nodes anew, at the block up to which balances were confirmed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, select

from keepcool.app.books import accounts
from keepcool.app.books.postings import balances_of
from keepcool.app.deposits.records import State
from keepcool.app.deposits.tables import deposit, outflow, spending
from keepcool.app.deposits.watched import WatchedWallet, wallets_after
from keepcool.app.rebuilding.comparing import Standing
from keepcool.app.rebuilding.tables import payment
from keepcool.app.reconciling.places import Booked, Holding
from keepcool.app.store import Store
from keepcool.core.ids import AssetId, NetworkId, WalletId

_AT_ONCE = 100
Units: TypeAlias = Mapping[tuple[WalletId, AssetId], int]
Asked: TypeAlias = Callable[[Sequence[WatchedWallet]], Awaitable[Units]]


async def compared(
    store: Store, network: NetworkId, settled: int, ask: Asked, leaving: Callable[[Connection], Units]
) -> list[Standing]:
    """Every wallet with an address there. `ask`: what lies at these at block `settled`; `leaving`: what has
    left up to then and is not booked yet."""
    found, after = list[Standing](), 0
    left = await store.run(leaving)
    pending = await store.run(lambda tx: _uncredited(tx, network, settled))
    while some := await _page(store, network, after):
        after = some[-1].number
        chain, booked = await ask(some), await _booked(store, some)
        found += [
            Standing(
                wallet=wallet,
                asset=asset,
                chain=units,
                booked=booked.get((wallet, asset), 0),
                pending=pending.get((wallet, asset), 0),
                leaving=left.get((wallet, asset), 0),
            )
            for (wallet, asset), units in sorted(chain.items())
        ]
    return found


def of_places(booked: Booked, chain: Mapping[Holding, int]) -> list[Standing]:
    """As reconciling has it, where wallets lie in pools: a pool's treasury and addresses are one."""
    return [
        Standing(
            wallet=WalletId(one.place),
            asset=AssetId(one.asset),
            chain=chain.get((one.place, one.asset), 0),
            booked=one.ledger,
            pending=one.pending,
            leaving=-one.in_flight,
        )
        for one in booked.places
    ]


def minter_leaving(tx: Connection, network: NetworkId, settled: int) -> Units:
    """What was sent and no withdrawal has taken note of; what is recalled is booked already."""
    recalled = select(payment.c.digest).where(payment.c.network == network)
    query = (
        select(outflow.c.wallet, outflow.c.asset, outflow.c.units)
        .join(spending, spending.c.key == outflow.c.key)
        .where(
            spending.c.network == network,
            spending.c.accounted.is_(False),
            spending.c.height <= settled,
            spending.c.digest.not_in(recalled),
        )
    )
    return _summed((row.wallet, row.asset, row.units) for row in tx.execute(query))


async def _page(store: Store, network: NetworkId, after: int) -> list[WatchedWallet]:
    return await store.run(lambda tx: wallets_after(tx, network, after, _AT_ONCE))


async def _booked(store: Store, some: Sequence[WatchedWallet]) -> Units:
    names = {accounts.coins(one.id): one.id for one in some}
    told = await store.run(lambda tx: list(balances_of(tx, list(names))))
    return {(names[account], asset): units for account, asset, units in told}


def _uncredited(tx: Connection, network: NetworkId, settled: int) -> Units:
    """Confirmed and too little to be credited."""
    decided = (State.DUST.value, State.SHORT.value)
    query = select(deposit.c.wallet, deposit.c.asset, deposit.c.confirmed).where(
        deposit.c.network == network,
        deposit.c.state.in_(decided),
        deposit.c.posted.is_(False),
        deposit.c.block_number <= settled,
    )
    return _summed((row.wallet, row.asset, row.confirmed) for row in tx.execute(query))


def _summed(rows: Iterable[tuple[str, str, int]]) -> Units:
    found: dict[tuple[WalletId, AssetId], int] = defaultdict(int)
    for wallet, asset, units in rows:
        found[WalletId(wallet), AssetId(asset)] += units
    return dict(found)
