"""Who may call what, what is open, and what the service tells of itself."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from keepcool.app import keys
from keepcool.app.keys import Scope
from tests.live.test_api_objects import problem
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import Running, running

pytestmark = pytest.mark.live
OPEN = {"/health", "/metrics", "/docs", "/openapi.json"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as made:
        yield made


def test_every_path_but_the_open_ones_asks_for_a_key(app: Running) -> None:
    """Walks the OpenAPI document: without a key each call under /v1 is a 401, the others answer."""
    client = app.client()
    paths = client.get("/openapi.json").json()["paths"]
    assert {path for path in paths if not path.startswith("/v1/")} == OPEN - {"/openapi.json"}
    for path, methods in paths.items():
        for method in methods:
            answer = client.request(method, path, json={} if method == "post" else None)
            if path in OPEN:
                assert answer.status_code == 200
            else:
                problem(answer, 401, "auth.missing")
                assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_does_what_its_scopes_say(app: Running) -> None:
    """Each scope opens its own calls and no other; admin opens all."""
    reader, maker, admin = app.client(Scope.READ), app.client(Scope.USERS), app.client(Scope.ADMIN)
    problem(reader.post("/v1/users", json={}), 403, "auth.scope")
    problem(maker.get("/v1/users"), 403, "auth.scope")
    made = maker.post("/v1/users", json={})
    assert made.status_code == 201
    wanted = {"network": NETWORK}
    problem(maker.post(f"/v1/users/{made.json()['id']}/wallets", json=wanted), 403, "auth.scope")
    problem(reader.get("/v1/books/check"), 403, "auth.scope")
    assert admin.get("/v1/users").status_code == 200
    assert admin.post("/v1/users", json={}).status_code == 201


def test_a_revoked_key_and_a_guess_look_the_same(app: Running) -> None:
    """Both are 401 with the same code, the moment the key is revoked."""
    client = app.client(Scope.READ)
    assert client.get("/v1/users").status_code == 200
    app.store.transact(lambda tx: keys.revoke(tx, name="read-0", now_ms=2))
    revoked = problem(client.get("/v1/users"), 401, "auth.key")
    guess = app.client().get("/v1/users", headers={"Authorization": "Bearer kc_guess"})
    assert problem(guess, 401, "auth.key") == revoked
    other = app.client().get("/v1/users", headers={"Authorization": "Basic abc"})
    problem(other, 401, "auth.missing")


def test_keys_are_not_in_the_database_nor_in_the_log(
    app: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The text of a key stands in no file of the database and in no log line."""
    caplog.set_level(logging.DEBUG)
    text = app.key(Scope.READ)
    app.client().get(f"/v1/users/{text}", headers={"Authorization": f"Bearer {text}"})
    deadline_s, logged = time.monotonic() + 60, ""
    while "request" not in logged:  # the line is written after the answer was sent
        assert time.monotonic() < deadline_s
        records = [record for record in list(caplog.records) if record.name.startswith("keepcool")]
        logged = " ".join(str(vars(record)) for record in records)
    assert text not in logged
    for file in tmp_path.iterdir():
        assert text.encode() not in file.read_bytes()


class Links(HTMLParser):
    """Everything a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe"):
            self.found.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "onload")]


def test_the_reference_needs_nothing_from_elsewhere(app: Running) -> None:
    """/docs names every path, runs no script and links only to our own document."""
    client = app.client()
    answer = client.get("/docs")
    links = Links()
    links.feed(answer.text)
    assert links.found == ["/openapi.json"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in answer.text


def test_the_service_tells_how_it_is(app: Running) -> None:
    """Health, status, networks, assets and metrics answer with what is configured and counted."""
    client = app.client(Scope.READ)
    assert client.get("/health").json() == {"status": "ok", "parts": {"database": "ok"}}
    assert client.get("/v1/status").json()["details"] == {"database": "answers"}
    assert [one["network"] for one in client.get("/v1/networks").json()["items"]] == [NETWORK]
    assert [one["symbol"] for one in client.get("/v1/assets").json()["items"]] == ["ETH", "TST"]
    client.get("/v1/users/nobody")
    counted = client.get("/metrics").text
    assert 'keepcool_http_requests_total{method="GET",route="/v1/users/{user}",status="404"} 1.0' in counted


def test_a_body_that_does_not_come_does_not_hold_the_service(app: Running) -> None:
    """While one caller announces a body and sends nothing, others are answered."""
    host, port = app.url.removeprefix("http://").split(":")
    head = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(head)
        began = time.monotonic()
        assert app.client().get("/health").status_code == 200
        assert time.monotonic() - began < 5


def test_a_body_without_a_length_is_bounded_too(app: Running) -> None:
    """A chunked body above the limit is a 413, however it is sent."""

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    answer = app.client(Scope.USERS).post("/v1/users", content=chunks())
    problem(answer, 413, "request.too_large")


def test_a_defect_is_a_bare_500(app: Running) -> None:
    """An error nobody foresaw tells no table, no path and no statement."""
    client = app.client(Scope.READ)
    app.store.transact(lambda tx: tx.exec_driver_sql("UPDATE api_key SET scopes = 'nonsense'"))
    answer = client.get("/v1/users")
    told = problem(answer, 500, "service.fault")
    assert told["detail"] == "the service failed here; try again"
    assert "nonsense" not in answer.text


def test_a_second_app_on_the_same_database_is_refused(app: Running, tmp_path: Path) -> None:
    """The database file is one App's; a second one is told so at once."""
    from keepcool.adapters.sqlite.books import open_books
    from keepcool.core.errors import Conflict

    with pytest.raises(Conflict, match="another App"):
        open_books(tmp_path / "app.sqlite")
    assert isinstance(app.client().get("/health"), httpx.Response)
