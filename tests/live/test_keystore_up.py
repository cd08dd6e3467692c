"""`keepcool up`: all parts as processes, mended when one dies, and nothing left when it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.local.broker import server_program as broker_program
from keepcool.local.doctor import examine
from keepcool.local.findings import Weight
from keepcool.local.install import install
from keepcool.local.keystore import server_program
from keepcool.local.layout import Layout
from keepcool.local.plan import Plan, Ports, network_plan
from keepcool.local.process import listening
from keepcool.local.reach import reach_of
from keepcool.local.running import PARTS, Installation
from tests.fixtures.processes import missing, own_folder

pytestmark = pytest.mark.live
WAIT_S = 60.0


@pytest.fixture(scope="module")
def places() -> Iterator[Layout]:
    try:
        server_program()
        broker_program()
    except Unavailable as error:
        missing("a server", error.public)
    with own_folder("up") as folder:
        plan = Plan(
            folder / "here", (network_plan("eip155:31337", ["http://127.0.0.1:1"]),), Ports.following(0)
        )
        yield install(plan, print, SystemClock(), SystemEntropy())


class Up:
    """`keepcool up DIR` as a process, and what it has said so far."""

    def __init__(self, folder: Path, said: Path) -> None:
        self.said = said
        argv = [sys.executable, "-m", "keepcool.cli.main", "up", str(folder)]
        with said.open("wb") as file:
            self.process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)

    def text(self) -> str:
        return self.said.read_text()

    def until(self, found: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not found():
            assert time.monotonic() < deadline_s, self.text()
            time.sleep(0.05)

    def ready(self) -> None:
        self.until(lambda: "ready:" in self.text() or self.process.poll() is not None)
        assert "ready:" in self.text(), self.text()

    def says(self, words: str) -> None:
        self.until(lambda: words in self.text())

    def pid(self, name: str) -> int:
        found = re.search(rf"^  {name} runs \(process (\d+)\)$", self.text(), re.MULTILINE)
        assert found, self.text()
        return int(found[1])

    def ends(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


@contextmanager
def up(places: Layout) -> Iterator[Up]:
    one = Up(places.folder, places.folder.parent / "said")
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.ends(signal.SIGTERM)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wrong(places: Layout) -> list[str]:
    return [one.code for one in examine(places, datetime.now(UTC)) if one.weight is Weight.WRONG]


def test_all_parts_run_are_mended_and_end(places: Layout) -> None:
    """Every part answers and the doctor is content; a killed signer and a killed keystore come back; a
    second `up` is refused; SIGTERM ends all with status 0 and leaves no process and no open port."""
    asked = Installation(places)
    with up(places) as one:
        one.ready()
        assert asked.unready() == []
        assert wrong(places) == []
        second = Up(places.folder, places.folder.parent / "second")
        assert second.process.wait(WAIT_S) == 2
        assert "[up.running]" in second.text()
        for name in ("keeper", "cooler-keystore"):
            os.kill(one.pid(name), signal.SIGKILL)
            one.says(f"{name} ended by itself")
        one.until(lambda: asked.unready() == [] and wrong(places) == [])
        pids = [one.pid(name) for name in PARTS]
        assert one.ends(signal.SIGTERM) == 0
    assert not [pid for pid in pids if alive(pid)]
    assert not [port for port in reach_of(places).ports().values() if listening(port)]


def test_nothing_outlives_a_killed_parent(places: Layout) -> None:
    """kill -9 of `up` takes every part with it."""
    with up(places) as one:
        one.ready()
        pids = [one.pid(name) for name in PARTS]
        assert one.ends(signal.SIGKILL) == -signal.SIGKILL
        one.until(lambda: not [pid for pid in pids if alive(pid)])


def test_a_taken_port_is_said_before_anything_starts(places: Layout) -> None:
    """Another program on App's port: `up` names port and part, and starts nothing."""
    reach = reach_of(places)
    with socket.create_server(("127.0.0.1", reach.app_port)), up(places) as one:
        assert one.process.wait(WAIT_S) == 2
        assert f"port {reach.app_port} of app is taken" in one.text()
        assert "runs" not in one.text()


def test_without_unseal_shares_it_says_where_they_belong(places: Layout) -> None:
    """With the root folder carried away `up` ends, says so, and leaves nothing running."""
    away = places.folder.parent / "away"
    places.root.rename(away)
    try:
        with up(places) as one:
            assert one.process.wait(WAIT_S) == 2
            assert "[up.shares]" in one.text()
            assert str(places.shares(Service.KEEPER)) in one.text()
            assert not alive(one.pid("broker"))
    finally:
        away.rename(places.root)
    assert not [port for port in reach_of(places).ports().values() if listening(port)]
