"""One authenticated HTTP conversation with App: bounded, typed, problems raised as keepcool's errors.

Reads are retried a few times when App does not answer; what moves money is sent under an idempotency
key, so that it may be retried too without being done twice. RFC 9457 problem documents.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import httpx
import msgspec

from keepcool.core.errors import KeepcoolError, Malformed, Unavailable, rebuild

T = TypeVar("T")
_TRIES = 3
_KIND_OF_STATUS = {400: "malformed", 413: "malformed", 422: "malformed", 409: "conflict", 404: "conflict"}


class Problem(msgspec.Struct, frozen=True):
    """What App says when it says no."""

    title: str = ""
    detail: str = ""
    code: str = ""
    kind: str = ""


class Api:
    """`url` of App and an API key. Close it, or use it in a `with` block."""

    def __init__(self, url: str, key: str, timeout_s: float = 30.0) -> None:
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_s,
            headers={"Authorization": f"Bearer {key}"},
            transport=httpx.HTTPTransport(retries=1),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, shape: type[T], query: Mapping[str, str | int | None] | None = None) -> T:
        """Raises what App reported, or Unavailable when it does not answer."""
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        for left in reversed(range(_TRIES)):
            try:
                return _shaped(self._http.get(path, params=asked), shape)
            except httpx.TransportError as error:
                if not left:
                    raise _silent(error) from error
        raise AssertionError

    def put(self, path: str, shape: type[T], body: object) -> T:
        """What may be sent twice. Raises what App reported, or Unavailable when it does not answer."""
        headers = {"Content-Type": "application/json"}
        try:
            return _shaped(self._http.put(path, content=msgspec.json.encode(body), headers=headers), shape)
        except httpx.TransportError as error:
            raise _silent(error) from error

    def post(self, path: str, shape: type[T], body: object, idempotency_key: str | None = None) -> T:
        """With an idempotency key it is sent again when App does not answer; without one it is not."""
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        for left in reversed(range(_TRIES if idempotency_key else 1)):
            try:
                answer = self._http.post(path, content=msgspec.json.encode(body), headers=headers)
                return _shaped(answer, shape)
            except httpx.TransportError as error:
                if not left:
                    raise _silent(error) from error
        raise AssertionError

    def delete(self, path: str, shape: type[T]) -> T:
        try:
            return _shaped(self._http.delete(path), shape)
        except httpx.TransportError as error:
            raise _silent(error) from error

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str], last: int | None, silent_s_max: float
    ) -> Iterator[Iterator[str]]:
        """The lines of a text/event-stream after the event `last`. Raises what App reported, and httpx's
        TransportError when it is cut off."""
        headers = {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        usual = self._http.timeout
        limit = httpx.Timeout(usual.connect, read=silent_s_max, write=usual.write, pool=usual.pool)
        with self._http.stream("GET", path, params=query, headers=headers, timeout=limit) as answer:
            if not answer.is_success:
                answer.read()
                raise _problem(answer)
            yield answer.iter_lines()


def fresh_key() -> str:
    """An idempotency key nobody has used."""
    return os.urandom(16).hex()


def _silent(error: httpx.TransportError) -> Unavailable:
    text = f"App does not answer at {_asked(error)} ({type(error).__name__}); is it running?"
    return Unavailable("client.no_answer", text)


def _asked(error: httpx.TransportError) -> str:
    """Scheme, host and port: paths may name people."""
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _shaped(answer: httpx.Response, shape: type[T]) -> T:
    if answer.is_success:
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.DecodeError as error:
            raise Malformed("client.answer", f"App's answer is not understood: {error}") from error
    raise _problem(answer)


def _problem(answer: httpx.Response) -> KeepcoolError:
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem()
    status = answer.status_code
    kind = problem.kind or _KIND_OF_STATUS.get(status, "unavailable" if status >= 500 else "refused")
    text = problem.detail or problem.title or f"App answered with status {status}"
    return rebuild(kind, problem.code or f"http.{status}", text)
