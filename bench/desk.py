"""The desk's list while ten thousand payments wait: a real desk, over HTTP, by somebody signed in.

What waits was put to wait by a real Cooler, and the desk has read it from there over the broker. What is
measured is the whole page: session, filters, order, HTML, and the way through a socket.
"""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import httpx
import uvloop
from tests.fixtures.softkey import SoftEd25519

from bench.evidence import APPROVERS, NEEDS_TWO, people, tiers
from bench.measure import Figure, percentile
from bench.rig import TIMEOUT_S, Rig, asked, payment, signers, wallets
from keepcool.cli.desk_site import DeskSite
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.local.process import free_port
from keepcool.local.running import Installation
from keepcool.local.tomltext import rendered
from keepcool.wire.messages import Declined, SignAnswer, SignRequest
from keepcool.wire.proofs import Proof

WAITING, WALLETS, PAGES, MIRRORED_S = 10_000, 100, 100, 90.0
GOAL_MS = 200
LOOKS = {
    "the newest": "/",
    "the oldest": "/?order=oldest",
    "a page in the middle": "/?page=100",
    "found by words": "/?text=u-w-a",
}


class _SoftKey:
    """A person's key as the command line has one."""

    def __init__(self, key: SoftEd25519) -> None:
        self._key = key
        self.text = key.text

    def sign(self, challenge: bytes, credentials: list[str]) -> tuple[str, Proof]:  # noqa: ARG002
        return "", self._key.proof(challenge)


class _Door(httpx.HTTPTransport):
    """Keeps the session that a sign-in gives, for a browser that reads pages."""

    cookie = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        given = response.headers.get("set-cookie", "")
        self.cookie = given.partition(";")[0] or self.cookie
        return response


def desk() -> list[Figure]:
    url = f"http://localhost:{free_port()}"
    with (
        signers(people(url), tiers) as installation,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):

        async def filled() -> float:
            async with asked(installation) as rig:
                return await _put_to_wait(rig)

        took_s = runner.run(filled())
        _unlimited(installation)
        installation.start("desk")
        with _signed_in(url) as (site, browser):
            mirrored_s = _mirrored(site)
            figures = [_look(browser, name, path) for name, path in LOOKS.items()]
    return [
        Figure(f"{WAITING:,} payments put to wait by Cooler".replace(",", " "), took_s, "s"),
        Figure("read by a desk that begins", mirrored_s, "s"),
        *figures,
    ]


async def _put_to_wait(rig: Rig) -> float:
    records = await wallets(rig, WALLETS)
    begin = time.perf_counter()
    for _ in range(WAITING // WALLETS):
        items = [payment(rig, record, 0, NEEDS_TWO) for record in records]
        answer = await rig.exchange.ask(Service.COOLER, "sign.v1", SignRequest(items=items), TIMEOUT_S)
        assert isinstance(answer, SignAnswer)
        bad = [one for one in answer.items if not isinstance(one, Declined)]
        if bad:
            raise RuntimeError(f"not put to wait: {bad[0]}")
    return time.perf_counter() - begin


def _unlimited(installation: Installation) -> None:
    """Somebody asks more often than people do."""
    file = installation.places.config(Service.DESK)
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    table["http"]["requests_per_minute_max"] = 1_000_000
    file.write_text(rendered(table), encoding="utf-8")


@contextmanager
def _signed_in(url: str) -> Iterator[tuple[DeskSite, httpx.Client]]:
    """Once the desk answers: programs' way in, and a browser with the same session."""
    clerk = APPROVERS["anna"]
    assert isinstance(clerk, SoftEd25519)
    door = _Door()
    site = DeskSite(url, door)
    try:
        _enter(site, _SoftKey(clerk))
        headers = {"Accept": "text/html", "Cookie": door.cookie}
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S) as browser:
            yield site, browser
    finally:
        site.close()


def _enter(site: DeskSite, key: _SoftKey) -> None:
    deadline = time.monotonic() + MIRRORED_S
    while True:
        try:
            return site.sign_in(key)
        except Unavailable:  # it begins, or has not heard of Cooler yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _mirrored(site: DeskSite) -> float:
    begin = time.perf_counter()
    while (found := site.waiting("", 1, oldest=False).matching) < WAITING:
        if time.perf_counter() - begin > MIRRORED_S:
            raise Unavailable("bench.desk", f"the desk has read {found} of what waits")
        time.sleep(0.1)
    return time.perf_counter() - begin


def _look(browser: httpx.Client, name: str, path: str) -> Figure:
    times = []
    for _ in range(PAGES):
        begin = time.perf_counter()
        answer = browser.get(path)
        times.append((time.perf_counter() - begin) * 1000)
        _whole(answer)
    p99 = percentile(times, 0.99)
    title = f"the list of {WAITING:,}, {name}: p50".replace(",000", " 000")
    return Figure(
        title, median(times), "ms", f"p99 {p99:.0f} ms", f"<= {GOAL_MS} ms", median(times) <= GOAL_MS
    )


def _whole(answer: httpx.Response) -> None:
    if answer.status_code != 200 or "</html>" not in answer.text:
        raise RuntimeError(f"no page: {answer.status_code}")
