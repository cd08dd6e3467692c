"""A desk as it runs, without sockets: real envelopes on a lane, and signers that answer as theirs do.

The signers verify each signature as real ones do, remember what they took, and can be told to lie.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import msgspec
from prometheus_client import CollectorRegistry

from keepcool.chains.families import SHIPPED_FAMILIES
from keepcool.core.approvals import Decision, approvals_challenge, order_challenge, parse_order
from keepcool.core.errors import Conflict, KeepcoolError, Refused
from keepcool.core.parties import Service
from keepcool.core.personkeys import parse_person_key
from keepcool.desk.assembly import Outside, assembled
from keepcool.desk.http.parts import Parts
from keepcool.desk.http.site import make_site
from keepcool.desk.settings import AssetSettings, DeskSettings, HttpSettings
from keepcool.desk.signing_in import challenge_of
from keepcool.ports.settings import BusSettings
from keepcool.wire import proofs
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Failure, Message, Problem
from keepcool.wire.proofs import Proof
from keepcool.wire.reviews import (
    Accepted,
    ApprovalsAnswer,
    OrderAnswer,
    PendingOrder,
    PeopleAnswer,
    PeopleRequest,
    Person,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    ReviewsRequest,
    ReviewSummary,
    SubmitApprovals,
    SubmitOrder,
)
from tests.fixtures.softkey import DESK, ORIGIN, RP_ID, SoftEd25519, SoftKey, SoftPasskey
from tests.unit.desk import samples
from tests.unit.wire import cast as c
from tests.unit.wire.lane import Lane

ALICE, BOB, ROOT = SoftPasskey("alice"), SoftPasskey("bob"), SoftPasskey("root")
CLERK = SoftEd25519("clerk")
NOW_MS = samples.NOW_S * 1000
INSTALLATION = "aa" * 32
T = TypeVar("T")


def person(name: str, key: SoftKey, *, owner: str = "", administrator: bool = False) -> Person:
    credential = key.credential if isinstance(key, SoftPasskey) else ""
    groups = [] if administrator else ["accounting"]
    return Person(
        name=name, key=key.text, credential=credential, groups=groups, owner=owner,
        administrator=administrator,
    )  # fmt: skip


def people() -> list[Person]:
    return [
        person("alice", ALICE),
        person("bob", BOB, owner="user-1"),
        person("clerk", CLERK),
        person("root1", ROOT, administrator=True),
    ]


@dataclass
class PlaySigner:
    """What one signer knows, and what it was told."""

    service: Service
    reviews: dict[str, ReviewAnswer] = field(default_factory=dict)
    past: list[ReviewSummary] = field(default_factory=list)
    people: list[Person] = field(default_factory=people)
    orders: list[PendingOrder] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    document: bytes = b'version = 3\ncap = "10"\n'
    failing: KeepcoolError | None = None

    async def serve(self, exchange: Exchange) -> None:
        answers: dict[str, Callable[[Opened], Message]] = {
            "reviews.v1": self.list_reviews,
            "review.v1": self.show,
            "people.v1": self.whom,
            "approvals.v1": self.approve,
            "orders.v1": self.order,
        }
        for typ, answer in answers.items():
            await exchange.serve(typ, self._answering(answer))

    def _answering(self, answer: Callable[[Opened], Message]) -> Callable[[Opened], Awaitable[Message]]:
        async def answered(opened: Opened) -> Message:
            if self.failing is not None:
                raise self.failing
            return answer(opened)

        return answered

    def list_reviews(self, opened: Opened) -> Message:
        body = opened.body
        assert isinstance(body, ReviewsRequest)
        rows = [*(one.summary for one in self.reviews.values()), *self.past]
        rows.sort(key=lambda one: -one.sequence)
        found = [
            one
            for one in rows
            if (not body.state or one.state == body.state)
            and (not body.before or one.sequence < body.before)
            and (not body.text or body.text in one.owner or body.text in one.intent_hash)
        ]
        waiting = sum(one.state == "waiting" for one in rows)
        return ReviewsAnswer(
            items=found[: body.limit], waiting=waiting, policy=self.policy, policy_version=3,
            head=samples.head(self.service.value),
        )  # fmt: skip

    def show(self, opened: Opened) -> Message:
        body = opened.body
        assert isinstance(body, ReviewRequest)
        if body.intent_hash not in self.reviews:
            if body.intent_hash in [one.intent_hash for one in self.past]:
                raise Conflict("review.no_draft", "no draft of it is here")
            raise Refused("review.unknown", "this signer put no such intent to wait")
        return self.reviews[body.intent_hash]

    def whom(self, opened: Opened) -> Message:
        body = opened.body
        assert isinstance(body, PeopleRequest)
        orders = [one for one in self.orders if body.order in ("", one.order)]
        if not body.order:
            orders = [msgspec.structs.replace(one, encoded=b"", document=b"") for one in orders]
        return PeopleAnswer(
            people=self.people, rp_id=RP_ID, origins=[ORIGIN], policy=self.policy, policy_version=3,
            installation=INSTALLATION, orders=orders, frozen=self.frozen,
            head=samples.head(self.service.value), document=self.document if body.order else b"",
        )  # fmt: skip

    def approve(self, opened: Opened) -> Message:
        body = opened.body
        assert isinstance(body, SubmitApprovals)
        items = [self._decided(one) for one in body.items]
        return ApprovalsAnswer(items=items, head=samples.head(self.service.value))

    def _decided(self, raw: bytes) -> Accepted | Failure:
        try:
            self._verified(raw)
        except KeepcoolError as error:
            return Failure(problem=Problem(kind=error.kind, code=error.code, text=error.public))
        return Accepted(sequence=60 + len(self.taken))

    def _verified(self, raw: bytes) -> None:
        signed = proofs.parse_signed_approval(raw)
        named = json.loads(signed.statement)["approver"]
        keys = {one.name: one for one in self.people if not one.administrator}
        if named not in keys:
            raise Refused("approval.approver", "no such approver")
        said = proofs.verify_approval(parse_person_key(keys[named].key), signed, DESK)
        review = self.reviews.get(said.intent)
        if review is None or said.effects != review.effects_hash or self.policy not in said.policies:
            raise Refused("approval.effects", "another payment")
        if keys[named].owner == review.summary.owner:
            raise Refused("approval.four_eyes", "nobody approves what he asked for")
        self.taken.append(f"{said.decision.value} {said.intent} {said.approver}")
        state = "rejected" if said.decision is Decision.REJECT else "signed"
        done = msgspec.structs.replace(review.summary, state=state)
        self.reviews[said.intent] = msgspec.structs.replace(review, summary=done)

    def order(self, opened: Opened) -> Message:
        body = opened.body
        assert isinstance(body, SubmitOrder)
        order = parse_order(body.order)
        keys = {one.name: one for one in self.people if one.administrator}
        for given in body.proofs:
            if given.administrator not in keys:
                raise Refused("order.administrator", "no such administrator")
            key = parse_person_key(keys[given.administrator].key)
            proofs.verify(key, order_challenge(body.order), proofs.parse_proof(given.proof), DESK)
        self.ordered.append(order.action.value)
        pending = PendingOrder(
            order=order.order, action=order.action.value, details=dict(order.details),
            signed_by=[one.administrator for one in body.proofs], quorum=1, effective_at_s=0, state="done",
            encoded=body.order, document=body.document,
        )  # fmt: skip
        return OrderAnswer(pending=pending, frozen=self.frozen, head=samples.head(self.service.value))

    @property
    def policy(self) -> str:
        return samples.policy_of(self.service.value)


class House:
    """The desk, two signers, and browsers."""

    def __init__(self, **changes: object) -> None:
        players, lane = c.cast(), Lane()
        self.clock = c.StillClock(NOW_MS)
        self.cooler, self.keeper = PlaySigner(Service.COOLER), PlaySigner(Service.KEEPER)
        peers = [one.peer() for one in (players.keeper, players.cooler, players.desk)]

        def exchange(service: Service) -> Exchange:
            identity = {Service.KEEPER: players.keeper, Service.COOLER: players.cooler}.get(service)
            return Exchange(
                identity or players.desk, peers, lane.end(service), self.clock, c.Dice(service.value)
            )

        self._serving = [(self.cooler, exchange(Service.COOLER)), (self.keeper, exchange(Service.KEEPER))]
        self.parts: Parts = assembled(
            Outside(
                settings=settings(**changes),
                exchange=exchange(Service.DESK),
                clock=self.clock,
                entropy=c.Dice("desk"),
                families=SHIPPED_FAMILIES,
                metrics=CollectorRegistry(),
            )
        )
        self.site = make_site(self.parts)

    def wait(self, answer: ReviewAnswer, keeper: ReviewAnswer | None = None) -> str:
        """Both signers put this to wait; Keeper with its own policy unless it says something else."""
        hashed = answer.summary.intent_hash
        own = msgspec.structs.replace(answer, policy=self.keeper.policy, head=samples.head("keeper"))
        self.cooler.reviews[hashed] = answer
        self.keeper.reviews[hashed] = keeper or own
        return hashed

    def run(self, story: Callable[[Browser], Awaitable[T]]) -> T:
        """With a browser at the desk and everything that waits read once."""

        async def told() -> T:
            for signer, exchange in self._serving:
                await signer.serve(exchange)
            await self.parts.mirror.refresh()
            async with self.browser() as browser:
                return await story(browser)

        return asyncio.run(told())

    def browser(self) -> Browser:
        return Browser(self)


class Browser:
    """Cookies, an origin, and a language."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.token = ""
        transport = httpx.ASGITransport(app=house.site, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Accept": "text/html"})

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        own = {"Origin": ORIGIN, "X-Desk-Token": self.token, "Content-Type": "application/json"}
        return await self.client.post(path, content=msgspec.json.encode(body), headers={**own, **headers})

    async def sign_in(self, key: SoftKey, proof: Proof | None = None) -> httpx.Response:
        begun = (await self.post("/api/sign-in/begin", {})).json()
        statement = msgspec.json.decode(msgspec.json.encode(begun["statement"]), type=bytes)
        body: dict[str, object] = {
            "attempt": begun["attempt"],
            "proof": proof or key.proof(challenge_of(statement)),
            "key": key.text if isinstance(key, SoftEd25519) else "",
            "credential": key.credential if isinstance(key, SoftPasskey) else "",
        }
        answer = await self.post("/api/sign-in/finish", body)
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    async def statements(
        self, intents: list[str], decision: str = "approve", **more: object
    ) -> httpx.Response:
        body = {"decision": decision, "intents": intents, "reason": "seen and known", **more}
        return await self.post("/api/statements", body)

    async def decide(self, key: SoftKey, intents: list[str], decision: str = "approve") -> httpx.Response:
        """As the page's script does it."""
        drafted = await self.statements(intents, decision)
        if drafted.status_code != 200:
            return drafted
        return await self.send(key, drafted)

    async def send(self, key: SoftKey, drafted: httpx.Response) -> httpx.Response:
        statements = raw(drafted.json()["statements"])
        return await self.post(
            "/api/decisions", {"statements": statements, "proof": key.proof(approvals_challenge(statements))}
        )


def raw(texts: list[str]) -> list[bytes]:
    return msgspec.json.decode(msgspec.json.encode(texts), type=list[bytes])


def settings(**changes: object) -> DeskSettings:
    bus = BusSettings(url="tls://127.0.0.1:1", nkey_seed="", ca="", certificate="", certificate_key="")
    plain = DeskSettings(
        identity="identity",
        bus=bus,
        peers={},
        origin=ORIGIN,
        rp_id=RP_ID,
        http=HttpSettings(requests_per_minute_max=100_000, sign_ins_per_minute_max=100_000),
        assets={samples.ETH: AssetSettings(symbol="ETH", decimals=18)},
    )
    return msgspec.structs.replace(plain, **changes)
