"""The port `Keystore` on OpenBao's or Vault's transit engine.

A key is derived per binding, and the binding is authenticated once more as associated data: a row moved
to another wallet does not open. Every opening carries a reference that stands unhashed in the keystore's
audit log. Requests hold at most a hundred items; larger batches go out side by side.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from keepcool.adapters.openbao import answers
from keepcool.adapters.openbao.capabilities import excess, questions
from keepcool.adapters.openbao.connections import Connections
from keepcool.adapters.openbao.session import AppRole, Session
from keepcool.core.errors import Breach, Malformed, Refused, Unavailable
from keepcool.ports.keystore import Bound
from keepcool.ports.settings import KeystoreSettings

REFERENCE_HEADER = "X-Keepcool-Reference"
ITEMS_MAX = 100
_THREADS = 8
_REFERENCE = re.compile(r"[\x20-\x7e]{1,4096}")
_VERSION = re.compile(rb"vault:v([1-9][0-9]{0,8}):")
_PROBE, _REWRAP = Bound("*", "*", "*", "probe"), "rewrap"
_Items = Sequence[tuple[Bound, bytes]]
_T = TypeVar("_T")


class OpenBaoKeystore:
    """One service's keystore. `close` it when the service ends."""

    def __init__(self, session: Session, key: str, forbidden_keys: Sequence[str], timeout_s: float) -> None:
        self._session, self._key, self._forbidden = session, key, tuple(forbidden_keys)
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="keystore")

    @classmethod
    def from_settings(cls, settings: KeystoreSettings, beside: Path) -> OpenBaoKeystore:
        """Files are relative to `beside`, the TOML's folder. Talks to nobody yet. Raises Refused when the
        URL or the CA file is no good."""
        connections = Connections(settings.url, beside / settings.ca, settings.timeout_s)
        session = Session(connections, AppRole(beside / settings.role_id, beside / settings.secret_id))
        return cls(session, settings.transit_key, settings.forbidden_keys, settings.timeout_s)

    async def seal(self, items: _Items) -> list[bytes]:
        """Ciphertexts, in order. Raises Unavailable or Refused."""
        return await self._in_batches(items, self._seal)

    async def unseal(self, items: _Items, reference: str) -> list[bytes]:
        """Plaintexts, in order. Raises Breach keystore.binding when one does not belong to its binding."""
        if not _REFERENCE.fullmatch(reference):
            raise Malformed("keystore.reference", "a reference is 1 to 4096 printable ASCII characters")
        return await self._in_batches(items, lambda some: self._unseal(some, reference))

    async def check(self) -> None:
        """Raises Unavailable when the keystore is away or sealed, Refused keystore.too_powerful when this
        service could do more with it than use its own key."""
        await self._in_thread(self._check)

    async def rewrap(self, items: _Items) -> list[bytes]:
        """The same under the newest version of the key, in order. transit/rewrap knows no associated data, so
        this is opening and sealing again; what is opened is sealed inside still."""
        plain = await self.unseal(items, _REWRAP)
        return await self.seal([(bound, raw) for (bound, _), raw in zip(items, plain, strict=True)])

    def version_of(self, sealed: bytes) -> int:
        """Of the key it lies sealed under; 0 for what is no ciphertext of ours."""
        found = _VERSION.match(sealed)
        return int(found[1]) if found else 0

    async def newest(self) -> int:
        """The version that seals now: this service may not read its key's versions, so it seals something."""
        (sealed,) = await self.seal([(_PROBE, b"which version seals now")])
        return self.version_of(sealed)

    async def rotate(self) -> int:
        raise _operators("rotate")

    async def retire(self, below: int) -> None:
        raise _operators(f"retire versions below {below} of")

    async def close(self) -> None:
        self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_batches(self, items: _Items, work: Callable[[_Items], list[bytes]]) -> list[bytes]:
        if len(items) <= ITEMS_MAX:
            return await self._in_thread(partial(work, items)) if items else []
        parts = [items[start : start + ITEMS_MAX] for start in range(0, len(items), ITEMS_MAX)]
        done = await asyncio.gather(*(self._in_thread(partial(work, part)) for part in parts))
        return [item for part in done for item in part]

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        """A socket's timeout bounds each read; this bounds the whole, waiting for a thread included."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s * 2):
                return await loop.run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise Unavailable("keystore.slow", "the keystore is too slow; ask again later") from error

    def _seal(self, items: _Items) -> list[bytes]:
        batch = [{"plaintext": raw, **_binding(bound)} for bound, raw in items]
        reply = self._session.post(f"transit/encrypt/{self._key}", {"batch_input": batch})
        results = answers.decoded(reply, answers.SealReply).data.batch_results
        if len(results) != len(items) or any(one.error or not one.ciphertext for one in results):
            raise Unavailable("keystore.answer", "the keystore did not seal every item; nothing was kept")
        return [one.ciphertext.encode("ascii") for one in results]

    def _unseal(self, items: _Items, reference: str) -> list[bytes]:
        batch = [{"ciphertext": raw.decode("ascii", "replace"), **_binding(bound)} for bound, raw in items]
        reply = self._session.post(
            f"transit/decrypt/{self._key}", {"batch_input": batch}, {REFERENCE_HEADER: reference}
        )
        results = answers.decoded(reply, answers.OpenReply).data.batch_results
        if len(results) != len(items):
            raise Unavailable("keystore.answer", "the keystore answered for another number of items")
        for (bound, _), one in zip(items, results, strict=True):
            if one.error:
                raise _unbound(bound, one.error)
        return [one.plaintext for one in results]

    def _check(self) -> None:
        health = self._session.health()
        if health.sealed or not health.initialized:
            raise answers.sealed()
        reply = self._session.post("sys/capabilities-self", {"paths": questions(self._key, self._forbidden)})
        if reply.status != 200:
            raise answers.refusal(reply)
        held = answers.decoded(reply, answers.CapabilitiesReply).data
        problems = excess(self._key, self._forbidden, held)
        if problems:
            raise Refused("keystore.too_powerful", "will not use this keystore: " + "; ".join(problems))


def _binding(bound: Bound) -> dict[str, bytes]:
    context = bound.context()
    return {"context": context, "associated_data": context}


def _operators(what: str) -> Refused:
    return Refused(
        "keystore.operator",
        f"a service may not {what} its own key in OpenBao: give the operator's role (--operator FOLDER)",
    )


def _unbound(bound: Bound, error: str) -> Breach:
    return Breach(
        "keystore.binding",
        f"the sealed key of {bound.wallet} on {bound.network} ({bound.purpose}) does not open under its own "
        f"binding: {error[:100]}; somebody moved or altered it",
        wallet=bound.wallet,
    )
