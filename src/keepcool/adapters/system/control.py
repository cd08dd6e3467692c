"""A service's control socket: the commands of its own host, over a Unix socket beside its database.

Laws: the socket is its owner's alone (0600), and whoever connects must run as the same user, which the kernel
says; one frame of bounded length in (4 bytes, big endian, say how long), one answer out, one caller after the
other, each for a bounded while. The frame is read into a buffer that is wiped: it may hold a key. unix(7),
SO_PEERCRED.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from keepcool.core.errors import Conflict, Refused, Unavailable
from keepcool.core.secret import Secret

ANSWER_BYTES_MAX = 1024 * 1024
_CALLER_S, _ANSWER_S = 5.0, 60.0
_LENGTH_BYTES = 4
_WAITING_MAX = 4
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
Answer = Callable[[bytearray], Awaitable[bytes]]
_log = logging.getLogger(__name__)


async def serve(path: Path, frame_bytes_max: int, answer: Answer) -> None:
    """For ever, until cancelled; then the socket is gone. `answer` never raises. Raises Conflict when another
    process serves there."""
    with _listening(path) as listener:
        loop = asyncio.get_running_loop()
        while True:
            try:
                caller, _ = await loop.sock_accept(listener)
            except OSError as error:  # no file descriptor left: the service goes on without this caller
                _log.warning("nobody is heard on the control socket", extra={"errno": error.errno})
                await asyncio.sleep(_CALLER_S)
                continue
            with caller, contextlib.suppress(OSError, TimeoutError):
                caller.settimeout(0)
                await _spoken(caller, frame_bytes_max, answer)


def ask(path: Path, frame: Secret, timeout_s: float = 90.0) -> bytes:
    """The answer of the service at `path`; the frame stays the caller's. Raises Unavailable when nobody
    serves there, Refused when somebody else does."""
    try:
        with _connected(path, timeout_s) as line, frame.opened() as raw:
            if _user_of(line) != os.geteuid():
                raise Refused("control.server", f"{path} is served by another user; nothing was said to it")
            line.sendall(len(raw).to_bytes(_LENGTH_BYTES, "big"))
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            return _read(line)
    except OSError as error:
        raise Unavailable(
            "control.absent", f"{path}: nobody answers ({error.strerror or error}); is the service running?"
        ) from error


def is_served(path: Path) -> bool:
    """Whether a service answers there now."""
    try:
        with _short(path) as name:
            return _answers(name)
    except OSError:
        return False


async def _spoken(caller: socket.socket, frame_bytes_max: int, answer: Answer) -> None:
    if _user_of(caller) != os.geteuid():
        _log.warning("another user tried the control socket")
        return
    with contextlib.ExitStack() as held:
        async with asyncio.timeout(_CALLER_S):
            length = bytearray(_LENGTH_BYTES)
            if not await _filled(caller, length) or not 1 <= _number(length) <= frame_bytes_max:
                return
            frame = bytearray(_number(length))
            held.enter_context(Secret(frame))
            if not await _filled(caller, frame):
                return
        async with asyncio.timeout(_ANSWER_S):
            said = await answer(frame)
        async with asyncio.timeout(_CALLER_S):
            await asyncio.get_running_loop().sock_sendall(caller, said)


async def _filled(caller: socket.socket, buffer: bytearray) -> bool:
    """Whether the caller said so much; he may end before."""
    loop, read = asyncio.get_running_loop(), 0
    with memoryview(buffer) as view:
        while read < len(buffer):
            more = await loop.sock_recv_into(caller, view[read:])
            if not more:
                return False
            read += more
    return True


def _number(length: bytearray) -> int:
    return int.from_bytes(length, "big")


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """Takes the place of a socket that a killed process left."""
    with _short(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        if _answers(name):
            raise Conflict("control.taken", f"{path}: another process of this service is running")
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(name)
        finally:
            os.umask(before)
        listener.settimeout(0)
        listener.listen(_WAITING_MAX)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _connected(path: Path, timeout_s: float) -> Iterator[socket.socket]:
    with _short(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        line.connect(name)
        yield line


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for the socket that fits: the kernel takes 107 bytes, folders are often longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _answers(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_CALLER_S)
        return line.connect_ex(name) == 0


def _user_of(line: socket.socket) -> int:
    """The user on the other end, by the kernel's word."""
    raw = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])


def _read(line: socket.socket) -> bytes:
    found = b""
    while len(found) <= ANSWER_BYTES_MAX and (more := line.recv(ANSWER_BYTES_MAX)):
        found += more
    if not found or len(found) > ANSWER_BYTES_MAX:
        raise Unavailable("control.answer", "the service gave no answer; look at its log")
    return found
