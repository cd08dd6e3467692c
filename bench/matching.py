"""One block against a million watched addresses: 2,000 token transfers, a hundred of them ours."""

from __future__ import annotations

import os
import time
import tracemalloc
from statistics import median

from bench.measure import Figure
from keepcool.app.deposits.matching import TRANSFER, match
from keepcool.core.ids import AssetId
from keepcool.ports.evmnode import Block, Header, Log

WATCHED, LOGS, OURS, ROUNDS = 1_000_000, 2_000, 100, 9
TOKEN = bytes([9] * 20)
ETH, USD = AssetId("eip155:31337/slip44:60"), AssetId("eip155:31337/erc20:0x" + "09" * 20)


def matching() -> list[Figure]:
    watched, bytes_each = _watched()
    ours = list(watched)[:: WATCHED // OURS][:OURS]
    logs = [_log(at, ours[at] if at < OURS else os.urandom(20)) for at in range(LOGS)]
    block, times = Block(Header(1, bytes(32), bytes(32), 1, 0, 30_000_000), ()), []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        found = match(block, logs, [], watched=watched, native=ETH, tokens={TOKEN: USD})
        times.append(time.perf_counter() - begin)
        if len(found.incoming) != OURS:
            raise RuntimeError("a deposit was not found")
    took_ms = median(times) * 1000
    return [
        Figure(f"{LOGS:,} logs against {WATCHED:,} addresses", took_ms, "ms", "", "<= 20 ms", took_ms <= 20),
        Figure("memory per watched address", bytes_each, "B", "", "<= 300 B", bytes_each <= 300),
    ]


def _watched() -> tuple[dict[bytes, int], float]:
    tracemalloc.start()
    try:
        watched = {os.urandom(20): number for number in range(WATCHED)}
        return watched, tracemalloc.get_traced_memory()[0] / WATCHED
    finally:
        tracemalloc.stop()


def _log(index: int, recipient: bytes) -> Log:
    topics = (TRANSFER, bytes(12) + os.urandom(20), bytes(12) + recipient)
    return Log(TOKEN, topics, (index + 1).to_bytes(32, "big"), index, os.urandom(32), 1, bytes(32))
