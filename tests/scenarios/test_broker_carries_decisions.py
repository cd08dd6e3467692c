"""The broker is an enemy of the desk as well: approvals, orders, the list of what waits and a freeze go
through it to both signers, a hundred thousand messages in the full run.

It loses, doubles, delays, alters, cuts, misroutes, replays and swaps half of them: nothing is done that was
not asked, nothing twice, nothing untrue is believed; and in all it carried there is no address, no amount, no
approver's name and no intent's id. The twin: the same conversation without the envelope.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import FreezeAnswer, FreezeRequest, Head, Message
from keepcool.wire.reviews import (
    Accepted,
    ApprovalsAnswer,
    GivenApproval,
    OrderAnswer,
    OrderProof,
    PendingOrder,
    ReviewsAnswer,
    ReviewsRequest,
    ReviewSummary,
    SubmitApprovals,
    SubmitOrder,
)
from tests.fixtures.attacks import ATTACKS
from tests.fixtures.broker import LiveBroker, running_broker
from tests.fixtures.hostile_broker import HostileBroker, Malice, hostile_broker
from tests.scenarios.test_broker_is_hostile import Naive, Speaker, Told, layers

pytestmark = [pytest.mark.live, pytest.mark.timeout(ATTACKS.timeout_s)]
SIGNERS = (Service.KEEPER, Service.COOLER)
TYPES = ("approvals.v1", "orders.v1", "reviews.v1", "freeze.v1")
SUBJECTS = [f"rpc.{signer.value}.{typ}" for signer in SIGNERS for typ in TYPES]
ADDRESS, AMOUNT = "0x52908400098527886E0F7030069857D2E4169EE7", "123456789012345678901"
APPROVER, INTENT = "alice-of-accounting", "wd-01HXSECRETINTENT"
SECRETS = tuple(one.encode() for one in (ADDRESS, AMOUNT, APPROVER, INTENT))
HEAD = Head(service="keeper", sequence=0, hash=bytes(32), signature=bytes(64))
MESSAGES, AT_ONCE, PATIENCE_S = ATTACKS.messages, 600 if ATTACKS.full else 200, 1.5


def request(number: int) -> tuple[str, Message]:
    """Each has its number; all of them hold what a broker shall not read."""
    stated = (
        f'{{"approver":"{APPROVER}","intent":"{INTENT}","n":{number},"to":"{ADDRESS}","units":"{AMOUNT}"}}'
    )
    match TYPES[number % 4]:
        case "approvals.v1":
            return TYPES[0], SubmitApprovals(items=[stated.encode()])
        case "orders.v1":
            proof = OrderProof(administrator=APPROVER, proof=ADDRESS.encode())
            return TYPES[1], SubmitOrder(order=stated.encode(), proofs=[proof], document=stated.encode())
        case "reviews.v1":
            return TYPES[2], ReviewsRequest(text=f"{INTENT}-{number}")
        case _:
            return TYPES[3], FreezeRequest(level="wallet", target=f"w{number}", reason=stated)


def said(service: Service, body: Message) -> Message:
    """The one true answer of a service."""
    text = f"{service.value} {APPROVER} {INTENT} {msgspec.json.encode(body).hex()}"
    match body:
        case SubmitApprovals():
            number = int.from_bytes(text.encode()[-7:])
            return ApprovalsAnswer(items=[Accepted(sequence=number)], head=HEAD)
        case SubmitOrder():
            pending = PendingOrder(
                order=text, action="freeze", details={"target": ADDRESS}, signed_by=[APPROVER], quorum=2,
                effective_at_s=0, state="collecting",
            )  # fmt: skip
            return OrderAnswer(pending=pending, frozen=[text], head=HEAD)
        case ReviewsRequest():
            given = GivenApproval(
                approver=APPROVER, decision="approve", reason=AMOUNT, at_s=1, expires_at_s=2, sequence=3
            )
            item = ReviewSummary(
                intent_hash=text, intent=f"{INTENT} {ADDRESS} {AMOUNT}".encode(), owner="u-1", since_s=1,
                until_s=0, state="waiting", tier="small", needs=[], approvals=[given], sequence=1,
            )  # fmt: skip
            return ReviewsAnswer(items=[item], waiting=1, policy="p", policy_version=1, head=HEAD)
        case _:
            return FreezeAnswer(frozen=[text], head=HEAD)


class Talk:
    """The desk and both signers on a broker, whoever that is; what was asked, done and believed."""

    def __init__(self, *, naive: bool) -> None:
        self._naive = naive
        draw = SystemEntropy()
        self._identities = {one: FileIdentity(one, draw(32), draw(32)) for one in (Service.DESK, *SIGNERS)}
        self._buses = list[NatsBus]()
        self.told = Told()
        self.acts: Counter[tuple[Service, bytes]] = Counter()
        self.asked: set[tuple[Service, bytes]] = set()
        self.errors: Counter[str] = Counter()
        self.believed = self.mistaken = 0

    async def join(self, true: LiveBroker, port: int) -> Speaker:
        for signer in SIGNERS:
            speaker = await self._speaker(true, signer, port)
            for typ in TYPES:
                await speaker.serve(typ, partial(self._act, signer))
        return await self._speaker(true, Service.DESK, port)

    async def leave(self) -> None:
        for bus in self._buses:
            await bus.close()

    async def ask(self, desk: Speaker, number: int, patience_s: float) -> None:
        to, (typ, body) = SIGNERS[number // 4 % 2], request(number)
        self.asked.add((to, msgspec.json.encode(body)))
        try:
            answer = await desk.ask(to, typ, body, patience_s)
        except KeepcoolError as error:
            self.errors[error.kind] += 1
            return
        self.believed += 1
        self.mistaken += answer != said(to, body)

    def unasked(self) -> set[tuple[Service, bytes]]:
        return set(self.acts) - self.asked

    def twice(self) -> list[tuple[Service, bytes]]:
        return [act for act, times in self.acts.items() if times > 1]

    async def _act(self, service: Service, opened: Opened) -> Message:
        self.acts[service, msgspec.json.encode(opened.body)] += 1
        return said(service, opened.body)

    async def _speaker(self, true: LiveBroker, service: Service, port: int) -> Speaker:
        bus, _ = await true.bus(service, port)
        self._buses.append(bus)
        if self._naive:
            return Naive(bus)
        peers = [one.peer() for one in self._identities.values()]
        me = self._identities[service]
        return Exchange(me, peers, bus, SystemClock(), SystemEntropy(), watch=self.told)


@pytest.fixture(scope="module")
def true() -> Iterator[LiveBroker]:
    with running_broker() as live:
        yield live


def carried(true: LiveBroker, messages: int, *, naive: bool = False) -> tuple[Talk, Malice, HostileBroker]:
    """So many messages at least, half of them harmed. The broker's memory for replays is bounded, the search
    for secrets is made on the way."""

    async def run() -> tuple[Talk, Malice, HostileBroker]:
        async with hostile_broker(true) as broker:
            talk = Talk(naive=naive)
            desk = await talk.join(true, broker.port)
            broker.deviate = malice = Malice(5, broker, SUBJECTS)
            number = 0
            while broker.seen < messages:
                asking = range(number, number + AT_ONCE)
                await asyncio.gather(*(talk.ask(desk, one, PATIENCE_S) for one in asking))
                number += AT_ONCE
            await broker.settle()
            await talk.leave()
            return talk, malice, broker

    return asyncio.run(run())


def traces(broker: HostileBroker) -> int:
    """Messages in which any secret can be read, base64 undone or not."""
    return sum(
        any(word in layer for layer in layers(one.data) for word in SECRETS) for one in broker.captured
    )


def test_decisions_are_lost_or_true(true: LiveBroker) -> None:
    """Silence is all that the broker achieves: every kind of harm was done, no decision or order was acted on
    unasked or twice, none answered untruly; and nothing that it carried tells of whom or what."""
    talk, malice, broker = carried(true, MESSAGES)
    print(  # noqa: T201 - for the full run
        f"\nbroker: {broker.seen} messages, {sum(malice.done.values())} harmed, {len(talk.asked)} asked, "
        f"{talk.believed} answered, {dict(talk.told.codes)}"
    )
    assert (talk.unasked(), talk.twice(), talk.mistaken) == (set(), [], 0)
    assert set(talk.errors) == {"unavailable"}
    assert (len(malice.done), talk.told.faults) == (8, [])
    assert talk.believed > len(talk.asked) // 10
    assert traces(broker) == 0


def test_twin_without_the_envelope_decisions_are_the_brokers(true: LiveBroker) -> None:
    """The same broker and conversation in plain JSON: acts unasked and twice, lies believed, all read."""
    talk, _, broker = carried(true, 1000, naive=True)
    assert talk.unasked()
    assert talk.twice()
    assert talk.mistaken
    assert traces(broker) > 500
