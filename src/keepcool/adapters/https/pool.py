"""A few keep-alive TLS connections to one server, for blocking callers in threads.

Every call has a timeout; only a connection that failed is tried again, a bounded number of times, so every
call must be safe to repeat. Answers have a size limit. Errors name the keystore, which is all that is asked.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from urllib.parse import urlsplit

from keepcool.adapters.https.line import BadAnswerError, Line, connected
from keepcool.core.errors import Refused, Unavailable

_ATTEMPTS = 3
_PAUSE_S = 0.05
_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_IDLE_MAX = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes


class Pool:
    """Thread-safe. Certificates are verified against the one CA file, or what this host trusts."""

    def __init__(
        self,
        url: str,
        ca: Path | None,
        timeout_s: float,
        port: int = 443,
        oldest: int = ssl.TLSVersion.TLSv1_2,
    ) -> None:
        """`port`: where the URL names none; `oldest`: TLS. Raises Refused when the URL is not https or the CA
        file cannot be read."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
            raise Refused("keystore.url", f"keystore.url: {url!r} is not of the form https://host:port")
        self.url, self.host = url, parts.hostname
        self._port, self._timeout_s = parts.port or port, timeout_s
        self._tls = _tls(ca, oldest)
        self._idle: LifoQueue[Line] = LifoQueue(_IDLE_MAX)

    @property
    def named(self) -> str:
        """As the Host header says it."""
        return self.host if self._port == 443 else f"{self.host}:{self._port}"

    def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Raises Unavailable when there is no answer in time."""
        problem: OSError | BadAnswerError | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE_S * attempt)
            try:
                return self._exchange(method, path, body, headers)
            except TimeoutError as error:
                raise self._unreachable(f"no answer within {self._timeout_s:g} s") from error
            except (OSError, BadAnswerError) as error:
                self.close()  # what broke one idle connection broke its neighbours
                problem = error
        raise self._unreachable(_said(problem)) from problem

    def close(self) -> None:
        """Closes idle connections; a later call opens new ones."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def _take(self) -> Line:
        try:
            return self._idle.get_nowait()
        except Empty:
            return connected(self.host, self._port, self._timeout_s, self._tls, self.named)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        line = self._take()
        try:
            answer = line.ask(method, path, body, headers, _ANSWER_BYTES_MAX)
        except BaseException:
            line.close()
            raise
        if not answer.reusable or self._idle.full():
            line.close()
        else:
            self._idle.put(line)
        return Reply(answer.status, answer.body)

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable(
            "keystore.unreachable", f"the keystore at {self.url} does not answer ({why}); is it running?"
        )


def _tls(ca: Path | None, oldest: int) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        raise Refused("keystore.ca", f"keystore.ca: cannot read {ca}: {error}") from error
    context.minimum_version = ssl.TLSVersion(oldest)
    return context


def _said(problem: OSError | BadAnswerError | None) -> str:
    match problem:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not from our CA: {problem.verify_message}"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "its name is unknown"
        case BadAnswerError():
            return str(problem)
    return type(problem).__name__
