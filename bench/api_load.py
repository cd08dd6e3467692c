"""So many requests a second at an App, at their times whatever the answers take: `python -m bench.api_load`.

A process of its own, so that whoever measures does not share the server's core by the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid

import aiohttp
import uvloop

READS_OF = 5  # of so many requests one is a withdrawal, the others read


async def load(url: str, key: str, body: str, rate: int, seconds: int) -> list[tuple[str, float, int]]:
    """Per request: what it was, milliseconds from its time to its answer, the status."""
    headers = {"Authorization": f"Bearer {key}"}
    paths = ("/v1/withdrawals?limit=20", "/v1/users?limit=20", "/v1/wallets?limit=20", "/v1/entries?limit=20")
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def one(number: int, at_s: float) -> tuple[str, float, int]:
            await asyncio.sleep(max(at_s - time.perf_counter(), 0))
            if number % READS_OF:
                answer = await session.get(paths[number % len(paths)])
            else:
                own = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
                answer = await session.post("/v1/withdrawals", data=body, headers=own)
            await answer.read()
            kind = "read" if number % READS_OF else "withdraw"
            return kind, (time.perf_counter() - at_s) * 1000, answer.status

        begin_s = time.perf_counter() + 0.5
        every = [one(number, begin_s + number / rate) for number in range(rate * seconds)]
        return list(await asyncio.gather(*every))


def main() -> int:
    asked = json.loads(sys.stdin.read())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load(**asked))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
