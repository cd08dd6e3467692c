"""The port Bus over NATS: linked for as long as it lives, whatever the broker does.

Requests go to `rpc.<service>.<typ>`, served under the service's own queue group. Handlers run
concurrently up to a bound per type, so that a flood of one type does not hold up another (a freeze);
beyond it messages wait, and beyond that they are dropped and reported. Of several servers each is tried
before any is waited for, in an order drawn by lot, so that services spread over a cluster.
"""

from __future__ import annotations

import asyncio
import random
from itertools import count

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.link import BusWatch, Incoming, Link
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.parties import Service
from keepcool.ports.bus import Handler

HANDLERS_MAX = 256
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 2.0
_STEADY_S = 5.0
_CANCELS_MAX, _CANCEL_AGAIN_S = 5, 1.0
_FINISH_S = 5.0


def subject_of(service: Service, typ: str) -> str:
    return f"rpc.{service.value}.{typ}"


class NatsBus:
    """Made by `start`. Give it `close()`."""

    def __init__(self, address: BusAddress, service: Service, watch: BusWatch, handlers_max: int) -> None:
        self._address, self._service, self._watch = address, service, watch
        self._handlers_max = handlers_max
        self._served: dict[str, Incoming] = {}
        self._acting: set[asyncio.Task[None]] = set()
        self._link: Link | None = None
        self._linked = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, address: BusAddress, service: Service, watch: BusWatch, *, handlers_max: int = HANDLERS_MAX
    ) -> NatsBus:
        """Begins to connect, for ever. Raises Refused or Unavailable when its own files are bad."""
        address.servers(), address.seed(), address.tls()
        bus = cls(address, service, watch, handlers_max)
        bus._keeper = asyncio.create_task(bus._keep_linked())
        return bus

    async def ready(self, timeout_s: float) -> None:
        """Returns once linked. Raises Unavailable when that takes longer."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._linked.wait()
        except TimeoutError as error:
            raise Unavailable("bus.down", f"no link to the broker within {timeout_s} s") from error

    async def request(self, to: Service, typ: str, frame: bytes, timeout_s: float) -> bytes:
        """One attempt. While the broker is away it waits for the link, within the same time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._linked.wait()
                link = self._link
                if link is None:
                    raise Unavailable("bus.down", "there is no link to the broker")
                return await link.request(subject_of(to, typ), frame)
        except TimeoutError as error:
            if not self._linked.is_set():
                raise Unavailable("bus.down", f"no link to the broker within {timeout_s} s") from error
            raise Unavailable("bus.timeout", f"no answer from {to} within {timeout_s} s") from error

    async def serve(self, typ: str, handler: Handler) -> None:
        incoming = self._served[typ] = self._incoming(handler)
        if self._link is not None:
            await self._subscribe(self._link, typ, incoming)

    async def close(self) -> None:
        """Stops listening at once, lets running handlers finish for a few seconds, then leaves."""
        if self._keeper is not None:
            await _cancelled(self._keeper)
        if self._link is not None:
            await self._link.deafen()
        if self._acting:
            await asyncio.wait(set(self._acting), timeout=_FINISH_S)
        for task in self._acting:
            task.cancel()
        self._linked.clear()
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _keep_linked(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), PAUSE_MIN_S
        servers = self._address.servers()
        random.shuffle(servers)
        for attempt in count(1):
            began_s = loop.time()
            try:
                await self._one_link(servers[attempt % len(servers)])
            except KeepcoolError as error:
                self._watch.lost(self._service, error.public)
            if loop.time() - began_s > _STEADY_S:
                pause_s = PAUSE_MIN_S
            if attempt % len(servers) == 0:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _one_link(self, server: str) -> None:
        link = await Link.connected(self._address, server, self._service, self._watch)
        self._link = link
        try:
            for typ, incoming in list(self._served.items()):
                await self._subscribe(link, typ, incoming)
            self._linked.set()
            self._watch.linked(self._service, server)
            await link.ended()
        except asyncio.CancelledError:
            raise  # close() closes the link, after the handlers
        except BaseException:
            await self._unlink(link)
            raise
        await self._unlink(link)
        raise Unavailable("bus.lost", "the link to the broker was lost")

    async def _unlink(self, link: Link) -> None:
        self._linked.clear()
        self._link = None
        await link.close()

    async def _subscribe(self, link: Link, typ: str, incoming: Incoming) -> None:
        try:
            await link.subscribe(subject_of(self._service, typ), self._service.value, incoming)
        except (NatsError, OSError, TimeoutError) as error:
            link.lost.set()
            raise Unavailable("bus.lost", "the link was lost while subscribing") from error

    def _incoming(self, handler: Handler) -> Incoming:
        slots = asyncio.Semaphore(self._handlers_max)

        async def incoming(message: Msg) -> None:
            await slots.acquire()  # back-pressure: nothing more of this type is taken off the wire
            task = asyncio.create_task(self._act(handler, message))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)
            task.add_done_callback(lambda _: slots.release())

        return incoming

    async def _act(self, handler: Handler, message: Msg) -> None:
        try:
            answer = await handler(message.data)
            link = self._link
            if answer is not None and message.reply and link is not None:
                await link.publish(message.reply, answer)
        except Exception as error:  # noqa: BLE001 - one bad message must not stop the others
            self._watch.dropped(self._service, type(error).__name__)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Ends a task. Asked more than once, because the client's own waits can swallow a cancellation
    (`asyncio.wait_for` before Python 3.12)."""
    for _ in range(_CANCELS_MAX):
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)
        if done:
            return
