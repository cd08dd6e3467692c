"""A child process with a name, a log file and a certain end.

It is known by its process id alone, always reaped, and dies with its parent (on Linux: PR_SET_PDEATHSIG,
which follows the thread that made the child, so children are made in the main thread). What it writes, and
its log, only its own user reads.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from keepcool.core.errors import Refused, Unavailable

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
_LOG_TAIL_BYTES = 2000
_UMASK = 0o077  # the child's own: a process has but one, and ours is not for a block to change
# Below what systems hand out to outgoing connections, so that none takes a port between here and its use.
_PORT_FIRST, _PORT_LAST, _PORT_TRIES = 10_000, 32_767, 200


def free_port() -> int:
    """A TCP port of this host that is free now, drawn by lot. Somebody else may still take it before you do.
    Raises Unavailable when so many tries find none."""
    for _ in range(_PORT_TRIES):
        port = _PORT_FIRST + secrets.randbelow(_PORT_LAST - _PORT_FIRST + 1)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise Unavailable("process.ports", f"no free port found from {_PORT_FIRST} to {_PORT_LAST}")


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections on this port of an address of this host."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


class ChildProcess:
    """`start` it; end it with `terminate` or `kill9`, or leave its `with` block."""

    def __init__(
        self, name: str, argv: Sequence[str], cwd: Path, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """`env` is added to a small part of ours: PATH, HOME, locale, and nothing that may hold secrets."""
        self.name, self.argv, self.cwd, self.log = name, tuple(argv), cwd, log
        self._env = _plain_environment() | dict(env or {})
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Raises Refused when it runs already, Unavailable when there is no such program."""
        if self.alive:
            raise Refused("process.running", f"{self.name} runs already")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a child dies with the thread that made it: start it in the main thread")
        with open(self.log, "ab", opener=_private) as log:
            self._child = self._forked(log)

    def wait_ready(self, probe: Callable[[], bool], timeout_s: float) -> None:
        """Returns when `probe` says so. Raises Unavailable, with the end of the log, when the process
        ends first or the time is up."""
        deadline_s = time.monotonic() + timeout_s
        while not probe():
            status = self._started().poll()
            if status is not None:
                raise Unavailable("process.ended", f"{self.name} ended with {status}: {self.log_tail()}")
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    "process.slow", f"{self.name} was not ready after {timeout_s} s: {self.log_tail()}"
                )
            time.sleep(_POLL_S)

    def wait(self, timeout_s: float) -> int:
        """The exit status (negative: the signal). Raises Unavailable when it is still running."""
        try:
            return self._started().wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise Unavailable("process.running", f"{self.name} still runs after {timeout_s} s") from error

    def terminate(self, timeout_s: float = 10) -> int:
        """Asks it to end (SIGTERM), and ends it when it does not. The exit status."""
        child = self._started()
        if child.poll() is None:
            child.terminate()
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill9()

    def kill9(self) -> int:
        """SIGKILL; the exit status once it is gone."""
        child = self._started()
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        return child.wait()

    def log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip() or "(empty log)"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise Refused("process.absent", f"{self.name} was never started")
        return self._child

    def _forked(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=_UMASK,
                start_new_session=True,  # Ctrl-C reaches the parent, which ends its children in order
                preexec_fn=_dies_with_parent(),  # noqa: PLW1509 - made in the main thread
            )
        except OSError as error:
            raise Unavailable(
                "process.program", f"{self.name}: cannot run {self.argv[0]}: {error.strerror}"
            ) from error

    def __enter__(self) -> ChildProcess:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._child is not None:
            self.terminate()


def _plain_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _dies_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return bind
