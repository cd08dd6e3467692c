"""The follower at work: round after round, patient with nodes, never silent about why it waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from keepcool.app.config import BitcoinSettings, EvmSettings, MinterSettings, bitcoin_row
from keepcool.app.deposits.bitcoin.follower import Plan as BitcoinPlan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.follower import Plan
from keepcool.app.deposits.minter.follower import Plan as MinterPlan
from keepcool.app.deposits.progress import Follows, Progress
from keepcool.app.deposits.scanning import Listed
from keepcool.chains.bitcoin.coins import Shape
from keepcool.chains.evm.assets import contract_of, native_asset
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.money import parse_units
from keepcool.ports.system import Clock

_PAUSE_MS_MAX = 30_000
_NEWS_AGAIN_S = 5.0
_log = logging.getLogger("keepcool.app.deposits")


@dataclass(slots=True)
class Standing:
    """How the follower is, for health and metrics. `waiting` is None while all is well."""

    progress: Progress | None = None
    waiting: KeepcoolError | None = None
    since_ms: int = 0

    def describe(self) -> str:
        """A sentence. Raises the error it waits for."""
        if self.waiting is not None:
            raise self.waiting
        if self.progress is None:
            raise Unavailable("deposits.starting", "the follower has not read a block yet")
        at = self.progress
        return f"read to block {at.scanned} of {at.tip}, credited to {at.settled}"


def plan_of(network: NetworkId, settings: EvmSettings) -> Plan:
    """What the configuration says to follow. Raises Malformed on an asset that is none of this network's."""
    minimums = {AssetId(asset.id): parse_units(asset.deposit_min) for asset in settings.assets}
    contracts = {asset: contract_of(asset) for asset in minimums}
    tokens = {contract: asset for asset, contract in contracts.items() if contract is not None}
    return Plan(
        listed=Listed(network, native_asset(network), tokens),
        minimums={native_asset(network): 1} | minimums,
        depth_blocks=settings.depth_blocks if settings.crediting == "depth" else None,
        start_block=settings.start_block,
    )


def minter_plan(network: NetworkId, settings: MinterSettings) -> MinterPlan:
    """What the configuration says to follow on a Minter network."""
    minimums = {AssetId(asset.id): parse_units(asset.deposit_min) for asset in settings.assets}
    return MinterPlan(network, minimums, settings.start_block)


def bitcoin_plan(network: NetworkId, settings: BitcoinSettings) -> BitcoinPlan:
    """What the configuration says to follow on a Bitcoin network. What nodes would not relay is dust in any
    case."""
    row = bitcoin_row(network, settings)
    relayed = row.dust_sat(Shape(settings.kind, 2, 3).script_pubkey)
    least = max(parse_units(settings.assets[0].deposit_min), relayed)
    return BitcoinPlan(Terms(row, least), settings.start_block, settings.filters)


async def run(
    follower: Follows,
    standing: Standing,
    clock: Clock,
    *,
    poll_ms: int,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Until cancelled. Waits `poll_ms` for new blocks, and twice as long after each failure in a row."""
    failures = 0
    while True:
        try:
            standing.progress = await follower.step()
        except (KeepcoolError, OperationalError) as error:
            failures += 1
            _waits(standing, _known(error), clock)
        else:
            failures, standing.waiting = 0, None
            if standing.progress.busy:
                await pause(0)
                continue
        await pause(min(poll_ms * 2 ** min(failures, 16), max(_PAUSE_MS_MAX, poll_ms)) / 1000)


def until_rung(bell: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """A pause that ends early when the bell is rung."""

    async def pause(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()
        bell.clear()

    return pause


async def ring_at(news: AsyncIterator[object], bell: asyncio.Event) -> None:
    """Until cancelled: rings at all news. They are only hints, so their errors are no news."""
    while True:
        try:
            async for _ in news:
                bell.set()
        except KeepcoolError:
            await asyncio.sleep(_NEWS_AGAIN_S)


def _waits(standing: Standing, error: KeepcoolError, clock: Clock) -> None:
    if standing.waiting is None or standing.waiting.code != error.code:
        standing.since_ms = clock.now_ms()
        _log.warning("deposits wait", extra={"code": error.code, "reason": error.public})
    standing.waiting = error


def _known(error: KeepcoolError | OperationalError) -> KeepcoolError:
    if isinstance(error, KeepcoolError):
        return error
    return Unavailable("deposits.database", "the database cannot be written; is its disk full?")
