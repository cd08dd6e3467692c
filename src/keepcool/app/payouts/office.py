"""The payouts as one part: the desk for requests, the engine that carries them out, the purses' books.

Built by main.py over its adapters; satisfies `app.http.orders.Engine`.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, select

from keepcool.app.books import accounts, ledger
from keepcool.app.config import AppSettings, native_asset
from keepcool.app.http.orders import Purse, Quote
from keepcool.app.payouts import heads, quotes
from keepcool.app.payouts.engine import PayoutEngine
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.notes import Numbers
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.payouts.tables import purse
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.evm.assets import chain_id_of
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.system import Clock, Faults
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head


class PayoutOffice:
    """`nodes`: per network the one that is written to."""

    def __init__(
        self,
        settings: AppSettings,
        nodes: Mapping[NetworkId, EvmNode],
        *,
        store: Store,
        exchange: Exchange,
        attesters: Attesters,
        clock: Clock,
        faults: Faults,
        metrics: CollectorRegistry,
    ) -> None:
        self._store, self._settings, numbers = store, settings, Numbers(metrics)
        self.desk = PayoutDesk(settings.networks, attesters, clock)
        self.lanes = {
            network: Lane(
                network=network,
                chain_id=chain_id_of(network),
                native=native_asset(network, settings.networks[network]),
                settings=settings.networks[network],
                node=node,
                store=store,
                exchange=exchange,
                attesters=attesters,
                clock=clock,
                faults=faults,
                numbers=numbers,
                signer_timeout_s=settings.signer_timeout_s,
            )
            for network, node in nodes.items()
        }
        self._engine = PayoutEngine(list(self.lanes.values()))

    async def run(self) -> None:
        """Until cancelled."""
        await self._engine.run()

    def wake(self) -> None:
        """There is something new to do."""
        self._engine.wake()

    async def quote(self, order: Order) -> Quote:
        """Raises what `PayoutDesk.checked` raises, Refused `payout.reverts` when it would fail on the chain
        as it is now, and Unavailable when the node does not answer."""
        asked = await self._store.run(lambda tx: self.desk.checked(tx, order))
        return await quotes.quote(self.lanes[asked.network], asked)

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
            )
            for row in tx.execute(select(purse).order_by(purse.c.network))
            if row.network in self.lanes
        ]

    def _booked(self, tx: Connection, network: NetworkId, account: str) -> int:
        return ledger.balance(tx, account, self.lanes[network].native)
