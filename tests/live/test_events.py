"""Events over real HTTP: pages, the stream, and webhooks to a real receiver."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.keys import Scope
from keepcool.client.events import Events
from keepcool.client.http import Api
from keepcool.client.told import Event
from keepcool.client.webhooks import Webhooks
from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable
from tests.fixtures.installation import WAIT_S, eventually
from tests.fixtures.receiver import receiving
from tests.unit.app.http.running import Running, running

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("events")) as made:
        yield made


@pytest.fixture(scope="module")
def key(app: Running) -> str:
    return app.key(Scope.ADMIN)


@pytest.fixture
def api(app: Running, key: str) -> Iterator[Api]:
    made = Api(app.url, key)
    yield made
    for one in Webhooks(made).listed():
        Webhooks(made).remove(one.id)
    made.close()


def tell(app: Running, *types: str, **about: str) -> list[int]:
    """Their cursors."""

    def work(tx: Connection) -> list[int]:
        news = [News(typ, Subject(**about), {"n": at}) for at, typ in enumerate(types)]
        return [one.cursor for one in log.append_all(tx, news, 1_800_000_000_000)]

    return app.store.transact(work)


def last(app: Running) -> int:
    return app.store.transact(log.last_cursor)


class Follower:
    """Follows in a thread, as a program of an integrator's would."""

    def __init__(self, api: Api, after: int | None, types: tuple[str, ...] = ()) -> None:
        self.got: Queue[Event] = Queue()
        self._told = Events(api).follow(after, types)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(RuntimeError):  # its client was closed: the test is over
            for one in self._told:
                self.got.put(one)

    def next(self) -> Event:
        return self.got.get(timeout=WAIT_S)


def test_pages_give_every_event_once_in_order(app: Running, api: Api) -> None:
    """Read page by page, or on from the last cursor seen: the same events, none twice, none left out."""
    told = tell(
        app, *(f"test.t{n % 10}".translate(str.maketrans("0123456789", "abcdefghij")) for n in range(450))
    )
    found = [one.cursor for one in Events(api).after(told[0] - 1)]
    assert found == told
    assert [one.cursor for one in Events(api).after(told[-3])] == told[-2:]
    page = api.get("/v1/events", dict[str, Any], {"after": told[-1]})
    assert page == {"items": [], "next": None}


def test_a_page_is_narrowed_by_type_and_subject(app: Running, api: Api) -> None:
    """Patterns, wallets and users choose; a pattern that fits nothing is refused."""
    start = last(app)
    tell(app, "deposit.credited", "withdrawal.signed", wallet="w-7", user="u-7")
    tell(app, "deposit.credited", wallet="w-8", user="u-8")
    events = Events(api)
    assert [one.type for one in events.after(start, wallet="w-7")] == [
        "deposit.credited",
        "withdrawal.signed",
    ]
    assert len(list(events.after(start, ["deposit.*"]))) == 2
    assert len(list(events.after(start, ["deposit.*"], user="u-8"))) == 1
    with pytest.raises(Malformed):
        list(events.after(start, ["deposit.credted"]))
    with pytest.raises(Malformed):
        api.get("/v1/events", dict[str, Any], {"after": 1, "cursor": "x"})


def test_a_cursor_of_a_log_that_was_restored_is_not_waited_for(app: Running, api: Api) -> None:
    """Beyond the newest event nothing was ever told: a conflict, not an empty page or a silent stream."""
    ahead = last(app) + 1
    for ask in (lambda: list(Events(api).after(ahead)), lambda: next(Events(api).follow(ahead))):
        with pytest.raises(Conflict) as refused:
            ask()
        assert refused.value.code == "cursor.ahead"


def test_events_need_a_key_that_reads(app: Running) -> None:
    """Without a key, or with one that may only pay, nothing is told; webhooks are an admin's."""
    for path in ("/v1/events", "/v1/events/stream", "/v1/webhooks"):
        assert app.client().get(path).status_code == 401
        assert app.client(Scope.WITHDRAW).get(path).status_code == 403
    assert app.client(Scope.READ).get("/v1/webhooks").status_code == 403
    assert app.client(Scope.READ).get("/v1/events").status_code == 200


def test_a_stream_begins_where_it_is_told_and_goes_on(app: Running, api: Api) -> None:
    """What was there comes first, then what happens, in order and once; types narrow it."""
    told = tell(app, "test.before", "deposit.credited")
    all_, some = Follower(api, told[0] - 1), Follower(api, told[0] - 1, ("deposit.*",))
    assert [all_.next().cursor for _ in told] == told
    assert some.next().cursor == told[1]
    more = tell(app, "deposit.short", "test.after")
    assert [all_.next().cursor for _ in more] == more
    assert some.next().cursor == more[0]
    assert some.got.empty()


def test_a_stream_resumes_by_the_id_it_saw_last(app: Running) -> None:
    """Last-Event-ID goes before `after`, as a browser sends it; the first frame says where it stands."""
    told = tell(app, *(["test.resumed"] * 5))
    client = app.client(Scope.READ)
    headers = {"Last-Event-ID": str(told[2])}
    with client.stream("GET", "/v1/events/stream", params={"after": 0}, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        ids = _ids(answer, 3)
    assert ids == [told[2], told[3], told[4]]
    odd = client.get("/v1/events/stream", headers={"Last-Event-ID": "-1"})
    assert odd.json()["code"] == "cursor.form"


def test_an_idle_stream_is_alive(app: Running) -> None:
    """A comment comes now and then, with how far the log was read, so that a resumption skips nothing."""
    start = last(app)
    with app.client(Scope.READ).stream(
        "GET", "/v1/events/stream", params={"after": start, "types": "network.*"}
    ) as answer:
        (told,) = tell(app, "test.unwanted")
        lines = answer.iter_lines()
        assert any(line == ": alive" for line in lines)
        assert any(line == f"id: {told}" for line in lines)


def test_streams_are_counted_and_bounded(app: Running) -> None:
    """One more than may be is refused with a problem; a stream that was hung up leaves its place."""
    most = app.parts.settings.events.subscribers_max
    client, opened = app.client(Scope.READ), list[httpx.Response]()
    for _ in range(most + 1):
        asked = client.send(client.build_request("GET", "/v1/events/stream"), stream=True)
        opened.append(asked)
        if asked.status_code != 200:
            break
    assert len(opened) > 1
    assert json.loads(opened[-1].read())["code"] == "events.subscribers"
    for one in opened:
        one.close()
    eventually(lambda: app.parts.events.streams_open <= most - len(opened) + 1, "places are not given back")


def test_a_webhook_is_posted_what_it_asked_for_signed(app: Running, api: Api) -> None:
    """Only its types, in order, with the event's id; another implementation verifies every one."""
    with receiving() as receiver:
        made = Webhooks(api).add(receiver.url, ["deposit.*"], about="books")
        told = tell(app, "deposit.credited", "withdrawal.signed", "deposit.reversed")
        got = receiver.until(2)
        assert sorted(receiver.cursors()) == [told[0], told[2]]
        assert all(one.is_signed(made.secret) for one in got)
        assert not any(one.is_signed("whsec_" + "A" * 44) for one in got)
        assert {one.id for one in got} == {one.told["id"] for one in got}
        listed = Events(api).after(told[0] - 1, ["deposit.*"])
        assert {one.id for one in listed} == {one.id for one in got}
        eventually(lambda: Webhooks(api).get(made.webhook.id).delivered == 2, "not counted")
        assert Webhooks(api).get(made.webhook.id).cursor == told[2]


def test_a_secret_is_told_once_and_kept_sealed(app: Running, api: Api) -> None:
    """No other answer bears it, nor does any byte of the database's files."""
    with receiving() as receiver:
        made = Webhooks(api).add(receiver.url)
        secret = made.secret.removeprefix("whsec_")
        answers = [
            api.get("/v1/webhooks", dict[str, Any]),
            api.get(f"/v1/webhooks/{made.webhook.id}", dict[str, Any]),
        ]
        assert not any(secret in repr(answer) or "secret" in repr(answer) for answer in answers)
        file = Path(app.parts.settings.database)
        kept = b"".join(one.read_bytes() for one in file.parent.glob(file.name + "*"))
        assert base64.b64decode(secret) not in kept
        assert secret.encode() not in kept


def test_while_a_secret_is_exchanged_both_sign(app: Running, api: Api) -> None:
    """Old and new verify until the overlap ends; with none the old one ends at once."""
    hooks = Webhooks(api)
    with receiving() as receiver:
        first = hooks.add(receiver.url)
        second = hooks.rotate(first.webhook.id)
        assert hooks.test(first.webhook.id).taken
        third = hooks.rotate(first.webhook.id, 0)
        assert hooks.test(first.webhook.id).taken
        both, alone = receiver.until(2)
        assert (both.told["type"], both.told["data"]) == ("webhook.test", {"webhook": first.webhook.id})
        assert [both.is_signed(one.secret) for one in (first, second, third)] == [True, True, False]
        assert [alone.is_signed(one.secret) for one in (first, second, third)] == [False, False, True]


def test_what_fails_is_tried_again_under_the_same_id(app: Running, api: Api) -> None:
    """A receiver that is broken for a while gets everything in the end, each under one id."""
    broken = {"is": True}
    with receiving(lambda _: 500 if broken["is"] else 204) as receiver:
        made = Webhooks(api).add(receiver.url)
        told = tell(app, *(["test.again"] * 6))
        receiver.until(2)
        eventually(lambda: Webhooks(api).get(made.webhook.id).failing_since_ms is not None, "no failure")
        broken["is"] = False
        eventually(lambda: set(receiver.cursors()) == set(told), "some never came")
        eventually(lambda: Webhooks(api).get(made.webhook.id).waiting == 0, "some still wait")
        assert Webhooks(api).get(made.webhook.id).failing_since_ms is None
        ids = {one.told["cursor"]: one.id for one in receiver.got}
        assert all(one.id == ids[one.told["cursor"]] for one in receiver.got)


def test_what_is_replayed_comes_again(app: Running, api: Api) -> None:
    """From a cursor on, all of it, under the ids it had; a cursor yet to come is refused."""
    hooks = Webhooks(api)
    with receiving() as receiver:
        made = hooks.add(receiver.url)
        told = tell(app, *(["test.replay"] * 4))
        receiver.until(4)
        eventually(lambda: hooks.get(made.webhook.id).cursor == told[-1], "not done")
        hooks.replay(made.webhook.id, told[1])
        receiver.until(6)
        assert sorted(receiver.cursors()) == sorted([*told, *told[2:]])
        assert len({one.id for one in receiver.got}) == 4
        with pytest.raises(Malformed):
            hooks.replay(made.webhook.id, told[-1] + 1000)


def test_a_receiver_that_is_gone_is_switched_off_and_told_of(app: Running, api: Api) -> None:
    """410 ends it with a note that is an event itself; switched on again it goes on where it stopped."""
    hooks, status = Webhooks(api), {"is": 410}
    with receiving(lambda _: status["is"]) as receiver:
        made = hooks.add(receiver.url, ["test.gone".replace("test", "webhook"), "deposit.*"])
        told = tell(app, "deposit.credited")
        eventually(lambda: not hooks.get(made.webhook.id).active, "it stays on")
        noted = list(Events(api).after(told[0], ["webhook.disabled"]))
        assert [one.data["subject"] for one in noted] == [made.webhook.id]
        later = tell(app, "deposit.credited")
        status["is"] = 204
        hooks.enable(made.webhook.id)
        eventually(lambda: {told[0], later[0]} <= set(receiver.cursors()), "something was left out")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://user:pass@example.com/x",
        "ftp://example.com/x",
        "https://example.com/x#y",
        "https://[::ffff:10.0.0.1]/x",
        "https://0/x",
    ],
)
def test_a_target_that_is_not_public_is_refused(api: Api, url: str) -> None:
    """Neither this machine's neighbours nor odd URLs are posted to, and nothing was added."""
    with pytest.raises((Refused, Malformed, Unavailable)):
        Webhooks(api).add(url)
    assert Webhooks(api).listed() == []


def test_webhooks_are_told_apart(app: Running, api: Api) -> None:
    """The same receiver for the same types twice is a slip; unknown names are not found; removed is gone."""
    hooks = Webhooks(api)
    with receiving() as receiver:
        made = hooks.add(receiver.url, ["deposit.*"])
        with pytest.raises(Conflict):
            hooks.add(receiver.url, ["deposit.*"])
        other = hooks.add(receiver.url)
        assert [one.id for one in hooks.listed()] == [made.webhook.id, other.webhook.id]
        for one in (made, other):
            hooks.remove(one.webhook.id)
        asked: list[Callable[[str], object]] = [
            hooks.get,
            hooks.test,
            hooks.enable,
            hooks.remove,
            hooks.replay_dead,
        ]
        for ask in asked:
            with pytest.raises(Conflict):
                ask(made.webhook.id)
        told = tell(app, "deposit.credited")
        assert told
        assert receiver.got == []


def _ids(answer: httpx.Response, count: int) -> list[int]:
    found: list[int] = []
    for line in answer.iter_lines():
        if line.startswith("id: "):
            found.append(int(line[4:]))
        if len(found) == count:
            break
    return found
