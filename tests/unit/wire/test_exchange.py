"""Questions and answers: verified both ways, bound to each other, silent to whoever cannot prove himself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from keepcool.adapters.identity.files import FileIdentity
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.ports.bus import Handler
from keepcool.wire import envelope
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import FreezeAnswer, Message
from keepcool.wire.replay import Replays, replayed
from tests.unit.wire import cast as c
from tests.unit.wire.lane import Lane, Way


class Counted:
    """Remembers what the exchange kept to itself."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.broken: list[str] = []

    def refused(self, typ: str, code: str) -> None:  # noqa: ARG002
        self.codes.append(code)

    def fault(self, typ: str, error: Exception) -> None:  # noqa: ARG002
        self.broken.append(type(error).__name__)


class Stage:
    """App, Keeper, Cooler and a desk on one lane; Keeper answers freezes and remembers each."""

    def __init__(self) -> None:
        self.cast, self.lane = c.cast(), Lane()
        self.clocks = {service: c.StillClock() for service in Service}
        self.watches = {service: Counted() for service in Service}
        self.app, self.keeper, self.cooler, self.desk = (
            self._exchange(one) for one in (self.cast.app, self.cast.keeper, self.cast.cooler, self.cast.desk)
        )
        self.heard: list[Opened] = []

    def _exchange(self, identity: FileIdentity) -> Exchange:
        service = identity.service
        return Exchange(
            identity,
            [one.peer() for one in (self.cast.app, self.cast.keeper, self.cast.cooler, self.cast.desk)],
            self.lane.end(service),
            self.clocks[service],
            c.Dice(service.value),
            watch=self.watches[service],
        )

    async def hear(self, opened: Opened) -> Message:
        self.heard.append(opened)
        return c.freeze_answer()

    def freeze(
        self, way: Way | None = None, handler: Callable[[Opened], Awaitable[Message]] | None = None
    ) -> Message:
        """App asks Keeper to freeze, over this way, answered by this handler."""

        async def run() -> Message:
            await self.keeper.serve("freeze.v1", handler or self.hear)
            await self.cooler.serve("freeze.v1", self.hear)
            if way is not None:
                self.lane.way = way
            return await self.app.ask(Service.KEEPER, "freeze.v1", c.freeze(), 1.0)

        return asyncio.run(run())

    def fails(
        self, way: Way | None = None, handler: Callable[[Opened], Awaitable[Message]] | None = None
    ) -> str:
        with pytest.raises(KeepcoolError) as caught:
            self.freeze(way, handler)
        return f"{caught.value.kind}:{caught.value.code}"


def test_a_question_is_answered() -> None:
    """The handler hears the typed message and its sender; the asker gets the typed answer."""
    stage = Stage()
    answer = stage.freeze()
    assert isinstance(answer, FreezeAnswer)
    assert [(one.sender, one.body) for one in stage.heard] == [(Service.APP, c.freeze())]


@pytest.mark.parametrize("kind", [Refused, Malformed, Conflict, Unavailable, Breach])
def test_our_errors_cross_the_wire(kind: type[KeepcoolError]) -> None:
    """What the handler raises is raised again at the asker: same kind, code and text."""

    async def raises(opened: Opened) -> Message:
        raise kind("area.reason", "a public text", secret="hidden")

    with pytest.raises(kind) as caught:
        Stage().freeze(handler=raises)
    assert (caught.value.code, caught.value.public, caught.value.fields) == (
        "area.reason",
        "a public text",
        {},
    )


def test_a_broken_handler_tells_nothing() -> None:
    """An unexpected exception becomes Unavailable without its text, and is told to the watch alone."""

    async def breaks(opened: Opened) -> Message:
        raise ZeroDivisionError("seed 0123")

    stage = Stage()
    with pytest.raises(Unavailable) as caught:
        stage.freeze(handler=breaks)
    assert caught.value.code == "service.fault"
    assert "0123" not in str(caught.value)
    assert stage.watches[Service.KEEPER].broken == ["ZeroDivisionError"]


def test_an_answer_too_long_is_not_told_as_a_decision() -> None:
    """What was acted on but cannot be said is a fault of the service, never a refusal of the request."""

    async def rambles(opened: Opened) -> Message:
        return FreezeAnswer(frozen=["w" * 2_000_000], head=c.head())

    stage = Stage()
    assert stage.fails(handler=rambles) == "unavailable:service.fault"
    assert stage.watches[Service.KEEPER].broken == ["Malformed"]


def test_a_frame_delivered_twice_acts_once() -> None:
    """The second delivery of one frame is met with silence and counted; the handler ran once."""
    second: list[bytes | None] = []

    async def twice(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        answer = await handler(frame)
        second.append(await handler(frame))
        return answer

    stage = Stage()
    assert stage.freeze(twice) == c.freeze_answer()
    assert second == [None]
    assert (len(stage.heard), stage.watches[Service.KEEPER].codes) == (1, ["wire.replayed"])


def test_a_frame_remembered_across_a_restart_is_silent_too() -> None:
    """A handler that finds the id in its database raises replayed(), and nobody is answered."""

    async def restarted(opened: Opened) -> Message:
        raise replayed()

    assert Stage().fails(handler=restarted) == "unavailable:bus.silent"


def test_a_frame_on_a_wrong_subject_gets_no_answer() -> None:
    """A broker that carries a freeze to Keeper's status handler cannot fetch a refusal for it: nothing
    is said, so the asker never believes that a request it may still deliver was refused."""

    async def crossed(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        return await stage.lane.handlers[Service.KEEPER, "status.v1"](frame)

    stage = Stage()

    async def served() -> None:
        await stage.keeper.serve("status.v1", stage.hear)

    asyncio.run(served())
    assert stage.fails(crossed) == "unavailable:bus.silent"
    assert (stage.heard, stage.watches[Service.KEEPER].codes) == ([], ["wire.type"])


def test_a_frame_carried_to_somebody_else_gets_no_answer() -> None:
    """Cooler does not answer, nor act on, what was addressed to Keeper."""

    async def crossed(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        return await stage.lane.handlers[Service.COOLER, typ](frame)

    stage = Stage()
    assert stage.fails(crossed) == "unavailable:bus.silent"
    assert (stage.heard, stage.watches[Service.COOLER].codes) == ([], ["wire.audience"])


def test_an_answer_to_another_question_is_not_accepted() -> None:
    """A broker that answers with an older answer is found out; the asker knows only that it knows nothing."""
    old: list[bytes] = []

    async def stale(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        old.append(await handler(frame) or b"")
        return old[0]

    stage = Stage()
    assert stage.freeze(stale) == c.freeze_answer()
    assert stage.fails(stale) == "unavailable:wire.answer"
    assert stage.watches[Service.APP].codes == ["wire.unbound"]


def test_a_forged_refusal_is_not_believed() -> None:
    """Bytes that do not verify never become a decision, whatever they claim: the outcome is unknown."""

    async def forges(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        body = b'{"problem":{"kind":"refused","code":"x.y","text":"no"}}'
        return c.forged(
            stage.cast.desk, stage.cast.app.peer(), envelope.ERROR, body, re=envelope.frame_hash(frame)
        )

    stage = Stage()
    assert stage.fails(forges) == "unavailable:wire.answer"


@pytest.mark.parametrize("off_ms", [-120_000, 120_000])
def test_clocks_off_by_minutes_are_named(off_ms: int) -> None:
    """When the clocks differ by minutes nothing is done, and the asker is told that it is the clock."""
    stage = Stage()
    stage.clocks[Service.KEEPER].at_ms += off_ms
    assert stage.fails() == "unavailable:wire.clock"
    assert stage.heard == []


def test_a_late_delivery_is_not_told_as_a_decision() -> None:
    """A frame acted on and delivered again after its end yields an error that means "unknown", not "no"."""

    async def late(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
        await handler(frame)
        stage.clocks[Service.KEEPER].at_ms += 61_000
        return await handler(frame)

    stage = Stage()
    assert stage.fails(late).startswith("unavailable:")
    assert len(stage.heard) == 1


def test_a_sender_without_the_right_is_told_so() -> None:
    """What may never be sent is refused by the asker's own exchange, and by the peer's all the same."""
    stage = Stage()

    async def run() -> bytes | None:
        await stage.keeper.serve("purse.sign.v1", stage.hear)
        frame = c.forged(stage.cast.desk, stage.cast.keeper.peer(), "purse.sign.v1", b'{"items":[]}')
        answer = await stage.lane.handlers[Service.KEEPER, "purse.sign.v1"](frame)
        with pytest.raises(Refused):
            await stage.desk.ask(Service.KEEPER, "purse.sign.v1", c.freeze(), 1.0)
        return answer

    assert asyncio.run(run()) is not None
    assert (stage.heard, stage.watches[Service.KEEPER].codes) == ([], ["wire.sender"])


def test_only_pinned_peers_are_asked() -> None:
    """A service that is not pinned cannot be asked, and nothing is sent."""
    stage = Stage()
    with pytest.raises(Refused) as caught:
        asyncio.run(stage.app.ask(Service.DOME, "freeze.v1", c.freeze(), 1.0))
    assert caught.value.code == "wire.peer"


def test_one_sender_cannot_crowd_out_another() -> None:
    """When a sender's memory is full it is told to slow down, and the others are still heard."""
    memory = Replays(ids_max=2)
    for name in ("a", "b"):
        memory.hear(Service.APP, name, c.NOW_MS + 10, c.NOW_MS)
    with pytest.raises(Unavailable):
        memory.hear(Service.APP, "c", c.NOW_MS + 10, c.NOW_MS)
    memory.hear(Service.WATCHTOWER, "c", c.NOW_MS + 10, c.NOW_MS)
    memory.hear(Service.APP, "c", c.NOW_MS + 20, c.NOW_MS + 11)


def test_a_clock_set_back_revives_nothing() -> None:
    """An id forgotten because its time had passed is still refused after the clock was set back."""
    memory = Replays()
    memory.hear(Service.APP, "a", c.NOW_MS + 10, c.NOW_MS)
    memory.hear(Service.APP, "b", c.NOW_MS + 90, c.NOW_MS + 50)
    with pytest.raises(Malformed):
        memory.hear(Service.APP, "a", c.NOW_MS + 10, c.NOW_MS)
