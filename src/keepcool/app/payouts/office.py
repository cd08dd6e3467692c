"""The payouts as one part: the desk for requests, the engine that carries them out, the purses' books.

Built by main.py over its adapters; satisfies `app.http.orders.Engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypedDict, assert_never

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, select

from keepcool.app.books import accounts, ledger
from keepcool.app.config import (
    AppSettings,
    BitcoinSettings,
    EvmSettings,
    MinterSettings,
    bitcoin_row,
    native_asset,
)
from keepcool.app.http.orders import Purse, Quote
from keepcool.app.payouts import heads
from keepcool.app.payouts.bitcoin import quotes as bitcoin_quotes
from keepcool.app.payouts.bitcoin import works as bitcoin_works
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.engine import PayoutEngine, Work
from keepcool.app.payouts.evm import quotes as evm_quotes
from keepcool.app.payouts.evm import works as evm_works
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.minter import quotes as minter_quotes
from keepcool.app.payouts.minter import works as minter_works
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.notes import Numbers
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.payouts.tables import purse
from keepcool.app.spares import rows as spares
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.bitcoin.combining import Checker
from keepcool.chains.evm.assets import chain_id_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import EvmNode, Holding, Tag
from keepcool.ports.minternode import MinterNode
from keepcool.ports.system import Clock, Entropy, Faults
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head

AnyLane: TypeAlias = EvmLane | MinterLane | BitcoinLane


@dataclass(frozen=True, slots=True)
class Nodes:
    """`evm`: per network the one that is written to; of the others all as one. `checker`: who may veto a
    transaction of the Bitcoin family before it is sent."""

    evm: Mapping[NetworkId, EvmNode]
    minter: Mapping[NetworkId, MinterNode]
    bitcoin: Mapping[NetworkId, BitcoinNode]
    checker: Checker


class _Shared(TypedDict):
    """What every lane is given."""

    store: Store
    exchange: Exchange
    attesters: Attesters
    clock: Clock
    faults: Faults
    numbers: Numbers
    signer_timeout_s: float


class PayoutOffice:
    def __init__(
        self,
        settings: AppSettings,
        nodes: Nodes,
        *,
        store: Store,
        exchange: Exchange,
        attesters: Attesters,
        clock: Clock,
        entropy: Entropy,
        faults: Faults,
        metrics: CollectorRegistry,
        knock: Callable[[], None] | None = None,
    ) -> None:
        self._store, self._settings, numbers = store, settings, Numbers(metrics)
        self.desk = PayoutDesk(settings.networks, attesters, clock)
        shared = _Shared(
            store=store,
            exchange=exchange,
            attesters=attesters,
            clock=clock,
            faults=faults,
            numbers=numbers,
            signer_timeout_s=settings.signer_timeout_s,
        )
        self.lanes = _lanes(settings, nodes, shared, entropy)
        self._engine = PayoutEngine([work for lane in self.lanes.values() for work in _works(lane)])
        self._knock = knock or self._engine.wake

    async def run(self) -> None:
        """Until cancelled."""
        await self._engine.run()

    def wake(self) -> None:
        """There is something new to do, for whichever App does it."""
        self._knock()

    def rung(self) -> None:
        self._engine.wake()

    async def quote(self, order: Order) -> Quote:
        """Raises what `PayoutDesk.checked` raises, Refused `payout.reverts` when it would fail on the chain
        as it is now, and Unavailable when the node does not answer."""
        asked = await self._store.run(lambda tx: self.desk.checked(tx, order))
        lane = self.lanes[asked.network]
        match lane:
            case EvmLane():
                return await evm_quotes.quote(lane, asked)
            case MinterLane():
                return await minter_quotes.quote(lane, asked)
            case BitcoinLane():
                return await bitcoin_quotes.quote(lane, asked)
            case _ as never:
                assert_never(never)

    async def lying(self, network: NetworkId, address: str, token: str) -> int:
        """By the node that is written to. Raises Malformed where there are no tokens."""
        lane = self.lanes.get(network)
        if not isinstance(lane, EvmLane):
            raise Malformed("rescue.network", f"on {network} there are no unlisted tokens to rescue")
        (units,) = await lane.node.balances([Holding(address, token)], Tag.LATEST)
        return units

    async def purses(self) -> list[Purse]:
        """What pays the fees of each network, as far as Keeper has named it."""
        return await self._store.run(self._purses)

    async def head_seen(self, signer: Service, head: Head) -> None:
        """For whoever else hears from a signer. Raises Breach when it tells two histories."""
        await self._store.run(lambda tx: heads.seen(tx, signer, head))

    def _purses(self, tx: Connection) -> list[Purse]:
        return [
            Purse(
                network=NetworkId(row.network),
                address=row.address,
                asset=self.lanes[NetworkId(row.network)].native,
                booked=self._booked(tx, NetworkId(row.network), accounts.purse(NetworkId(row.network))),
                on_chain=row.balance if row.reconciled_block >= 0 else None,
                fees_paid=self._booked(tx, NetworkId(row.network), accounts.fees(NetworkId(row.network))),
                accounts=_accounts(tx, NetworkId(row.network), row.address),
            )
            for row in tx.execute(select(purse).order_by(purse.c.network))
            if row.network in self.lanes
        ]

    def _booked(self, tx: Connection, network: NetworkId, account: str) -> int:
        return ledger.balance(tx, account, self.lanes[network].native)


def _accounts(tx: Connection, network: NetworkId, address: str) -> tuple[str, ...]:
    """All that hold the purse's coins, the one to top up first."""
    return tuple(one.address for one in spares.creators(tx, network)) or (address,)


def _lanes(
    settings: AppSettings, nodes: Nodes, shared: _Shared, entropy: Entropy
) -> dict[NetworkId, AnyLane]:
    lanes: dict[NetworkId, AnyLane] = {}
    for name, table in settings.networks.items():
        network, native = NetworkId(name), native_asset(name, table)
        match table:
            case EvmSettings() if network in nodes.evm:
                lanes[network] = EvmLane(
                    network=network,
                    native=native,
                    settings=table,
                    **shared,
                    chain_id=chain_id_of(network),
                    node=nodes.evm[network],
                )
            case MinterSettings() if network in nodes.minter:
                lanes[network] = MinterLane(
                    network=network, native=native, settings=table, node=nodes.minter[network], **shared
                )
            case BitcoinSettings() if network in nodes.bitcoin:
                lanes[network] = BitcoinLane(
                    network=network,
                    native=native,
                    settings=table,
                    **shared,
                    row=bitcoin_row(name, table),
                    node=nodes.bitcoin[network],
                    entropy=entropy,
                    checker=nodes.checker,
                )
    return lanes


def _works(lane: AnyLane) -> list[Work]:
    match lane:
        case EvmLane():
            return evm_works.works(lane)
        case MinterLane():
            return minter_works.works(lane)
        case BitcoinLane():
            return bitcoin_works.works(lane)
        case _ as never:
            assert_never(never)
