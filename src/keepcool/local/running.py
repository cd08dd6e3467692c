"""A whole installation as processes of this machine: started in order, watched, ended in order.

A part that ends by itself is started again a bounded number of times; one that keeps ending takes all
down. Nothing outlives this process (`process.ChildProcess`). The keystores are unsealed from the root folder,
which a single machine keeps beside them: that is the trial's one shortcut. So are local keystores opened.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from keepcool.core.errors import Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local import commands, configs, layout, localkeystores
from keepcool.local.broker import broker_process, start_broker
from keepcool.local.keystore import KeystoreProcess
from keepcool.local.layout import Layout, read_shares
from keepcool.local.process import ChildProcess, listening
from keepcool.local.reach import Reach, reach_of

PARTS = ("broker", "keeper-keystore", "cooler-keystore", "keeper", "cooler", "app")
_READY_TIMEOUT_S = 60.0
_HEALTH_TIMEOUT_S = 5.0
_POLL_S = 0.1
_RESTARTS_MAX, _RESTARTS_WITHIN_S = 5, 60.0
Say = Callable[[str], None]


class _Health(msgspec.Struct, frozen=True):
    parts: dict[str, str]


class Installation:
    """`start_all` it; afterwards single parts may be killed and started again by name."""

    def __init__(self, places: Layout) -> None:
        """Raises Refused when the folder holds no whole installation."""
        self.places = places
        self.reach: Reach = reach_of(places)
        self._keystores = {
            f"{plan.service.value}-keystore": KeystoreProcess(
                places.keystore(plan.service), plan, _log(places, f"{plan.service.value}-keystore")
            )
            for plan in self.reach.keystores
        }
        desk = ("desk",) if places.config(Service.DESK).is_file() else ()
        here = [one for one in PARTS if not one.endswith("-keystore") or one in self._keystores]
        self.parts = (*here, *desk)  # a desk begins last: nothing waits for it
        self.children: dict[str, ChildProcess] = {name: self._child(name) for name in self.parts}

    def start_all(self, say: Say) -> None:
        """Every part, in order; returns when the signers answer App. Raises what keeps one from starting."""
        self._refuse_taken_ports()
        for name in self.parts:
            self._launch(name)
            if name == next(reversed(self._keystores), None):  # all of them run now
                self._unseal_all()
            say(f"{name} runs (process {self.children[name].pid})")
        self.wait_ready()

    def start(self, name: str) -> None:
        """Starts one part; a keystore is unsealed. Raises Unavailable with the end of its log."""
        self._launch(name)
        if name in self._keystores:
            self._unseal(self._keystores[name])

    def _launch(self, name: str) -> None:
        if name in self._keystores:
            self._keystores[name].start()
        elif name == "broker":
            start_broker(self.children[name], self.reach.broker_port)
        else:
            self.children[name].start()

    def wait_ready(self, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Until App finds its database and both signers. Raises Unavailable with what is missing."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            wrong = self.unready()
            if not wrong:
                return
            for name in ("keeper", "cooler", "app"):
                self._refuse_ended(self.children[name])
            if time.monotonic() > deadline_s:
                raise Unavailable("up.slow", f"not ready after {timeout_s:g} s: {', '.join(wrong)}")
            time.sleep(_POLL_S)

    def unready(self) -> list[str]:
        """Which of App's own parts do not answer, with their codes."""
        health = self.health()
        if health is None:
            return ["app does not answer"]
        needed = ("database", "keeper", "cooler")
        return [f"{name}: {health.get(name, 'absent')}" for name in needed if health.get(name) != "ok"]

    def health(self) -> dict[str, str] | None:
        """App's view of every part; None while it does not answer."""
        url = f"{self.reach.app_url}/health"
        try:
            with urllib.request.urlopen(url, timeout=_HEALTH_TIMEOUT_S) as answer:  # noqa: S310 - our own URL
                raw: bytes = answer.read(65536)
        except urllib.error.HTTPError as error:
            raw = error.read(65536)
        except OSError:
            return None
        try:
            return msgspec.json.decode(raw, type=_Health).parts
        except msgspec.DecodeError:
            return None

    def watch(self, say: Say) -> None:
        """Starts again what ends by itself, for ever. Raises Unavailable when one keeps ending."""
        ended: dict[str, deque[float]] = {name: deque(maxlen=_RESTARTS_MAX) for name in self.parts}
        while True:
            time.sleep(_POLL_S)
            for name in self.parts:
                if not self.children[name].alive:
                    self._restart(name, ended[name], say)

    def stop_all(self) -> None:
        """Ends every part, last started first. Never raises for one that is gone already."""
        for name in reversed(self.parts):
            with suppress(Refused):
                self.children[name].terminate()
        for process in self._keystores.values():
            process.connections.close()

    def _restart(self, name: str, ended: deque[float], say: Say) -> None:
        now_s = time.monotonic()
        often = len(ended) == _RESTARTS_MAX and now_s - ended[0] < _RESTARTS_WITHIN_S
        words = _last_words(self.children[name])
        if often:
            raise Unavailable("up.ended", f"{name} keeps ending: {words}")
        ended.append(now_s)
        say(f"{name} ended by itself; starting it again ({words})")
        with suppress(Unavailable):  # counted, and tried again at the next round
            self.start(name)

    def _unseal_all(self) -> None:
        """Side by side: each waits for its own election."""
        with ThreadPoolExecutor(len(self._keystores)) as side_by_side:
            list(side_by_side.map(self._unseal, self._keystores.values()))

    def _unseal(self, process: KeystoreProcess) -> None:
        process.unseal(self._shares(process.plan.service))

    def _child(self, name: str) -> ChildProcess:
        if name in self._keystores:
            return self._keystores[name].child
        log = _log(self.places, name)
        if name == "broker":
            config = self.places.broker / layout.NATS_CONFIG
            return broker_process(configs.broker_files(config), log)
        service = Service(name)
        config = self.places.config(service).absolute()
        verb = "serve" if service is Service.DESK else "run"
        words = commands.argv(name, verb, "--config", str(config), "--one-machine")
        local = service in layout.SIGNERS and localkeystores.used_by(self.places, service)
        credentials = localkeystores.credentials(self.places, service) if local else None
        env = commands.with_credentials(credentials)
        return ChildProcess(name, words, self.places.service(service), log, env)

    def _shares(self, service: Service) -> Sequence[str]:
        shares = read_shares(self.places.shares(service))
        if not shares:
            raise Refused(
                "up.shares",
                f"{self.places.shares(service)} holds no unseal shares; bring the root folder back, or run "
                "each part on its own host and unseal its keystore there (bao operator unseal)",
            )
        return shares

    def _refuse_taken_ports(self) -> None:
        for name, port in self.reach.ports().items():
            if listening(port):
                raise Refused("up.port", f"port {port} of {name} is taken; end the program that has it")

    @staticmethod
    def _refuse_ended(child: ChildProcess) -> None:
        if not child.alive:
            raise Unavailable("up.ended", f"{child.name} ended: {_last_words(child)}")


@contextmanager
def running(places: Layout, say: Say) -> Iterator[Installation]:
    """A whole installation for the length of the block. Raises Refused when it runs already."""
    installation = Installation(places)
    lock = os.open(places.folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("up.running", f"{places.folder} runs already") from error
        try:
            installation.start_all(say)
            yield installation
        finally:
            with _undisturbed():
                installation.stop_all()
    finally:
        os.close(lock)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not interrupt an orderly end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_words(child: ChildProcess) -> str:
    return f"{child.log_tail().splitlines()[-1][-300:]} (more in {child.log})"


def _log(places: Layout, name: str) -> Path:
    return places.folder / name / layout.LOG / f"{name}.log"
