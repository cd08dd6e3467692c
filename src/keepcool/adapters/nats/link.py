"""One connection to the broker, from handshake to loss. A lost link is never mended: the bus makes another.

Answers are awaited on an inbox of the service's own (`_INBOX_<service>.>`): a shared one would let any
service read others' answers. TLS comes before the first byte of NATS, so nobody in between can ask for
a connection without it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError

from keepcool.adapters.nats.address import BusAddress
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.parties import Service

CONNECT_TIMEOUT_S = 5
PING_INTERVAL_S, PINGS_UNANSWERED_MAX = 5, 2
PENDING_MESSAGES_MAX, PENDING_BYTES_MAX = 2048, 64 * 1024 * 1024
_CLOSE_TIMEOUT_S, _LOOK_EVERY_S, _WRITTEN_EVERY_S = 0.5, 0.5, 0.001
_WRITTEN_LOOKS_MAX = 5000
_NO_RESPONDERS = "503"
Incoming: TypeAlias = Callable[[Msg], Awaitable[None]]


class BusWatch(Protocol):
    """Is told how the connection fares. A violation is an alarm: a service reached for more than it may."""

    def linked(self, service: Service, server: str) -> None: ...

    def lost(self, service: Service, reason: str) -> None: ...

    def violation(self, service: Service, text: str) -> None:
        """The broker refused a subject; it says so only after the fact, never to the caller."""

    def dropped(self, service: Service, reason: str) -> None:
        """A message was not treated: too many at once, or its handler broke."""


class Link:
    """Made by `connected`."""

    def __init__(self, service: Service, watch: BusWatch) -> None:
        self.lost = asyncio.Event()
        self._client, self._service, self._watch = Client(), service, watch
        self._inbox = ""
        self._tokens = itertools.count()
        self._subscriptions: list[Subscription] = []
        self._waiting: dict[str, asyncio.Future[bytes]] = {}

    @classmethod
    async def connected(cls, address: BusAddress, server: str, service: Service, watch: BusWatch) -> Link:
        """A link to this server, which can ask. Raises Unavailable (or Refused on bad settings) and leaves
        nothing open."""
        link = cls(service, watch)
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                await link._connect(address, server)
        except BaseException as error:
            await link.close()
            if isinstance(error, KeepcoolError) or not isinstance(error, Exception):
                raise
            # whatever a hostile broker makes the client stumble over, we try again
            raise Unavailable("bus.down", f"the broker cannot be reached ({_reason(error)})") from error
        return link

    async def request(self, subject: str, frame: bytes) -> bytes:
        """The answer's frame; the caller bounds the time. Raises Unavailable when nobody listens there
        or the link is lost."""
        token = f"{next(self._tokens):x}"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        try:
            await self._client.publish(subject, frame, reply=f"{self._inbox}.{token}")
            return await answer
        except NatsError as error:
            raise Unavailable("bus.failed", f"the request could not be sent ({_reason(error)})") from error
        finally:
            self._waiting.pop(token, None)

    async def subscribe(self, subject: str, group: str, incoming: Incoming) -> None:
        """Returns when the broker has heard of it."""
        subscription = await self._client.subscribe(
            subject,
            queue=group,
            cb=incoming,
            pending_msgs_limit=PENDING_MESSAGES_MAX,
            pending_bytes_limit=PENDING_BYTES_MAX,
        )
        self._subscriptions.append(subscription)
        await self._heard()

    async def publish(self, subject: str, frame: bytes) -> None:
        """Raises nats.errors.Error when the link is gone."""
        await self._client.publish(subject, frame)

    async def deafen(self) -> None:
        """Takes no more requests; answers may still be sent."""
        try:
            for subscription in self._subscriptions:
                await subscription.unsubscribe()
        except NatsError as error:
            self._watch.lost(self._service, _reason(error))

    async def ended(self) -> None:
        """Returns once the link is lost. Its client is asked again and again, because a farewell that fails
        half-way (a TLS end that never comes) keeps it from telling by itself."""
        while not self.lost.is_set():
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self.lost.wait()
            except TimeoutError:
                if not self._client.is_connected:
                    self._lose()

    async def close(self) -> None:
        self._lose()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._client.close()
        except TimeoutError:
            return  # a half-made TLS connection is closed, and never says so
        except Exception as error:  # noqa: BLE001 - a link that is given up may fail as it likes
            self._watch.lost(self._service, _reason(error))

    async def _connect(self, address: BusAddress, server: str) -> None:
        await self._client.connect(
            servers=[server],
            name=self._service.value,
            nkeys_seed_str=address.seed(),
            tls=address.tls(),
            tls_handshake_first=True,
            inbox_prefix=f"_INBOX_{self._service.value}",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_UNANSWERED_MAX,
            error_cb=self._on_error,
            closed_cb=self._on_closed,
        )
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        await self._heard()

    async def _heard(self) -> None:
        """Returns when the broker has read all that was sent. The client's own flush is not enough: its ping
        goes out before commands that still wait to be written. Raises nats' errors."""
        for _ in range(_WRITTEN_LOOKS_MAX):
            if not self._client.pending_data_size:
                break
            await asyncio.sleep(_WRITTEN_EVERY_S)
        await self._client.flush(CONNECT_TIMEOUT_S)

    async def _on_answer(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return
        if not message.data and message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            answer.set_exception(Unavailable("bus.nobody", "the service is not on the bus; ask again later"))
        else:
            answer.set_result(message.data)

    async def _on_error(self, error: Exception) -> None:
        text = str(error)
        if "permissions violation" in text.lower():
            self._watch.violation(self._service, text)
        elif isinstance(error, SlowConsumerError):
            self._watch.dropped(self._service, _reason(error))

    async def _on_closed(self) -> None:
        self._lose()

    def _lose(self) -> None:
        self.lost.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("bus.lost", "the broker went away before the answer came"))


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
