"""The keystore's answers: read to their end, never beyond it, and anything else is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from keepcool.adapters.https.line import BadAnswerError, Line

OK = b"HTTP/1.1 200 OK\r\n"
PATIENCE_S = 60


@pytest.fixture
def ends() -> Iterator[tuple[Line, socket.socket]]:
    """A line, and the other end of it."""
    near, far = socket.socketpair()
    near.settimeout(PATIENCE_S)
    far.settimeout(PATIENCE_S)
    yield Line(near, "keystore:8200"), far
    near.close()
    far.close()


def ask(line: Line, most: int = 100) -> tuple[int, bytes, bool]:
    answer = line.ask("POST", "/v1/x", b"{}", {"X-Vault-Token": "t"}, most)
    return answer.status, answer.body, answer.reusable


def test_a_request_is_one_write(ends: tuple[Line, socket.socket]) -> None:
    """Head, headers and body leave together, with the body's length."""
    line, far = ends
    far.sendall(OK + b"Content-Length: 2\r\n\r\nhi")
    assert ask(line) == (200, b"hi", True)
    assert far.recv(4096) == (
        b"POST /v1/x HTTP/1.1\r\nHost: keystore:8200\r\nX-Vault-Token: t\r\nContent-Length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", (200, b"", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length:  2 \r\n\r\nno", (403, b"no", True)),
        (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx", (200, b"x", False)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;e=1\r\n0123456789\r\n0\r\n\r\n",
         (200, b"abc0123456789", True)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: t\r\n\r\n", (200, b"a", True)),
        (OK + b"Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n", (200, b"x", False)),
    ],
)  # fmt: skip
def test_answers_end_where_they_say(
    ends: tuple[Line, socket.socket], said: bytes, heard: tuple[int, bytes, bool]
) -> None:
    """By length or in chunks; a line with something left over is not used again."""
    line, far = ends
    far.sendall(said)
    assert ask(line) == heard


def test_an_answer_may_come_byte_by_byte(ends: tuple[Line, socket.socket]) -> None:
    """Where the network cuts makes no difference, and the next answer follows."""
    line, far = ends
    said = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for _ in range(2):
        for at in range(len(said)):
            far.send(said[at : at + 1])
        assert ask(line) == (200, b"abc", True)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        OK + b"\r\n",
        OK + b"no header\r\n\r\n",
        OK + b"X: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        OK + b"Content-Length: 101\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"a" * 100 + b"\r\n1\r\nb\r\n0\r\n\r\n",
    ],
)
def test_anything_else_is_no_answer(ends: tuple[Line, socket.socket], said: bytes) -> None:
    """Other protocols, unknown or doubled lengths, and more than was allowed are refused."""
    line, far = ends
    far.sendall(said)
    with pytest.raises(BadAnswerError):
        ask(line)


def test_an_answer_cut_off_is_an_error_of_the_network(ends: tuple[Line, socket.socket]) -> None:
    """So that the caller asks again on another line."""
    line, far = ends
    far.sendall(OK + b"Content-Length: 5\r\n\r\nhel")
    far.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        ask(line)


def test_a_header_with_a_line_end_is_never_sent(ends: tuple[Line, socket.socket]) -> None:
    """Nobody writes a second header or a second request into the first."""
    line, far = ends
    far.setblocking(False)
    with pytest.raises(BadAnswerError):
        line.ask("GET", "/v1/x", None, {"X": "a\r\nX-Vault-Token: other"}, 100)
    with pytest.raises(BlockingIOError):
        far.recv(1)
