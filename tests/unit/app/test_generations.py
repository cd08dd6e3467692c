"""One App after the other in one process: no overlap, no gap, and a bad next one changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from keepcool.app import config
from keepcool.app.config import AppSettings
from keepcool.app.reloading import changes as about
from keepcool.app.reloading.changes import Changes
from keepcool.app.reloading.generations import Generation, Generations, Plan
from keepcool.core.errors import KeepcoolError, Refused
from tests.unit.app.http.test_config import GOOD

NOTHING = Changes((), (), (), (), (), ())


def settings(folder: Path, text: str = GOOD) -> AppSettings:
    file = folder / "app.toml"
    file.write_text(text, encoding="utf-8")
    return config.load(file)


@dataclass
class Stage:
    """Generations whose work writes down when it begins and ends."""

    first: AppSettings
    said: list[str] = field(default_factory=list)
    made: int = 0
    broken: Exception | None = None
    failing: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)

    def generations(self) -> Generations:
        async def judge(before: AppSettings, after: AppSettings) -> Changes:
            return NOTHING

        return Generations(Plan(lambda: self.first, judge, self.make, lambda _: self.said.append("taken")))

    @contextlib.asynccontextmanager
    async def make(self, given: AppSettings, found: Changes | None) -> AsyncIterator[Generation]:
        if found is not None and self.broken is not None:
            raise self.broken
        self.made += 1
        number = self.made

        async def site(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": f"answered by {number}"})

        async def work() -> None:
            self.said.append(f"{number} begins")
            if number > 1:
                self.second.set()
            try:
                await self.failing.wait()
                raise OSError(f"{number} failed")
            finally:
                self.said.append(f"{number} ends")

        yield Generation(given, site, lambda: [work()], asyncio.Event())
        self.said.append(f"{number} closed")


async def answered(running: Generations) -> str:
    said: list[str] = []

    async def send(message: Message) -> None:
        said.append(message["type"])

    async def receive() -> Message:
        return {}

    await running({}, receive, send)
    return said[0]


def story(folder: Path, act: Callable[[Stage, Generations], Awaitable[None]]) -> Stage:
    stage = Stage(settings(folder))

    async def whole() -> None:
        running = stage.generations()
        await running.begin(stage.first)
        task = asyncio.create_task(running.run(asyncio.Event()))
        try:
            await act(stage, running)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await running.close()

    asyncio.run(whole())
    return stage


def test_the_next_one_takes_over_when_the_one_before_has_ended(tmp_path: Path) -> None:
    """Its work begins after the other's has ended, and it answers from then on."""

    async def act(stage: Stage, running: Generations) -> None:
        assert await answered(running) == "answered by 1"
        await asyncio.sleep(0)
        await running.reload()
        assert await answered(running) == "answered by 2"
        await stage.second.wait()

    said = story(tmp_path, act).said
    assert said.index("1 ends") < said.index("taken") < said.index("2 begins")


@pytest.mark.parametrize("broken", [Refused("node.away", "away"), ValueError("a defect")])
def test_a_bad_next_one_changes_nothing(tmp_path: Path, broken: Exception) -> None:
    """Refused or broken as it is built: told to who asked, and the one at work has not stopped a step."""

    async def act(stage: Stage, running: Generations) -> None:
        stage.broken = broken
        with pytest.raises(KeepcoolError):
            await running.reload()
        assert await answered(running) == "answered by 1"
        assert stage.said == ["1 begins"]
        stage.broken = None
        await running.reload()
        assert await answered(running) == "answered by 2"

    story(tmp_path, act)


def test_what_fails_ends_the_process(tmp_path: Path) -> None:
    """A part of the work that fails is raised: the process starts again from the database."""

    async def whole() -> None:
        stage = Stage(settings(tmp_path))
        running = stage.generations()
        await running.begin(stage.first)
        stage.failing.set()
        with pytest.raises(OSError, match="1 failed"):
            await running.run(asyncio.Event())
        await running.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("identity = ", "signer_timeout_s = 1.0\nidentity = ", "reload.restart"),
        ("decimals = 18", "decimals = 17", "reload.decimals"),
    ],
)
def test_what_a_restart_is_for_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    """Other settings, and other decimals of an asset in use."""
    before = settings(tmp_path)
    with pytest.raises(Refused) as refused:
        about.between(before, settings(tmp_path, GOOD.replace(old, new, 1)))
    assert refused.value.code == code


def test_a_key_pinned_anew_is_told(tmp_path: Path) -> None:
    """Whoever reloads for the sake of a peer's new message keys reads that they were taken up."""
    before = settings(tmp_path)
    key, other_key = before.peers["keeper"].signing_key, "ab" * 32
    other = settings(tmp_path, GOOD.replace(f'signing_key = "{key}"', f'signing_key = "{other_key}"', 1))
    assert about.between(before, before).sentences() == []
    assert about.between(before, other).sentences() == ["keys pinned anew: peers.keeper"]
