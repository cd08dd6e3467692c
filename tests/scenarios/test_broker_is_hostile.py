"""The broker is an enemy: it loses, doubles, alters, misroutes and replays, and reads everything it carries.

What it may achieve is that nothing is answered. Each attack has its twin: the same broker against the
same conversation without the envelope, where it succeeds.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.parties import Peer, Service
from keepcool.local.permissions import permissions_of
from keepcool.wire import envelope
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    FreezeAnswer,
    FreezeRequest,
    Head,
    Message,
    SignAnswer,
    SignItem,
    SignRequest,
)
from tests.fixtures.broker import LiveBroker, running_broker
from tests.fixtures.hostile_broker import HostileBroker, Malice, hostile_broker

pytestmark = pytest.mark.live

ADDRESS, AMOUNT = "0x52908400098527886E0F7030069857D2E4169EE7", "123456789012345678901"
SIGNERS = (Service.KEEPER, Service.COOLER)
SUBJECTS = [
    subject for subject in permissions_of(Service.APP).publish if "sign" in subject or "freeze" in subject
]
HEAD = Head(service="keeper", sequence=0, hash=bytes(32), signature=bytes(64))
ASKS, AT_ONCE, PATIENCE_S = 240, 40, 0.6


@pytest.fixture(scope="module")
def true() -> Iterator[LiveBroker]:
    with running_broker() as live:
        yield live


@dataclass
class Told:
    """What the exchanges kept to themselves."""

    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def refused(self, typ: str, code: str) -> None:  # noqa: ARG002
        self.codes[code] += 1

    def fault(self, typ: str, error: Exception) -> None:  # noqa: ARG002
        self.faults.append(repr(error))


class Naive:
    """An exchange that trusts the bus: typed JSON, not signed, not sealed, not bound."""

    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus

    async def ask(self, to: Service, typ: str, body: Message, timeout_s: float) -> Message:
        frame = await self._bus.request(to, typ, msgspec.json.encode(body), timeout_s)
        return _decoded(frame, envelope.kind_of(typ).answer)

    async def serve(self, typ: str, handler: Callable[[Opened], Awaitable[Message]]) -> None:
        async def answered(frame: bytes) -> bytes:
            body = _decoded(frame, envelope.kind_of(typ).body)
            return msgspec.json.encode(await handler(Opened(Service.APP, "", typ, 0, body, "")))

        await self._bus.serve(typ, answered)


def _decoded(frame: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(frame, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable("naive.form", "not of the form") from error


Speaker = Exchange | Naive


def request(number: int) -> tuple[str, Message]:
    """Every second question is a freeze, the others ask for a signature; each has its number."""
    if number % 2:
        return "freeze.v1", FreezeRequest(level="wallet", target=f"w{number}", reason=ADDRESS)
    text = f'{{"n":{number},"recipient":"{ADDRESS}","units":"{AMOUNT}"}}'
    return "sign.v1", SignRequest(items=[SignItem(intent=text.encode(), draft=b"")])


def said(service: Service, body: Message) -> Message:
    """The one true answer of a service to a question."""
    text = f"{service.value} {msgspec.json.encode(body).hex()}"
    if isinstance(body, FreezeRequest):
        return FreezeAnswer(frozen=[text], head=HEAD)
    return SignAnswer(items=[], policy=text, head=HEAD)


@dataclass
class Story:
    """What was asked, done and believed."""

    told: Told = field(default_factory=Told)
    acts: Counter[tuple[Service, bytes]] = field(default_factory=Counter)
    asked: set[tuple[Service, bytes]] = field(default_factory=set)
    believed: int = 0
    mistaken: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def unasked(self) -> set[tuple[Service, bytes]]:
        return set(self.acts) - self.asked

    def twice(self) -> list[tuple[Service, bytes]]:
        return [act for act, times in self.acts.items() if times > 1]

    async def ask(self, app: Speaker, number: int, patience_s: float = PATIENCE_S) -> None:
        """App asks one signer one question, and notes whether what it came to believe is true."""
        to, (typ, body) = SIGNERS[number % 4 // 2], request(number)
        self.asked.add((to, msgspec.json.encode(body)))
        try:
            answer = await app.ask(to, typ, body, patience_s)
        except KeepcoolError as error:
            self.errors[error.kind] += 1
            return
        self.believed += 1
        self.mistaken += answer != said(to, body)

    async def act(self, service: Service, opened: Opened) -> Message:
        self.acts[service, msgspec.json.encode(opened.body)] += 1
        return said(service, opened.body)


class Town:
    """App, Keeper and Cooler on a broker, whoever that is."""

    def __init__(self, story: Story, *, naive: bool) -> None:
        self._story, self._naive = story, naive
        draw = SystemEntropy()
        self.identities = {
            service: FileIdentity(service, draw(32), draw(32)) for service in (Service.APP, *SIGNERS)
        }
        self.buses: list[NatsBus] = []

    async def join(self, true: LiveBroker, port: int) -> Speaker:
        """Everybody connects; App's exchange."""
        for signer in SIGNERS:
            speaker = self._speaker(signer, await self._bus(true, signer, port))
            for typ in ("sign.v1", "freeze.v1"):
                await speaker.serve(typ, partial(self._story.act, signer))
        return await self.app(true, port)

    async def app(self, true: LiveBroker, port: int) -> Speaker:
        """App alone connects."""
        return self._speaker(Service.APP, await self._bus(true, Service.APP, port))

    async def leave(self) -> None:
        for bus in self.buses:
            await bus.close()

    def peers(self) -> list[Peer]:
        return [one.peer() for one in self.identities.values()]

    async def _bus(self, true: LiveBroker, service: Service, port: int) -> NatsBus:
        bus, _ = await true.bus(service, port)
        self.buses.append(bus)
        return bus

    def _speaker(self, service: Service, bus: NatsBus) -> Speaker:
        if self._naive:
            return Naive(bus)
        me = self.identities[service]
        return Exchange(me, self.peers(), bus, SystemClock(), SystemEntropy(), watch=self._story.told)


@dataclass
class Outcome:
    story: Story
    malice: Malice
    broker: HostileBroker


def among_enemies(true: LiveBroker, seed: int, *, naive: bool = False) -> Outcome:
    """ASKS questions to two signers, over a broker that harms half of what it carries."""
    story = Story()

    async def run() -> Outcome:
        async with hostile_broker(true) as broker:
            town = Town(story, naive=naive)
            app = await town.join(true, broker.port)
            broker.deviate = malice = Malice(seed, broker, SUBJECTS)
            for first in range(0, ASKS, AT_ONCE):
                await asyncio.gather(*(story.ask(app, number) for number in range(first, first + AT_ONCE)))
            await broker.settle()
            await town.leave()
            return Outcome(story, malice, broker)

    return asyncio.run(run())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hostile_broker_achieves_silence_and_nothing_else(true: LiveBroker, seed: int) -> None:
    """Nothing is done that was not asked, nothing twice, and nothing untrue is believed: a question is
    answered truly, or its asker knows that it knows nothing. Every kind of harm was done."""
    outcome = among_enemies(true, seed)
    story = outcome.story
    assert (story.unasked(), story.twice(), story.mistaken) == (set(), [], 0)
    assert set(story.errors) == {"unavailable"}
    assert story.believed > ASKS // 4
    assert story.told.faults == []
    assert len(outcome.malice.done) == 8
    assert {"wire.signature", "wire.replayed", "wire.type", "wire.audience", "wire.unbound"} <= set(
        story.told.codes
    )


def test_twin_without_the_envelope_the_broker_rules(true: LiveBroker) -> None:
    """The same broker against plain JSON: things are done unasked and twice, and lies are believed."""
    story = among_enemies(true, 1, naive=True).story
    assert story.unasked()
    assert story.twice()
    assert story.mistaken


def plain_traces(broker: HostileBroker) -> int:
    """Captured messages in which the address or the amount can be read, base64 undone or not."""
    words = (ADDRESS.encode(), AMOUNT.encode())
    return sum(any(word in layer for layer in layers(one.data) for word in words) for one in broker.captured)


def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, and every JSON string of them as base64, as deep as it goes."""
    yield data
    for text in data.split(b'"')[1::2]:
        try:
            inner = base64.b64decode(text, validate=True)
        except ValueError:
            continue
        if len(inner) > 16:
            yield from layers(inner)


def overheard(true: LiveBroker, *, naive: bool) -> HostileBroker:
    async def run() -> HostileBroker:
        async with hostile_broker(true) as broker:
            town, story = Town(Story(), naive=naive), Story()
            app = await town.join(true, broker.port)
            for number in range(8):
                await story.ask(app, number, 60)
            assert (story.believed, story.mistaken) == (8, 0)
            await town.leave()
            return broker

    return asyncio.run(run())


def test_the_broker_reads_nothing(true: LiveBroker) -> None:
    """Everything the broker carried is searched: no address, no amount. Without sealing, the same search
    finds them in every request."""
    sealed, twin = overheard(true, naive=False), overheard(true, naive=True)
    assert len(sealed.captured) == len(twin.captured) == 16
    assert plain_traces(sealed) == 0
    assert plain_traces(twin) >= 8


def test_lengths_tell_little(true: LiveBroker) -> None:
    """A freeze and a signing request for one payment are carried as frames of nearly one length."""
    lengths = {len(one.data) for one in overheard(true, naive=False).captured}
    assert max(lengths) - min(lengths) < 100


def test_what_was_heard_before_a_restart_of_the_bus_is_not_done_again(true: LiveBroker) -> None:
    """Frames kept by the broker and delivered again to the same signer, by the hundred, do nothing."""
    story = Story()

    async def run() -> None:
        async with hostile_broker(true) as broker:
            town = Town(story, naive=False)
            app = await town.join(true, broker.port)
            for number in range(8):
                await story.ask(app, number, 60)
            for kept in list(broker.captured) * 100:
                broker.deliver(kept)
            await broker.settle()
            await story.ask(app, 9, 60)
            await town.leave()

    asyncio.run(run())
    assert (story.believed, story.mistaken, story.twice(), len(story.acts)) == (9, 0, [], 9)
    assert story.told.codes["wire.replayed"] == 800


def answered_by_an_insider(*, naive: bool) -> Story:
    """Both signers are away; whoever may say and hear everything on the real nats-server answers for them."""
    story = Story()
    lie = msgspec.json.encode(FreezeAnswer(frozen=["all is well"], head=HEAD))

    async def run(true: LiveBroker) -> None:
        insider, address = Client(), true.address_of("insider")
        seed, tls = address.seed(), address.tls()
        await insider.connect(address.url, nkeys_seed_str=seed, tls=tls, tls_handshake_first=True)

        async def lies(message: Msg) -> None:
            await insider.publish(message.reply, lie)

        await insider.subscribe("rpc.>", cb=lies)
        await insider.flush(5)
        town = Town(story, naive=naive)
        app = await town.app(true, true.port)
        for number in (1, 3, 5, 7):
            await story.ask(app, number)
        await town.leave()
        await insider.close()

    with running_broker(extra_user='publish: { allow: [">"] }, subscribe: { allow: [">"] }') as true:
        asyncio.run(run(true))
    return story


def test_an_insider_of_the_true_broker_is_not_believed() -> None:
    """An account with every right on the broker cannot answer for a signer; without the envelope it can."""
    story, twin = answered_by_an_insider(naive=False), answered_by_an_insider(naive=True)
    assert (story.believed, story.errors) == (0, {"unavailable": 4})
    assert story.told.codes == {"wire.format": 4}
    assert (twin.believed, twin.mistaken) == (4, 4)
