"""What nodes say lies there, held against the ledger: to the unit, place by place.

Laws: every EVM node is asked and all must agree, as for crediting; Minter's and Bitcoin's nodes answer as one
that says only what as many agree on as must; a balance is asked for at the very block the ledger was booked
up to, a coin as of now, and what moves meanwhile is read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial

from keepcool.app.payouts import heads
from keepcool.app.reconciling.coins import Lying, of_coins
from keepcool.app.reconciling.places import Booked, Holding, Place, of_accounts
from keepcool.app.store import Store
from keepcool.chains.minter.assets import coin_of
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.core.reconciliation import DIFFERENCES_MAX, Difference, Report, SeenHead, Total
from keepcool.ports import evmnode
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import ChainReader
from keepcool.ports.minternode import MinterNode

TRIES = 3
_AT_ONCE, _COINS_AT_ONCE = 500, 16
Compared = tuple[Booked, Mapping[Holding, int]]


async def evm(
    store: Store, network: NetworkId, tokens: Mapping[AssetId, str | None], nodes: Sequence[ChainReader]
) -> Compared:
    """`tokens`: every listed asset and its contract, None for the native one."""
    booked = await store.run(lambda tx: of_accounts(tx, network, tokens, minter=False))
    found: dict[Holding, int] = {}
    spread = [(one, address) for one in booked.places for address in one.addresses]
    for start in range(0, len(spread), _AT_ONCE):
        some = spread[start : start + _AT_ONCE]
        holdings = [evmnode.Holding(address, tokens[AssetId(one.asset)]) for one, address in some]
        told = [await node.balances(holdings, booked.hash) for node in nodes]
        if any(one != told[0] for one in told):
            raise Breach("node.disagree", f"the nodes of {network} do not agree on block {booked.number}")
        for (one, _), units in zip(some, told[0], strict=True):
            found[one.place, one.asset] = found.get((one.place, one.asset), 0) + units
    return booked, found


async def minter(store: Store, network: NetworkId, assets: Iterable[AssetId], node: MinterNode) -> Compared:
    booked = await store.run(lambda tx: of_accounts(tx, network, list(assets), minter=True))
    addresses, balances = list(dict.fromkeys(one.address for one in booked.places)), {}
    for start in range(0, len(addresses), _AT_ONCE):
        for account in await node.accounts(addresses[start : start + _AT_ONCE], booked.number):
            balances[account.address] = {one.coin: one.pip for one in account.balances}
    coins = {one.asset: coin_of(AssetId(one.asset), network) for one in booked.places}
    return booked, {
        (one.place, one.asset): balances.get(one.address, {}).get(coins[one.asset], 0)
        for one in booked.places
    }


async def bitcoin(store: Store, network: NetworkId, asset: AssetId, node: BitcoinNode) -> Compared:
    """Coins are asked for as of now. What differs while blocks come in is read again, a few times."""
    for _ in range(TRIES - 1):
        compared = await _coins(store, network, asset, node)
        if all(compared[1].get((one.place, one.asset), 0) == one.expected for one in compared[0].places):
            return compared
        await asyncio.sleep(1)
    return await _coins(store, network, asset, node)


async def _coins(store: Store, network: NetworkId, asset: AssetId, node: BitcoinNode) -> Compared:
    booked, lying = await store.run(lambda tx: of_coins(tx, network, asset))
    room, found = asyncio.Semaphore(_COINS_AT_ONCE), dict[Holding, int]()

    async def there(one: Lying) -> int:
        if one.leaving:  # until a block has what spends it, and that is a payout of ours
            return one.amount_sat
        async with room:
            unspent = await node.unspent(one.txid, one.vout)
        return 0 if unspent is None else unspent.amount_sat

    for one, units in zip(lying, await asyncio.gather(*map(there, lying)), strict=True):
        found[one.source, asset] = found.get((one.source, asset), 0) + units
    return booked, found


def differences(booked: Booked, found: Mapping[Holding, int]) -> list[Difference]:
    return [
        Difference(booked.network, one.asset, one.place, units)
        for one in booked.places
        if (units := found.get((one.place, one.asset), 0) - one.expected)
    ]


def totals(booked: Booked, found: Mapping[Holding, int]) -> list[Total]:
    assets: dict[str, list[Place]] = {}
    for one in booked.places:
        assets.setdefault(one.asset, []).append(one)
    return [
        Total(
            network=booked.network,
            asset=asset,
            wallets=len(some),
            ledger=sum(one.ledger for one in some),
            chain=sum(found.get((one.place, asset), 0) for one in some),
            pending=sum(one.pending for one in some),
            in_flight=sum(one.in_flight for one in some),
        )
        for asset, some in sorted(assets.items())
    ]


def report(compared: Sequence[Compared], seen: Mapping[str, SeenHead], made_at_s: int) -> Report:
    """Differences beyond the first DIFFERENCES_MAX are left out; it is unclean all the same."""
    return Report(
        made_at_s=made_at_s,
        tips={booked.network: f"{booked.number}:{booked.hash.hex()}" for booked, _ in compared},
        heads=seen,
        totals=tuple(one for booked, found in compared for one in totals(booked, found)),
        differences=tuple(one for each in compared for one in differences(*each))[:DIFFERENCES_MAX],
    )


async def seen_heads(store: Store, known: Container[str] = ()) -> dict[str, SeenHead]:
    """The newest heads of both signers' journals that App was told. Raises Unavailable before there are.
    `known`: those that need not be looked up."""
    found = {}
    for service in (one for one in (Service.KEEPER, Service.COOLER) if one.value not in known):
        head = await store.run(partial(heads.newest, signer=service))
        if head is None:
            raise Unavailable("reconcile.heads", f"App has seen no journal head of {service.value} yet")
        found[service.value] = SeenHead(head.sequence, head.hash.hex())
    return found
