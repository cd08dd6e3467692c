"""The pools as one part: the desk for requests, and one lane of work for each network that has some."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings
from keepcool.app.payouts.requests import PayoutDesk
from keepcool.app.pools import running, skipped, watermark
from keepcool.app.pools.desk import PoolDesk
from keepcool.app.pools.running import Numbers, PoolLane, Standing
from keepcool.app.pools.stock import Alone, Stock, nobody_beside
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.ports.system import Clock
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the pools work with. `wake`: tells the payouts that there is something to do;
    `knock`: the pools. `alone`: as in `Stock`. `ready`: as in
    `PoolDesk`."""

    settings: AppSettings
    store: Store
    exchange: Exchange
    attesters: Attesters
    issuer: Issuer
    payouts: PayoutDesk
    clock: Clock
    metrics: CollectorRegistry
    head_seen: Callable[[Service, Head], Awaitable[None]]
    wake: Callable[[], None]
    ready: Callable[[str], Awaitable[None]]
    knock: Callable[[], None] | None = None
    alone: Alone = nobody_beside


@dataclass(frozen=True, slots=True)
class _Bells:
    """Rings all lanes, of whichever App works; without `knock` those here."""

    knock: Callable[[], None] | None
    lanes: list[asyncio.Event] = field(default_factory=list)

    def set(self) -> None:
        (self.knock or self.rung)()

    def rung(self) -> None:
        for bell in self.lanes:
            bell.set()


class PoolOffice:
    """`desk` answers requests, `work()` runs beside it until cancelled, `standings` are for health.

    Law: what lay in stock before is given to nobody: this database may have been restored, and its addresses
    be somebody's already; they are watched."""

    def __init__(self, around: Around) -> None:
        around.store.transact(skipped.burn)
        self._around, self._numbers, self._bells = around, Numbers(around.metrics), _Bells(around.knock)
        self._stock = Stock(
            exchange=around.exchange,
            store=around.store,
            attesters=around.attesters,
            clock=around.clock,
            timeout_s=around.settings.signer_timeout_s,
            head_seen=around.head_seen,
            alone=around.alone,
        )
        self.desk = PoolDesk(
            settings=around.settings,
            store=around.store,
            issuer=around.issuer,
            attesters=around.attesters,
            stock=self._stock,
            clock=around.clock,
            bell=self._bells,
            ready=around.ready,
        )
        self.standings = {network: Standing() for network in self._tables()}

    def work(self) -> list[Coroutine[Any, Any, None]]:
        self._bells.lanes.clear()
        return [self._run(network, table) for network, table in self._tables().items()]

    def rung(self) -> None:
        """A stock was taken from, or somebody waits for one, here or at another App."""
        self._bells.rung()

    def _run(self, network: NetworkId, table: BitcoinSettings | EvmSettings) -> Coroutine[Any, Any, None]:
        around, bell = self._around, asyncio.Event()
        self._bells.lanes.append(bell)
        lane = PoolLane(
            network=network,
            wanted=table.stock,
            waters=watermark.waters(network, table, around.payouts),
            store=around.store,
            stock=self._stock,
            clock=around.clock,
            numbers=self._numbers,
            wake=around.wake,
        )
        pause = running.until_rung(bell)
        return running.run(lane, self.standings[network], pause, poll_ms=table.poll_ms)

    def _tables(self) -> dict[NetworkId, BitcoinSettings | EvmSettings]:
        networks = self._around.settings.networks.items()
        kinds = BitcoinSettings | EvmSettings
        return {NetworkId(name): table for name, table in networks if isinstance(table, kinds)}
