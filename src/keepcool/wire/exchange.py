"""Questions and answers over an untrusted bus: typed, verified, bound to each other.

What does not verify is met with silence and counted. Only what can never become an act is told as an
error: the broker may deliver one frame twice, on two subjects or late, and must not be able to make an
asker believe that a request it holds an act for was refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from keepcool.core.errors import KeepcoolError, Malformed, Refused, Unavailable, rebuild
from keepcool.core.parties import Peer, Service
from keepcool.ports.bus import Bus
from keepcool.ports.identity import Identity
from keepcool.ports.system import Clock, Entropy
from keepcool.wire import envelope
from keepcool.wire.envelope import AnswerTo, Opened, RequestOf, answer_typ, kind_of
from keepcool.wire.messages import ErrorAnswer, Message, Problem
from keepcool.wire.replay import REPLAYED, Replays

Dress: TypeAlias = Callable[[Service, str, Message], Awaitable[Message]]
OpenedHandler: TypeAlias = Callable[[Opened], Awaitable[Message]]
_CLOCK_CODES = frozenset({"wire.expired", "wire.future"})
_TOLD_CODES = frozenset({"wire.sender", "wire.body"})  # never acted on, however often delivered


class Watch(Protocol):
    """Is told what the exchange kept to itself: counters and logs hang here."""

    def refused(self, typ: str, code: str) -> None:
        """A frame of this type was refused with this code."""

    def fault(self, typ: str, error: Exception) -> None:
        """A handler broke. Log the error's type: its text may hold anything."""


class Unwatched:
    """Nobody looks."""

    def refused(self, typ: str, code: str) -> None: ...

    def fault(self, typ: str, error: Exception) -> None: ...


async def as_it_is(_: Service, __: str, body: Message) -> Message:
    """Nothing is added."""
    return body


class Exchange:
    """One service's side of every conversation. `dress` adds to a request what its maker does not know."""

    def __init__(
        self,
        identity: Identity,
        peers: Iterable[Peer],
        bus: Bus,
        clock: Clock,
        entropy: Entropy,
        *,
        watch: Watch | None = None,
    ) -> None:
        self._identity, self._bus, self._clock, self._entropy = identity, bus, clock, entropy
        self._by_key: Mapping[bytes, Peer] = {}
        self._by_name: Mapping[Service, Peer] = {}
        self.repin(tuple(peers))
        self._watch = watch or Unwatched()
        self.dress: Dress = as_it_is
        self._replays = Replays()

    def repin(self, peers: Sequence[Peer]) -> None:
        """Whom to believe from now on. Raises Refused when two share a key, and nothing has changed."""
        by_key = envelope.directory(peers)
        self._by_key, self._by_name = by_key, {peer.service: peer for peer in peers}

    async def ask(self, to: Service, typ: str, body: Message, timeout_s: float) -> Message:
        """The verified answer. Raises what the peer reported, or Unavailable when no answer came that
        verifies: then nobody knows what was done, and the same may be asked again."""
        peer = self._pinned(to)
        kind = kind_of(typ)
        body = await self.dress(to, typ, body)
        if self._identity.service.value not in kind.senders or type(body) is not kind.body:
            raise Refused("wire.sender", f"{self._identity.service} does not send this as {typ}")
        request = self._made(peer, typ, body)
        frame = await self._bus.request(to, typ, request, timeout_s)
        answer = self._verified(frame, AnswerTo(to, typ, envelope.frame_hash(request)))
        if isinstance(answer, ErrorAnswer):
            raise rebuild(answer.problem.kind, answer.problem.code, answer.problem.text)
        return answer

    async def serve(self, typ: str, handler: OpenedHandler) -> None:
        """Answer requests of this type. A handler that acts stores `Opened.id` with its act, and raises
        `wire.replay.replayed()` when it is there already."""
        kind_of(typ)

        async def answered(frame: bytes) -> bytes | None:
            return await self._answered(typ, handler, frame)

        await self._bus.serve(typ, answered)

    def _pinned(self, service: Service) -> Peer:
        peer = self._by_name.get(service)
        if peer is None:
            raise Refused("wire.peer", f"{service} is not among the pinned peers: add it under [peers]")
        return peer

    def _verified(self, frame: bytes, expected: AnswerTo) -> Message:
        try:
            now_ms = self._clock.now_ms()
            return envelope.open_frame(self._identity, self._by_key, frame, now_ms, expected).body
        except (Malformed, Refused) as error:
            self._watch.refused(expected.typ, error.code)
            if error.code in _CLOCK_CODES:
                raise _clocks_differ(expected.peer) from error
            raise Unavailable(
                "wire.answer", f"no answer of {expected.peer} that verifies ({error.code}); ask again"
            ) from error

    async def _answered(self, typ: str, handler: OpenedHandler, frame: bytes) -> bytes | None:
        try:
            now_ms = self._clock.now_ms()
            opened = envelope.open_frame(self._identity, self._by_key, frame, now_ms, RequestOf(typ))
            self._replays.hear(opened.sender, opened.id, opened.keep_until_ms, now_ms)
        except KeepcoolError as error:
            return self._declined(typ, frame, error)
        try:
            body = await handler(opened)
        except KeepcoolError as error:
            return self._handler_declined(typ, frame, error)
        except Exception as error:  # noqa: BLE001 - whatever broke, the asker learns no details
            return self._broken(typ, frame, error)
        try:
            return self._said(frame, answer_typ(typ), body)
        except Malformed as error:  # an answer too long: it was acted on, so this is no decision
            return self._broken(typ, frame, error)

    def _broken(self, typ: str, frame: bytes, error: Exception) -> bytes:
        self._watch.fault(typ, error)
        return self._error(frame, Unavailable("service.fault", "the service failed here; ask again"))

    def _declined(self, typ: str, frame: bytes, error: KeepcoolError) -> bytes | None:
        self._watch.refused(typ, error.code)
        if error.code in _CLOCK_CODES:
            return self._error(frame, _clocks_differ(self._identity.service))
        if error.code in _TOLD_CODES or isinstance(error, Unavailable):
            return self._error(frame, error)
        return None

    def _handler_declined(self, typ: str, frame: bytes, error: KeepcoolError) -> bytes | None:
        if error.code == REPLAYED:
            self._watch.refused(typ, error.code)
            return None
        return self._error(frame, error)

    def _error(self, frame: bytes, error: KeepcoolError) -> bytes:
        problem = Problem(kind=error.kind, code=error.code, text=error.public)
        return self._said(frame, envelope.ERROR, ErrorAnswer(problem=problem))

    def _said(self, request: bytes, typ: str, body: Message) -> bytes:
        """An answer to the sender of a request frame whose signature has been verified."""
        peer, re = envelope.claimed_sender(self._by_key, request), envelope.frame_hash(request)
        return self._made(peer, typ, body, re)

    def _made(self, peer: Peer, typ: str, body: Message, re: str = "") -> bytes:
        now_ms = self._clock.now_ms()
        return envelope.make(self._identity, peer, typ, body, now_ms=now_ms, entropy=self._entropy, re=re)


def _clocks_differ(service: Service) -> Unavailable:
    skew_s = envelope.SKEW_MS // 1000
    return Unavailable("wire.clock", f"the clock of {service} is off by more than {skew_s} s, or it was late")
