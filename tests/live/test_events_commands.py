"""`keepcool events` and `keepcool webhook`, and what becomes of a stream nobody reads."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.keys import Scope
from keepcool.cli.main import main
from keepcool.client.events import Events
from keepcool.client.http import Api
from tests.fixtures.installation import eventually
from tests.fixtures.receiver import receiving
from tests.unit.app.events.office import LOOPBACK
from tests.unit.app.http.running import Running, running, settings

pytestmark = pytest.mark.live
MANY, PAGE_BYTES = 6000, 2000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("events")
    impatient = msgspec.structs.replace(LOOPBACK, slow_after_s=1.0, webhook_tries_max=4)
    with running(folder, settings(folder, impatient)) as made:
        yield made


@pytest.fixture(scope="module")
def key(app: Running) -> str:
    return app.key(Scope.ADMIN)


@pytest.fixture(scope="module")
def profile(app: Running, key: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("operator")
    (folder / "key").write_text(key, encoding="ascii")
    pins = f'[pins]\nkeeper = "{"11" * 32}"\ncooler = "{"22" * 32}"\n'
    file = folder / "operator.toml"
    file.write_text(f'url = "{app.url}"\napi_key = "key"\n{pins}', encoding="utf-8")
    return str(file)


def tell(app: Running, *types: str, size: int = 0) -> list[int]:
    news = [News(typ, Subject(), {"text": "x" * size}) for typ in types]
    return [one.cursor for one in app.store.transact(lambda tx: log.append_all(tx, news, 1))]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(words) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_events_are_printed_one_to_a_line(
    app: Running, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON they are what the API gives; for people the cursor and the type stand first."""
    cursors = tell(app, "deposit.credited", "withdrawal.signed")
    after = ["--client", profile, "--after", str(cursors[0] - 1)]
    lines = said(capsys, "events", *after, "--json").splitlines()
    assert [json.loads(line)["cursor"] for line in lines] == cursors
    assert said(capsys, "events", *after, "--types", "withdrawal.*").split()[:3:2] == [
        str(cursors[1]),
        "withdrawal.signed",
    ]


def test_a_webhook_is_kept_with_commands(
    app: Running, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Added, tested, rotated, replayed, listed, removed: what is printed is what is so."""
    client = ("--client", profile)
    status = {"is": 500}
    with receiving(lambda _: status["is"]) as receiver:
        made = told(
            capsys, "webhook", "add", receiver.url, "--types", "deposit.*", "--about", "shop", *client
        )
        name = made["webhook"]["id"]
        assert made["secret"].startswith("whsec_")
        assert "500" in said(capsys, "webhook", "test", name, *client)
        (cursor,) = tell(app, "deposit.credited")
        eventually(lambda: told(capsys, "webhook", "list", *client)[0]["dead"] == 1, "it is never given up")
        (dead,) = told(capsys, "webhook", "dead", name, *client)
        assert (dead["event"]["cursor"], dead["tries"], dead["status"]) == (cursor, 4, 500)
        status["is"] = 204
        assert told(capsys, "webhook", "test", name, *client) == {"taken": True, "status": 204, "problem": ""}
        told(capsys, "webhook", "replay", name, "--dead", *client)
        eventually(lambda: told(capsys, "webhook", "list", *client)[0]["dead"] == 0, "it stays dead")
        eventually(lambda: receiver.types()[-1] == "deposit.credited", "it did not come again")
        again = told(capsys, "webhook", "rotate", name, "--overlap", "0", *client)
        assert again["secret"] != made["secret"]
        told(capsys, "webhook", "replay", name, "--after", str(cursor - 1), *client)
        eventually(lambda: receiver.got[-1].is_signed(again["secret"]), "it is not signed anew")
        assert "on " in said(capsys, "webhook", "enable", name, *client)
        said(capsys, "webhook", "remove", name, *client)
        assert told(capsys, "webhook", "list", *client) == []


def test_a_listener_that_takes_nothing_is_cut_off_and_resumes(app: Running, key: str) -> None:
    """Its place is free again, App keeps nothing for it, and by its last id it gets all the rest."""
    cursors = tell(app, *(["test.many"] * MANY), size=PAGE_BYTES)
    host, port = app.url.removeprefix("http://").split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        head = f"GET /v1/events/stream?after={cursors[0] - 1} HTTP/1.1\r\nHost: app\r\n"
        deaf.sendall(f"{head}Authorization: Bearer {key}\r\n\r\n".encode())
        eventually(lambda: app.parts.events.streams_open == 1, "it did not begin")
        eventually(lambda: app.parts.events.streams_open == 0, "it was not cut off")
    api = Api(app.url, key)
    found = []
    for one in Events(api).follow(cursors[MANY // 2]):
        found.append(one.cursor)
        if one.cursor == cursors[-1]:
            break
    api.close()
    assert found == cursors[MANY // 2 + 1 :]


def test_streams_end_when_app_does(tmp_path: Path) -> None:
    """An open stream does not hold App up: it ends with a clean end of its answer."""
    with running(tmp_path) as app:
        client = app.client(Scope.READ)
        answer = client.send(client.build_request("GET", "/v1/events/stream"), stream=True)
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        eventually(lambda: app.parts.events.streams_open == 1, "it did not begin")
        app.clients.remove(client)
    assert list(lines)[-1:] in ([""], [])
    client.close()
