"""One exchange with a node over HTTP, whole or not at all, bounded in time and size.

Laws: nothing is followed elsewhere, and no cookie kept. A URL may carry the operator's key, so it stands in
no error: what failed is told by the node's name.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from keepcool.core.errors import Unavailable

ANSWER_BYTES_MAX = 64 * 1024 * 1024
JSON = {"Content-Type": "application/json"}
USUAL = (200, 400, 404, 500)  # with which JSON-RPC's own errors come, too
_CONNECT_S_MAX = 5.0


def session(timeout_s: float, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    limit = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, _CONNECT_S_MAX))
    return aiohttp.ClientSession(connector=connector, timeout=limit, cookie_jar=aiohttp.DummyCookieJar())


async def exchanged(
    to: aiohttp.ClientSession,
    name: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> tuple[int, bytes]:
    """The status and the whole answer: to a POST, without a `body` to a GET. After any status but `USUAL` the
    connection is closed. Raises Unavailable; only with `node.unreachable` was surely nothing sent."""
    method = "GET" if body is None else "POST"
    try:
        async with to.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
            answer = await _bounded(response, name)
            if response.status not in USUAL:
                response.close()  # a node that ends waits for its connections
            return response.status, answer
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        text = f"{name} cannot be reached ({type(error).__name__}); is it running?"
        raise Unavailable("node.unreachable", text) from None
    except TimeoutError as error:
        raise Unavailable("node.timeout", f"{name} did not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable("node.lost", f"{name} broke off its answer ({type(error).__name__})") from None


async def _bounded(response: aiohttp.ClientResponse, name: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise Unavailable("node.nonsense", f"{name} gave an answer without an end")
        parts.append(part)
    return b"".join(parts)
