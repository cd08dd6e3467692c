"""Signatures per second through a whole signer, and the time from intent to two signatures.

Through a signer: its own process opens the envelope, decodes, judges by all rules, commits the journal, is
witnessed by its peer, unseals the key in OpenBao, signs and answers over NATS with TLS. The libraries
beside it hash and sign in this process and do nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import TypeAlias

from bench import peers
from bench.measure import Figure, percentile, side_by_side
from bench.rig import TIMEOUT_S, Rig, issued, payment, signed, wallets
from keepcool.core.parties import Service
from keepcool.wire.messages import SignItem, StatusRequest

BATCH, BATCHES, SINGLES, IN_FLIGHT = 100, 10, 200, 4
BOTH = (Service.KEEPER, Service.COOLER)
Section: TypeAlias = Callable[[Rig], Awaitable[list[Figure]]]


async def signing(rig: Rig) -> list[Figure]:
    """One signer at a time, in batches and one by one, beside the libraries."""
    alone = side_by_side(peers.works(), rounds=3)
    eth_account = alone["eth-account sign_typed_data"]
    figures = [Figure(name, rate, "sig/s") for name, rate in alone.items()]
    for signer, share in ((Service.COOLER, 1.0), (Service.KEEPER, 0.5)):
        in_batches = await _throughput(rig, signer, BATCH, BATCHES * IN_FLIGHT, IN_FLIGHT)
        alone_in_flight = await _rate(rig, signer, BATCH, BATCHES)
        one_by_one = await _rate(rig, signer, 1, SINGLES)
        goal = f">= {share:g} x eth-account bare"
        ratio = in_batches / eth_account
        figures += [
            Figure(
                f"{signer}: batches of {BATCH}, {IN_FLIGHT} in flight", in_batches, "sig/s",
                f"{ratio:.2f} x eth-account", goal, ratio >= share,
            ),
            Figure(
                f"{signer}: batches of {BATCH}, one after another", alone_in_flight, "sig/s",
                f"{alone_in_flight / eth_account:.2f} x",
            ),
            Figure(f"{signer}: one by one", one_by_one, "sig/s", f"{one_by_one / eth_account:.2f} x"),
        ]  # fmt: skip
    return figures


async def _rate(rig: Rig, signer: Service, size: int, rounds: int) -> float:
    records = await wallets(rig, size * rounds)
    items = [payment(rig, record) for record in records]
    rates = []
    for at in range(0, len(items), size):
        begin = time.perf_counter()
        await signed(rig, signer, items[at : at + size])
        rates.append(size / (time.perf_counter() - begin))
    return median(rates)


async def _throughput(rig: Rig, signer: Service, size: int, rounds: int, in_flight: int) -> float:
    """What the signer can take in: the next batches wait at its door, as under load. Enough of them that
    the first and the last, which have the signer to themselves, weigh little."""
    records = await wallets(rig, size * rounds)
    items = [payment(rig, record) for record in records]
    groups = [items[at : at + size] for at in range(0, len(items), size)]
    begin = time.perf_counter()
    await _crowd([partial(signed, rig, signer, group) for group in groups], at_once=in_flight)
    return len(items) / (time.perf_counter() - begin)


async def latency(rig: Rig, rate_hz: int = 50, seconds: int = 6) -> list[Figure]:
    """Intent to two signatures at a steady rate, beside a no-op round trip over the same bus in turn."""
    items = [payment(rig, record) for record in await wallets(rig, rate_hz * seconds)]
    noops: list[float] = []
    pairs: list[float] = []

    async def once(item: SignItem) -> None:
        noops.append(await _timed(lambda: _noop(rig)))
        pairs.append(await _timed(lambda: _two(rig, [item])))

    await _paced([partial(once, item) for item in items], rate_hz)
    noop, p50, p99 = median(noops), median(pairs), percentile(pairs, 0.99)
    ratio = p50 / noop
    return [
        Figure("no-op round trip p50", noop * 1000, "ms"),
        Figure(
            f"intent to two signatures p50 at {rate_hz}/s", p50 * 1000, "ms", f"{ratio:.1f} x the no-op",
            "<= 4 x and <= 15 ms", ratio <= 4 and p50 <= 0.015,
        ),
        Figure(
            f"intent to two signatures p99 at {rate_hz}/s", p99 * 1000, "ms", "", "<= 50 ms", p99 <= 0.05
        ),
    ]  # fmt: skip


async def sustained(rig: Rig) -> list[Figure]:
    """Two signatures per intent, everything on this machine: many at once one by one, and in batches."""
    singles = [payment(rig, record) for record in await wallets(rig, 600)]
    begin = time.perf_counter()
    await _crowd([partial(_two, rig, [item]) for item in singles], at_once=16)
    one_by_one = len(singles) / (time.perf_counter() - begin)
    batched = [payment(rig, record) for record in await wallets(rig, 1000)]
    groups = [batched[at : at + BATCH] for at in range(0, len(batched), BATCH)]
    begin = time.perf_counter()
    await _crowd([partial(_two, rig, group) for group in groups], at_once=2)
    in_batches = len(batched) / (time.perf_counter() - begin)
    return [
        Figure("withdrawals signed twice, one by one", one_by_one, "per s", "", ">= 100", one_by_one >= 100),
        Figure("withdrawals signed twice, in batches", in_batches, "per s", "", ">= 300", in_batches >= 300),
    ]


async def issuing(rig: Rig) -> list[Figure]:
    rates = []
    for _ in range(5):
        names = [f"b-{rig.entropy(8).hex()}" for _ in range(BATCH)]
        begin = time.perf_counter()
        await issued(rig, names)
        rates.append(BATCH / (time.perf_counter() - begin))
    rate = median(rates)
    return [Figure("wallets issued, attested twice, registered", rate, "per s", "", ">= 300", rate >= 300)]


async def _two(rig: Rig, items: list[SignItem]) -> None:
    await asyncio.gather(*(signed(rig, signer, items) for signer in BOTH))


async def _noop(rig: Rig) -> None:
    await rig.exchange.ask(Service.KEEPER, "status.v1", StatusRequest(), TIMEOUT_S)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    begin = time.perf_counter()
    await work()
    return time.perf_counter() - begin


async def _paced(works: list[Callable[[], Awaitable[None]]], rate_hz: int) -> None:
    begin, tasks = time.perf_counter(), []
    for number, work in enumerate(works):
        await asyncio.sleep(max(0.0, begin + number / rate_hz - time.perf_counter()))
        tasks.append(asyncio.ensure_future(work()))
    await asyncio.gather(*tasks)


async def _crowd(works: list[Callable[[], Awaitable[None]]], at_once: int) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Awaitable[None]]) -> None:
        async with gate:
            await work()

    await asyncio.gather(*(one(work) for work in works))
