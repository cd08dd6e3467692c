"""Both signers as the desk asks them: typed, bounded, and side by side.

Law: what one signer says is never taken for what the other says; an error of one is kept as its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from keepcool.core.errors import KeepcoolError, Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.ports.system import Clock
from keepcool.wire.messages import Message
from keepcool.wire.reviews import (
    ApprovalsAnswer,
    OrderAnswer,
    PeopleAnswer,
    PeopleRequest,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    ReviewsRequest,
    SubmitApprovals,
    SubmitOrder,
)

SIGNERS = (Service.COOLER, Service.KEEPER)
_PEOPLE_FRESH_MS, _PEOPLE_OLD_MS = 3_000, 300_000
A = TypeVar("A", bound=Message)


class Asking(Protocol):
    """`wire.exchange.Exchange`."""

    async def ask(self, to: Service, typ: str, body: Message, timeout_s: float) -> Message: ...


@dataclass(frozen=True, slots=True)
class Both(Generic[A]):
    """What each of them answered to the same question."""

    cooler: A | KeepcoolError
    keeper: A | KeepcoolError

    def of(self, service: Service) -> A | KeepcoolError:
        return self.cooler if service is Service.COOLER else self.keeper


class Signers:
    """Cooler speaks for the desk's own needs (who may sign in, what waits); Keeper is asked beside it."""

    def __init__(self, exchange: Asking, clock: Clock, timeout_s: float) -> None:
        self._exchange, self._clock, self._timeout_s = exchange, clock, timeout_s
        self._people: dict[Service, tuple[int, PeopleAnswer]] = {}
        self._silent: dict[Service, tuple[int, Unavailable]] = {}
        self._one_at_a_time = {service: asyncio.Lock() for service in SIGNERS}

    async def people(self, service: Service = Service.COOLER) -> PeopleAnswer:
        """Whom this signer's policy knows, as of some seconds ago; of some minutes, for reading on, while it
        does not answer."""
        async with self._one_at_a_time[service]:
            known, failed = self._people.get(service), self._silent.get(service)
            if known is not None and self._since(known[0]) < _PEOPLE_FRESH_MS:
                return known[1]
            if failed is not None and self._since(failed[0]) < _PEOPLE_FRESH_MS:
                return self._old(known, failed[1])
            now_ms = self._clock.now_ms()
            try:
                answer = await self._asked(service, "people.v1", PeopleRequest(), PeopleAnswer)
            except Unavailable as error:  # remembered, or each page would wait for it again
                self._silent[service] = (now_ms, error)
                return self._old(known, error)
            self._people[service] = (now_ms, answer)
            self._silent.pop(service, None)
            return answer

    async def in_full(self, service: Service, order: str) -> PeopleAnswer:
        """With this order alone, its bytes and what it speaks of."""
        return await self._asked(service, "people.v1", PeopleRequest(order=order), PeopleAnswer)

    def forget_people(self) -> None:
        """What was ordered just now shows at once."""
        self._people.clear()

    async def both_people(self) -> Both[PeopleAnswer]:
        return await _side_by_side(self.people(Service.COOLER), self.people(Service.KEEPER))

    async def reviews(self, request: ReviewsRequest, service: Service = Service.COOLER) -> ReviewsAnswer:
        return await self._asked(service, "reviews.v1", request, ReviewsAnswer)

    async def review(self, intent_hash: str, service: Service = Service.COOLER) -> ReviewAnswer:
        return await self._asked(service, "review.v1", ReviewRequest(intent_hash=intent_hash), ReviewAnswer)

    async def both_reviews(self, intent_hash: str) -> Both[ReviewAnswer]:
        return await _side_by_side(
            self.review(intent_hash, Service.COOLER), self.review(intent_hash, Service.KEEPER)
        )

    async def submit_approvals(self, items: Sequence[bytes]) -> Both[ApprovalsAnswer]:
        body = SubmitApprovals(items=list(items))
        return await _side_by_side(
            *(self._asked(one, "approvals.v1", body, ApprovalsAnswer) for one in SIGNERS)
        )

    async def submit_order(self, service: Service, order: SubmitOrder) -> OrderAnswer:
        return await self._asked(service, "orders.v1", order, OrderAnswer)

    def _since(self, at_ms: int) -> int:
        return abs(self._clock.now_ms() - at_ms)

    def _old(self, known: tuple[int, PeopleAnswer] | None, error: Unavailable) -> PeopleAnswer:
        if known is None or self._since(known[0]) >= _PEOPLE_OLD_MS:
            raise error
        return known[1]

    async def _asked(self, service: Service, typ: str, body: Message, answer: type[A]) -> A:
        said = await self._exchange.ask(service, typ, body, self._timeout_s)
        if not isinstance(said, answer):
            raise Malformed("desk.answer", f"{service} answered with something else than was asked for")
        return said


async def told(asked: Awaitable[A]) -> A | KeepcoolError:
    """The answer, or our error in its place."""
    try:
        return await asked
    except KeepcoolError as error:
        return error


async def _side_by_side(cooler: Awaitable[A], keeper: Awaitable[A]) -> Both[A]:
    return Both(*await asyncio.gather(told(cooler), told(keeper)))
