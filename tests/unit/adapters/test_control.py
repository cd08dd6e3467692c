"""The control socket: this user's processes alone, one frame in, one answer out."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keepcool.adapters.system import control
from keepcool.core.errors import Conflict, Refused, Unavailable
from keepcool.core.secret import Secret

FRAME = b"a frame of 20 bytes."


def frame(raw: bytes = FRAME) -> Secret:
    return Secret(bytearray(raw))


def served(path: Path, story: Callable[[list[bytearray]], Awaitable[None]]) -> None:
    """The story is told while somebody serves there who notes the very buffers it was handed."""
    seen: list[bytearray] = []

    async def answer(raw: bytearray) -> bytes:
        seen.append(raw)
        return b"you said " + bytes(raw)

    async def whole() -> None:
        serving = asyncio.create_task(control.serve(path, len(FRAME), answer))
        for _ in range(900):
            if serving.done() or await asyncio.to_thread(_stands, path):
                break
            await asyncio.sleep(0.1)
        try:
            await story(seen)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(whole())


async def unheard(raw: bytearray) -> bytes:
    return bytes(raw)


def _stands(path: Path) -> bool:
    with control._short(path) as name:
        return control._answers(name)


async def asked(path: Path, raw: bytes = FRAME) -> bytes:
    return await asyncio.to_thread(control.ask, path, frame(raw), 10.0)


def test_a_frame_is_answered_and_then_wiped(tmp_path: Path) -> None:
    """The answer comes back; the buffer the frame was read into holds zeros afterwards; the socket is its
    owner's alone, and gone when nobody serves."""
    path = tmp_path / "control.sock"

    async def story(seen: list[bytearray]) -> None:
        assert await asked(path) == b"you said " + FRAME
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asked(path) == b"you said " + FRAME
        assert not any(any(raw) for raw in seen)

    served(path, story)
    assert not path.exists()
    with pytest.raises(Unavailable, match=r"control\.absent"):
        control.ask(path, frame(), 3.0)


def test_a_folder_with_a_long_name_is_no_obstacle() -> None:
    """The kernel's 107 bytes do not bound where an installation lies."""
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / ("long" * 30)
        folder.mkdir()

        async def story(_: list[bytearray]) -> None:
            assert await asked(folder / "control.sock") == b"you said " + FRAME

        served(folder / "control.sock", story)


def test_another_user_is_neither_heard_nor_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller of another user gets no answer and nothing is done; a server of another user is told nothing.
    Who they are says the kernel."""
    path = tmp_path / "control.sock"

    async def story(seen: list[bytearray]) -> None:
        user_of = control._user_of
        monkeypatch.setattr(control, "_user_of", lambda _: os.geteuid() + 1)
        with pytest.raises(Refused, match=r"control\.server"):
            await asked(path)
        monkeypatch.setattr(control, "_user_of", _right_for_the_caller)
        with pytest.raises(Unavailable):
            await asked(path)
        assert seen == []
        monkeypatch.setattr(control, "_user_of", user_of)
        assert await asked(path) == b"you said " + FRAME

    served(path, story)


def _right_for_the_caller(_: object) -> int:
    """The client, which asks from a thread, finds its server right; the server finds its caller another."""
    return os.geteuid() + (threading.current_thread() is threading.main_thread())


def test_half_a_frame_does_nothing_and_delays_nobody(tmp_path: Path) -> None:
    """A caller that ends early is not answered, nor is one that says nothing or too much; the next one is."""
    path = tmp_path / "control.sock"

    async def story(seen: list[bytearray]) -> None:
        with pytest.raises(Unavailable, match=r"control\.answer"):
            await asyncio.to_thread(unfinished, path)
        for raw in (b"", FRAME + b"!"):
            with pytest.raises(Unavailable):
                await asked(path, raw)
        assert seen == []
        assert await asked(path) == b"you said " + FRAME

    served(path, story)


def unfinished(path: Path) -> None:
    """Half of what was announced."""
    with control._connected(path, 10.0) as line:
        line.sendall(len(FRAME).to_bytes(4, "big") + FRAME[:7])
        line.shutdown(socket.SHUT_WR)
        control._read(line)


def test_a_second_server_does_not_take_the_place(tmp_path: Path) -> None:
    """While one serves another is refused; a socket that a killed process left is replaced."""
    path = tmp_path / "control.sock"

    async def story(_: list[bytearray]) -> None:
        with pytest.raises(Conflict, match=r"control\.taken"):
            await control.serve(path, len(FRAME), unheard)
        assert await asked(path) == b"you said " + FRAME

    with control._listening(path):
        os.link(path, tmp_path / "left")
    (tmp_path / "left").rename(path)
    served(path, story)
