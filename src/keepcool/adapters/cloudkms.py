"""What the KMSs of clouds have in common: one item a call, in a few threads, bound by its context.

Laws: the binding is authenticated by the KMS; a batch is opened whole or not at all; whatever the cloud does
to its key's versions it does by itself, and what it sealed before it opens still.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from keepcool.core.errors import Breach, Malformed, Refused, Unavailable
from keepcool.ports.keystore import Bound

_THREADS = 8
_REFERENCE = re.compile(r"[\x20-\x7e]{1,4096}")
_Items = Sequence[tuple[Bound, bytes]]
_T = TypeVar("_T")


class Service(Protocol):
    """One cloud's KMS: blocking, thread-safe."""

    def seal(self, bound: Bound, raw: bytes) -> bytes: ...

    def unseal(self, bound: Bound, sealed: bytes, reference: str) -> bytes:
        """Raises Breach keystore.binding when it does not belong to its binding."""

    def check(self) -> None: ...

    def close(self) -> None: ...


class CloudKeystore:
    """The port `RotatingKeystore`. `mark` begins what this kind has sealed."""

    def __init__(self, service: Service, mark: bytes, timeout_s: float) -> None:
        self._service, self._mark, self._timeout_s = service, mark, timeout_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="keystore")

    async def seal(self, items: _Items) -> list[bytes]:
        made = await self._each(items, self._service.seal)
        return [self._mark + one for one in made]

    async def unseal(self, items: _Items, reference: str) -> list[bytes]:
        """Plaintexts, in order. Raises Breach keystore.binding when one does not belong to its binding."""
        if not _REFERENCE.fullmatch(reference):
            raise Malformed("keystore.reference", "a reference is 1 to 4096 printable ASCII characters")

        def opened(bound: Bound, sealed: bytes) -> bytes:
            if not sealed.startswith(self._mark):
                raise unbound(bound, "it is none of this keystore's")
            return self._service.unseal(bound, sealed[len(self._mark) :], reference)

        return await self._each(items, opened)

    async def check(self) -> None:
        await self._in_thread(self._service.check)

    async def rewrap(self, items: _Items) -> list[bytes]:
        plain = await self.unseal(items, "rewrap")
        return await self.seal([(bound, raw) for (bound, _), raw in zip(items, plain, strict=True)])

    def version_of(self, sealed: bytes) -> int:
        """1 for all it has sealed: the cloud keeps count of its versions."""
        return int(sealed.startswith(self._mark) and len(sealed) > len(self._mark))

    async def newest(self) -> int:
        return 1

    async def rotate(self) -> int:
        raise _clouds("rotated")

    async def retire(self, below: int) -> None:
        raise _clouds(f"retired (below {below})")

    async def close(self) -> None:
        self._service.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _each(self, items: _Items, work: Callable[[Bound, bytes], bytes]) -> list[bytes]:
        done = await asyncio.gather(
            *(self._in_thread(partial(work, bound, raw)) for bound, raw in items), return_exceptions=True
        )
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return [one for one in done if isinstance(one, bytes)]

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(self._timeout_s * 4):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise Unavailable("keystore.slow", "the keystore is too slow; ask again later") from error


def unbound(bound: Bound, why: str) -> Breach:
    return Breach(
        "keystore.binding",
        f"the sealed key of {bound.wallet} on {bound.network} ({bound.purpose}) does not open under its own "
        f"binding: {why[:100]}; somebody moved or altered it",
        wallet=bound.wallet,
    )


def _clouds(done: str) -> Refused:
    return Refused(
        "keystore.operator", f"a cloud's key is {done} in the cloud; nothing needs to be rewrapped"
    )
