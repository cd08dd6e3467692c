"""Pools at work: stocks kept full, waiting wallets served, levels watched; round after round, never silent
about a wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Connection

from keepcool.app.deposits import position
from keepcool.app.pools import exposure, giving, levels, rows, watermark
from keepcool.app.pools.rows import Pool
from keepcool.app.pools.stock import Stock
from keepcool.app.pools.watermark import Water
from keepcool.app.store import Store
from keepcool.core.addresses import COUNT_MAX
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.ports.system import Clock

_PAUSE_MS_MAX, _LOOK_EVERY_MS = 30_000, 2_000
_log = logging.getLogger("keepcool.app.pools")


class Numbers:
    """Prometheus. Amounts in the asset's smallest unit."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *more: str) -> Gauge:
            return Gauge(f"keepcool_pool_{name}", text, ["network", "pool", *more], registry=metrics)

        self.coins = gauge("coins_sat", "What lies in the pool, in blocks.", "asset")
        self.exposed = gauge(
            "exposed_thousandths",
            "The pool's share of all that lies on its network in pools, wallets of coins, and the harbor.",
            "asset",
        )
        self.stock = gauge("addresses_in_stock", "Addresses attested ahead.")
        self.low = gauge("low", "1 when the pool is below its low mark.", "asset")
        self.waiting = gauge("waiting_for_window", "Payout batches that wait until Keeper is unlocked.")


@dataclass(slots=True)
class Standing:
    """How it is, for health. `waiting` is None while all is well."""

    rounds: int = 0
    waiting: KeepcoolError | None = None

    def describe(self) -> str:
        """A sentence. Raises the error it waits for."""
        if self.waiting is not None:
            raise self.waiting
        if not self.rounds:
            raise Unavailable("pools.starting", "no pool was looked at yet")
        return "addresses are in stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLane:
    """One network's pools. `waters`: of all their assets; `wanted`: addresses in stock. `wake`: the payouts
    have something new to do. `looked`: per pool when its level was looked at last, and at which block."""

    network: NetworkId
    wanted: int
    waters: Sequence[Water]
    store: Store
    stock: Stock
    clock: Clock
    numbers: Numbers
    wake: Callable[[], None]
    looked: dict[WalletId, tuple[int, int]] = field(default_factory=dict)


async def run(
    lane: PoolLane, standing: Standing, pause: Callable[[float], Awaitable[None]], *, poll_ms: int
) -> None:
    """Until cancelled."""
    failures = 0
    while True:
        try:
            await step(lane)
        except KeepcoolError as error:
            failures += 1
            if standing.waiting is None or standing.waiting.code != error.code:
                _log.warning("pools wait", extra={"code": error.code, "reason": error.public})
            standing.waiting = error
        else:
            failures, standing.waiting, standing.rounds = 0, None, standing.rounds + 1
        await pause(min(poll_ms * 2 ** min(failures, 16), max(_PAUSE_MS_MAX, poll_ms)) / 1000)


async def step(lane: PoolLane) -> None:
    """One bounded round. What a signer does not answer keeps no level unwatched."""
    problem: KeepcoolError | None = None
    for pool in await lane.store.run(lambda tx: rows.pools(tx, lane.network)):
        if await lane.store.run(partial(_looked_after, lane=lane, pool=pool)):
            lane.wake()
        try:
            await _filled(lane, pool)
        except KeepcoolError as error:
            problem = error
    if problem is not None:
        raise problem


async def _filled(lane: PoolLane, pool: Pool) -> None:
    """Half a stock is filled up; whoever waits for an address gets one."""
    wanted = lane.wanted
    have, waiting = await lane.store.run(
        lambda tx: (rows.in_stock(tx, pool.id), len(rows.waiting(tx, pool.id, COUNT_MAX)))
    )
    if have - waiting < max(wanted // 2, 1):
        await lane.stock.add(pool.id, min(wanted + waiting - have, COUNT_MAX))
    if waiting:
        await lane.store.run(lambda tx: giving.settle(tx, pool.id, lane.clock.now_ms()))


def _looked_after(tx: Connection, lane: PoolLane, pool: Pool) -> bool:
    """Whether the payouts have something new to do. Levels change with blocks, so they are summed up once a
    block, and now and then besides."""
    now_ms, stands = lane.clock.now_ms(), position.read(tx, pool.network)
    block = -1 if stands is None else stands.scanned
    at_ms, at_block = lane.looked.get(pool.id, (0, -1))
    if block == at_block and 0 <= now_ms - at_ms < _LOOK_EVERY_MS:
        return False
    moved = False
    for water in lane.waters:
        moved = watermark.step(tx, water, pool, now_ms) or moved
    _measured(tx, lane, pool)
    lane.looked[pool.id] = (now_ms, block)
    return moved


def _measured(tx: Connection, lane: PoolLane, pool: Pool) -> None:
    numbers, names = lane.numbers, (pool.network, pool.id)
    waiting = exposure.waiting_for_window(tx, pool.id)
    watermark.tell_window(tx, pool, waiting=bool(waiting), now_ms=lane.clock.now_ms())
    numbers.stock.labels(*names).set(rows.in_stock(tx, pool.id))
    numbers.waiting.labels(*names).set(waiting)
    for water in lane.waters:
        of = (*names, water.asset)
        numbers.coins.labels(*of).set(levels.on_chain(tx, pool.id, water.asset))
        numbers.exposed.labels(*of).set(exposure.exposed_thousandths(tx, pool, water.asset))
        numbers.low.labels(*of).set(int(watermark.is_low(tx, water, pool)))


def until_rung(bell: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """A pause that ends early when the bell is rung."""

    async def pause(seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            pass
        bell.clear()

    return pause
