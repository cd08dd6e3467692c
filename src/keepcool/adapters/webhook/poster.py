"""Posting to a receiver's URL: resolved, judged and connected to in one motion.

Laws: the connection goes to one of the addresses that were judged (a name that resolves differently a moment
later changes nothing); no redirect is followed, no proxy used, no cookie kept; time and what is read of an
answer are bounded. A connection that is kept open stays with the address it was judged for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from keepcool.adapters.webhook.targets import Target, Targets
from keepcool.core.errors import Refused, Unavailable
from keepcool.ports.webhooks import Posted

_ANSWER_BYTES_MAX = 4096
_IDLE_S, _CONNECT_S = 20.0, 5.0
_RETRY_AFTER_S_MAX = 86_400
_AGENT = "keepcool-webhooks/1"


class HttpPoster:
    """Close it. `timeout_s` bounds a whole delivery."""

    def __init__(self, targets: Targets, timeout_s: float) -> None:
        self._targets = targets
        self._limit = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, _CONNECT_S))
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by whether they encrypt

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def check(self, url: str) -> None:
        target = self._targets.parse(url)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await _resolved(self._targets, target, socket.AF_UNSPEC)
        except (OSError, TimeoutError) as error:
            text = f"the name {target.host} does not resolve now"
            raise Unavailable("webhook.name", text) from error

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        target = self._targets.parse(url)
        sent = {**headers, "Content-Type": "application/json", "User-Agent": _AGENT}
        try:
            where = _same_place(url, target)
            session = self._session(tls=target.tls)
            async with session.post(where, data=body, headers=sent, allow_redirects=False) as answer:
                await answer.content.read(_ANSWER_BYTES_MAX)
                return Posted(answer.status, _retry_after(answer.headers.get("Retry-After", "")))
        except TimeoutError as error:
            raise Unavailable("webhook.timeout", f"no answer within {self._limit.total:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refused = _refusal(error)
            if refused is not None:
                raise refused from error
            raise Unavailable("webhook.unreached", f"it was not reached: {type(error).__name__}") from error

    def _session(self, *, tls: bool) -> aiohttp.ClientSession:
        if tls not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=0,  # callers bound what is in flight; a slow receiver must not use up others' places
                keepalive_timeout=_IDLE_S,
                use_dns_cache=False,
                resolver=_Judging(self._targets, tls=tls),
            )
            self._sessions[tls] = aiohttp.ClientSession(
                connector=connector,
                timeout=self._limit,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._sessions[tls]


class _Judging(AbstractResolver):
    """What a connection asks for addresses. It is told only those that were judged."""

    def __init__(self, targets: Targets, *, tls: bool) -> None:
        self._targets, self._tls = targets, tls

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await _resolved(self._targets, Target(host, port, self._tls), family)

    async def close(self) -> None:
        return None


async def _resolved(targets: Targets, target: Target, family: socket.AddressFamily) -> list[ResolveResult]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, family=family)
    addresses = sorted({str(where[0]) for *_, where in found})
    targets.judge(target, [ip_address(one) for one in addresses])
    return [
        ResolveResult(
            hostname=target.host,
            host=one,
            port=target.port,
            family=socket.AF_INET6 if ":" in one else socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for one in addresses
    ]


def _same_place(url: str, target: Target) -> yarl.URL:
    """For the client's own reader of URLs. Raises Refused where it reads another place than was judged."""
    where = yarl.URL(url)
    if (where.host or "").lower() != target.host or where.port != target.port:
        raise Refused("webhook.url", "this URL can be read in two ways; write it plainly")
    return where


def _refusal(error: BaseException) -> Refused | None:
    """The judgement, however deep a library has wrapped it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Refused):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _retry_after(text: str) -> int | None:
    return min(int(text), _RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else None
