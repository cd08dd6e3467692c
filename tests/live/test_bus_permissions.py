"""The broker's walls, on a real nats-server: who does not get in, and what those inside cannot do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local.broker import make_nkey
from keepcool.wire.requests import REQUESTS
from tests.fixtures.broker import LiveBroker, Reports, running_broker

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def broker() -> Iterator[LiveBroker]:
    with running_broker() as live:
        yield live


class Raw:
    """A client with a service's credentials and bad manners; remembers what the broker refused it."""

    def __init__(self) -> None:
        self.client, self.refusals = Client(), list[str]()

    async def connect(self, address: BusAddress, tls: ssl.SSLContext | None = None) -> Raw:
        await self.client.connect(
            address.url,
            nkeys_seed_str=address.seed(),
            tls=tls or address.tls(),
            tls_handshake_first=True,
            inbox_prefix="_INBOX_app",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=self._refused,
        )
        return self

    async def settled(self) -> list[str]:
        await self.client.flush(5)
        await asyncio.sleep(0.05)
        return self.refusals

    async def _refused(self, error: Exception) -> None:
        self.refusals.append(str(error))


async def raw(broker: LiveBroker, service: Service) -> Raw:
    return await Raw().connect(broker.address(service))


async def nothing(_: Msg) -> None:
    """A subscriber that does not care."""


async def pong(frame: bytes) -> bytes:
    return b"pong " + frame


def test_a_service_is_served(broker: LiveBroker) -> None:
    """The twin of the refusals: with its own credentials App asks, Keeper answers, nobody is refused."""

    async def run() -> tuple[bytes, Reports, Reports]:
        keeper, keeper_saw = await broker.bus(Service.KEEPER)
        app, app_saw = await broker.bus(Service.APP)
        await keeper.serve("sign.v1", pong)
        answer = await app.request(Service.KEEPER, "sign.v1", b"ping", 5)
        await app.close()
        await keeper.close()
        return answer, keeper_saw, app_saw

    answer, *reports = asyncio.run(run())
    assert answer == b"pong ping"
    assert [report.violations for report in reports] == [[], []]


def test_the_largest_frame_passes(broker: LiveBroker) -> None:
    """A frame as long as any request may be goes there and back."""
    size = max(kind.frame_bytes_max for kind in REQUESTS.values())

    async def run() -> int:
        keeper, _ = await broker.bus(Service.KEEPER)
        app, _ = await broker.bus(Service.APP)

        async def echo(frame: bytes) -> bytes:
            return frame

        await keeper.serve("sign.v1", echo)
        answer = await app.request(Service.KEEPER, "sign.v1", bytes(size), 60)
        await app.close()
        await keeper.close()
        return len(answer)

    assert asyncio.run(run()) == size


def test_an_unknown_nkey_stays_outside(broker: LiveBroker) -> None:
    """A client certificate of ours with an nkey nobody knows is refused, and the bus says why."""
    stranger = broker.folder / "stranger.seed"
    stranger.write_bytes(make_nkey(SystemEntropy()).seed)
    stranger.chmod(0o600)
    known = broker.address(Service.APP)
    address = BusAddress(known.url, stranger, known.ca, known.certificate, known.certificate_key)
    assert "Authorization Violation" in refused_at_the_door(address)


def test_no_certificate_no_entry(broker: LiveBroker) -> None:
    """A good nkey without a client certificate does not get past the handshake."""

    async def run() -> None:
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bare.load_verify_locations(broker.files.ca)
        await asyncio.wait_for(Raw().connect(broker.address(Service.APP), bare), 10)

    with pytest.raises(Exception, match=r"(?i)certificate|empty response|closed|reset|no servers"):
        asyncio.run(run())


def test_a_foreign_broker_is_not_believed(broker: LiveBroker) -> None:
    """A broker whose certificate is not of our CA is not talked to."""
    with running_broker() as foreign:
        mine, theirs = broker.address(Service.APP), foreign.address(Service.APP)
        address = BusAddress(theirs.url, mine.nkey_seed, mine.ca, mine.certificate, mine.certificate_key)
        assert "certificate verify failed" in refused_at_the_door(address)


def refused_at_the_door(address: BusAddress) -> str:
    reports = Reports()

    async def run() -> None:
        bus = await NatsBus.start(address, Service.APP, reports)
        try:
            await bus.ready(1.5)
        finally:
            await bus.close()

    with pytest.raises(Unavailable) as caught:
        asyncio.run(run())
    assert caught.value.code == "bus.down"
    assert reports.links == 0
    return " ".join(reports.losses)


@pytest.mark.parametrize(
    ("service", "subject"),
    [
        (Service.APP, "rpc.keeper.witness.v1"),
        (Service.APP, "rpc.cooler.purse.sign.v1"),
        (Service.APP, "$JS.API.STREAM.DELETE.EVENTS"),
        (Service.APP, "_INBOX_keeper.x"),
        (Service.DESK, "rpc.keeper.sign.v1"),
        (Service.WATCHTOWER, "rpc.cooler.sign.v1"),
        (Service.KEEPER, "rpc.cooler.sign.v1"),
        (Service.COOLER, "_INBOX_app.unsolicited"),
        (Service.COOLER, "rpc.keeper.freeze.v1"),
    ],
)
def test_a_forbidden_subject_is_not_reached(broker: LiveBroker, service: Service, subject: str) -> None:
    """Publishing where one has no business is refused by the broker and reported."""

    async def run() -> list[str]:
        one = await raw(broker, service)
        await one.client.publish(subject, b"x")
        refusals = await one.settled()
        await one.client.close()
        return refusals

    (refusal,) = asyncio.run(run())
    assert "permissions violation for publish" in refusal.lower()


@pytest.mark.parametrize(
    ("service", "subject", "group"),
    [
        (Service.APP, "_INBOX_keeper.>", ""),
        (Service.APP, "rpc.>", ""),
        (Service.APP, ">", ""),
        (Service.COOLER, "rpc.keeper.sign.v1", "keeper"),
        (Service.KEEPER, "rpc.keeper.sign.v1", ""),
        (Service.KEEPER, "rpc.keeper.sign.v1", "another"),
        (Service.DESK, "rpc.cooler.freeze.v1", "cooler"),
    ],
)
def test_a_foreign_subscription_hears_nothing(
    broker: LiveBroker, service: Service, subject: str, group: str
) -> None:
    """Another's inbox, another's queue group, and one's own subject outside its group are refused."""

    async def run() -> list[str]:
        one = await raw(broker, service)
        await one.client.subscribe(subject, queue=group, cb=nothing)
        refusals = await one.settled()
        await one.client.close()
        return refusals

    (refusal,) = asyncio.run(run())
    assert "permissions violation for subscription" in refusal.lower()


def test_a_request_is_answered_once(broker: LiveBroker) -> None:
    """A signer's second answer to one request is blocked by the broker."""

    async def run() -> tuple[list[str], list[bytes]]:
        keeper, app = await raw(broker, Service.KEEPER), await raw(broker, Service.APP)
        heard: list[bytes] = []

        async def twice(message: Msg) -> None:
            await keeper.client.publish(message.reply, b"one")
            await keeper.client.publish(message.reply, b"two")

        async def hear(message: Msg) -> None:
            heard.append(message.data)

        await keeper.client.subscribe("rpc.keeper.sign.v1", queue="keeper", cb=twice)
        await app.client.subscribe("_INBOX_app.here", cb=hear)
        await keeper.settled()
        await app.settled()
        await app.client.publish("rpc.keeper.sign.v1", b"x", reply="_INBOX_app.here")
        await app.settled()
        await asyncio.sleep(0.2)
        refusals = await keeper.settled()
        await keeper.client.close()
        await app.client.close()
        return refusals, heard

    refusals, heard = asyncio.run(run())
    assert heard == [b"one"]
    assert len(refusals) == 1


def test_the_bus_itself_reports_a_violation(broker: LiveBroker) -> None:
    """A request to a forbidden subject times out for the caller, and the watch hears of the violation."""

    async def run() -> Reports:
        app, reports = await broker.bus(Service.APP)
        with pytest.raises(Unavailable) as caught:
            await app.request(Service.COOLER, "purse.sign.v1", b"x", 3)
        assert caught.value.code == "bus.timeout"
        await app.close()
        return reports

    assert "rpc.cooler.purse.sign.v1" in asyncio.run(run()).violations[0]


def test_nobody_there_is_told_at_once(broker: LiveBroker) -> None:
    """A request to a service that is not on the bus fails at once, not after its timeout."""

    async def run() -> float:
        app, _ = await broker.bus(Service.APP)
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable) as caught:
            await app.request(Service.COOLER, "sign.v1", b"x", 60)
        assert caught.value.code == "bus.nobody"
        await app.close()
        return asyncio.get_running_loop().time() - began_s

    assert asyncio.run(run()) < 50


def test_the_provisioning_key_reaches_no_service(broker: LiveBroker) -> None:
    """What may touch JetStream may not ask a signer, and cannot hear an answer."""

    async def run() -> list[str]:
        one = await Raw().connect(broker.address_of("provision"))
        await one.client.publish("rpc.keeper.freeze.v1", b"x")
        refusals = list(await one.settled())
        with pytest.raises((NoRespondersError, TimeoutError, Exception)):
            await one.client.request("rpc.keeper.freeze.v1", b"x", timeout=0.3)
        await one.client.close()
        return refusals

    assert "permissions violation for publish" in asyncio.run(run())[0].lower()


def test_a_seed_that_others_can_read_is_refused(broker: LiveBroker) -> None:
    """A bus does not start from an nkey seed that others can read."""
    address = broker.address(Service.DESK)
    address.nkey_seed.chmod(0o644)
    with pytest.raises(Refused):
        asyncio.run(NatsBus.start(address, Service.DESK, Reports()))
    address.nkey_seed.chmod(0o600)
