"""One TLS connection that speaks as much HTTP/1.1 as a keystore needs: a request out, its answer in.

Laws: a request leaves in one write; an answer says its length or comes in chunks, else it is no answer;
head and body are bounded; every wait has the socket's timeout. RFC 9112. `http.client` would read the same
at several times the cost, nearly all of it for headers nobody looks at.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES_MAX = 64 * 1024
_RECEIVE_BYTES = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [^\r\n]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)")
_VISIBLE = re.compile(r"[\x20-\x7e]*")
_DIGITS, _SIZE = re.compile(rb"[0-9]{1,12}"), re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?")


class BadAnswerError(Exception):
    """What came is not an answer, or longer than allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`reusable`: another request may follow on the same line."""

    status: int
    body: bytes
    reusable: bool


def connected(host: str, port: int, timeout_s: float, tls: ssl.SSLContext, named: str) -> Line:
    """A new line to a server that is `named` so in requests. Raises OSError when the network or its TLS
    fails."""
    plain = socket.create_connection((host, port), timeout_s)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Line(tls.wrap_socket(plain, server_hostname=host), named)
    except BaseException:
        plain.close()
        raise


class Line:
    """Over a connected socket with a timeout. Whoever sees an error closes it."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self._socket, self._host, self._unread = connection, host, b""

    def ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], body_max: int
    ) -> Answer:
        """Raises OSError when the network fails, BadAnswerError on nonsense or a body beyond `body_max`."""
        self._socket.sendall(self._request(method, path, body, headers))
        status, fields = _head(self._until(b"\r\n\r\n", HEAD_BYTES_MAX))
        answer = self._body(status, fields, body_max)
        closing = fields.get(b"connection", b"").lower() == b"close"
        return Answer(status, answer, reusable=not closing and not self._unread)

    def close(self) -> None:
        self._socket.close()

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        fields = {"Host": self._host, **headers}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        for text in (path, *fields.values()):
            if not _VISIBLE.fullmatch(text):
                raise BadAnswerError("a request's path and headers are printable ASCII")
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")

    def _body(self, status: int, fields: Mapping[bytes, bytes], body_max: int) -> bytes:
        length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
        if coding is not None:
            if length is not None or coding.lower() != b"chunked":
                raise BadAnswerError("an answer of unknown length")
            return self._chunks(body_max)
        if length is not None:
            if not _DIGITS.fullmatch(length):
                raise BadAnswerError("a content length that is no number")
            return self._exactly(_bounded(int(length), body_max))
        if status in (204, 304):
            return b""
        raise BadAnswerError("an answer of unknown length")

    def _chunks(self, body_max: int) -> bytes:
        parts, left = [], body_max
        while True:
            found = _SIZE.fullmatch(self._until(b"\r\n", HEAD_BYTES_MAX))
            if found is None:
                raise BadAnswerError("a chunk without a size")
            size = _bounded(int(found[1], 16), left)
            if size == 0:
                break
            left -= size
            parts.append(self._exactly(size))
            if self._exactly(2) != b"\r\n":
                raise BadAnswerError("a chunk longer than its size")
        while self._until(b"\r\n", HEAD_BYTES_MAX):  # trailers, which nobody asked for
            left = _bounded(left - 1, body_max)
        return b"".join(parts)

    def _until(self, end: bytes, most: int) -> bytes:
        while True:
            found, rest, after = self._unread.partition(end)
            if rest:
                self._unread = after
                return found
            if len(self._unread) > most:
                raise BadAnswerError("a head that does not end")
            self._unread += self._received()

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._unread], len(self._unread)
        while have < size:
            parts.append(self._received())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._unread = whole[size:]
        return whole[:size]

    def _received(self) -> bytes:
        some = self._socket.recv(_RECEIVE_BYTES)
        if not some:
            raise ConnectionResetError("the keystore closed the connection")
        return some


def _head(raw: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = raw.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BadAnswerError("not an answer of HTTP/1.1")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise BadAnswerError("a header that is none")
        name = found[1].lower()
        if name in (b"content-length", b"transfer-encoding") and name in fields:
            raise BadAnswerError("a length said twice")
        fields[name] = found[2].strip(b" \t")
    return int(status[1]), fields


def _bounded(size: int, most: int) -> int:
    if not 0 <= size <= most:
        raise BadAnswerError(f"an answer beyond {most} bytes")
    return size
