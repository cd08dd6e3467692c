"""What happens is told: to a stream and to a webhook, each change once, in order, whatever dies meanwhile."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from keepcool.client import profile
from keepcool.client.api import Wallet
from keepcool.client.told import Event
from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service
from tests.fixtures.installation import COIN, House, eventually
from tests.fixtures.receiver import Receiver, receiving

pytestmark = pytest.mark.live
EVENTS = """
[events]
webhook_networks = ["127.0.0.0/8"]
webhook_wait_s_first = 0.2
webhook_wait_s_max = 1.0
"""
PAID = [
    "withdrawal.requested",
    "withdrawal.drafted",
    "withdrawal.partly_signed",
    "withdrawal.signed",
    "withdrawal.broadcast",
    "withdrawal.confirmed",
]
# what changes, as the database itself sees it: by triggers App knows nothing of
TRIGGERS = {
    "w_new": "INSERT ON withdrawal WHEN NEW.kind <> 'void' BEGIN {into}(NEW.id, 'withdrawal.' || NEW.state)",
    "w_step": "UPDATE ON withdrawal WHEN NEW.kind <> 'void' AND OLD.state_json <> NEW.state_json BEGIN "
    "{into}(NEW.id, 'withdrawal.' || CASE WHEN OLD.state = 'frozen'"
    " AND json_extract(OLD.state_json, '$.was') = NEW.state_json THEN 'thawed' ELSE NEW.state END)",
    "d_new": "INSERT ON deposit BEGIN {into}(NEW.id, 'deposit.' || NEW.state)",
    "d_step": "UPDATE ON deposit WHEN OLD.state <> NEW.state OR OLD.block_hash <> NEW.block_hash BEGIN "
    "{into}(NEW.id, 'deposit.' || NEW.state)",
    "made": "UPDATE ON wallet WHEN OLD.stage <> 'registered' AND NEW.stage = 'registered' BEGIN "
    "{into}(NEW.id, 'wallet.ready')",
    "note": "INSERT ON payout_event BEGIN {into}(NEW.subject, NEW.kind)",
    "found": "INSERT ON deposit_event BEGIN {into}(NEW.number, CASE NEW.freezes WHEN '' THEN 'alarm.raised'"
    " ELSE NEW.freezes || '.frozen' END)",
}


@dataclass
class Listening:
    """A stream followed in a thread, by a client that goes on when App was away."""

    house: House
    after: int
    got: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with (
            suppress(KeepcoolError, RuntimeError),
            profile.connect(self.house.places.operator / "operator.toml") as client,
        ):
            for one in client.events.follow(self.after):
                self.got.append(one)

    def of(self, wallet: Wallet) -> list[str]:
        return [one.type for one in list(self.got) if one.data.get("wallet") == wallet.id]


@dataclass
class Scene:
    house: House
    receiver: Receiver
    listening: Listening
    start: int
    secret: str
    webhook: str


@pytest.fixture(scope="module")
def told(house: House) -> Iterator[Scene]:
    with house.edited(Service.APP, lambda text: text + EVENTS), receiving() as receiver:
        house.stop("app")
        with _audited(house.data("app")):
            house.start("app")
            start = max((one.cursor for one in house.client.events.after()), default=0)
            made = house.client.webhooks.add(receiver.url, about="shop")
            yield Scene(house, receiver, Listening(house, start), start, made.secret, made.webhook.id)
            house.client.webhooks.remove(made.webhook.id)
            house.stop("app")
    house.start("app")


def test_a_deposit_and_a_withdrawal_are_told_step_by_step(told: Scene) -> None:
    """Stream, webhook and list tell the same exact sequence, from the address to the last confirmation."""
    house = told.house
    payer, to = house.wallet(3), house.outside()
    asked = house.client.withdraw(payer.id, house.eth, COIN, to)
    house.paid_once(asked, to, COIN)
    wanted = ["wallet.ready", "deposit.pending", "deposit.credited", *PAID]
    eventually(lambda: wanted[-1] in told.listening.of(payer), "the stream did not tell")
    eventually(lambda: len(_posted(told, payer)) >= len(_listed(told, payer)), "the webhook did not tell")
    listed = _listed(told, payer)
    # sent, and then seen in a block: both are steps of being broadcast
    assert [key for key, _ in groupby(one.type for one in listed)] == wanted
    assert told.listening.of(payer) == [one.type for one in listed]
    assert [one["type"] for one in _posted(told, payer)] == [one.type for one in listed]
    assert all(one.is_signed(told.secret) for one in told.receiver.got)
    paid = listed[-1].data
    assert (paid["withdrawal"], paid["amount"], paid["to"]) == (asked.id, str(COIN), to)
    assert (paid["before"], paid["transaction"][:2], paid["user"]) == ("broadcast", "0x", payer.record.owner)
    assert listed[2].data["credited"] == str(3 * COIN)


def test_a_refusal_tells_what_each_signer_said(told: Scene) -> None:
    """Beyond the caps both say no: one event with the reasons of both."""
    house = told.house
    payer = house.wallet(1200)
    asked = house.client.withdraw(payer.id, house.eth, 1100 * COIN, house.outside())
    assert house.client.settled(asked.id, 90).state in ("refused", "needs_review")
    eventually(lambda: _last(told, payer).data.get("verdicts") is not None, "no event")
    event = _last(told, payer)
    assert event.type in ("withdrawal.refused", "withdrawal.needs_review")
    assert {one["signer"] for one in event.data["verdicts"]} == {"keeper", "cooler"}
    assert all(one["reason"] for one in event.data["verdicts"])


def test_freezing_and_thawing_are_told(told: Scene) -> None:
    """A withdrawal that an admin stops and lets go on says so, each time once."""
    house = told.house
    payer = house.wallet(2)
    house.stop("cooler")
    asked = house.client.withdraw(payer.id, house.eth, COIN, house.outside())
    path = f"/v1/withdrawals/{asked.id}"
    house.client.api.post(f"{path}/freeze", dict[str, object], {"reason": "asked by phone"})
    house.client.api.post(f"{path}/thaw", dict[str, object], {})
    house.start("cooler")
    house.confirmed(asked)
    types = [one.type for one in _listed(told, payer)]
    assert types.count("withdrawal.frozen") == types.count("withdrawal.thawed") == 1
    assert types.index("withdrawal.frozen") + 1 == types.index("withdrawal.thawed")


def test_killed_while_it_delivers_it_delivers_again_under_the_same_id(told: Scene) -> None:
    """App dies with a delivery half done: it comes again, signed anew, and nothing after it is missing."""
    house, receiver = told.house, told.receiver
    held, go_on = threading.Event(), threading.Event()
    usual = receiver.answer

    def hold(_: object) -> int:
        held.set()
        go_on.wait(60)
        return 204

    before = len(receiver.got)
    receiver.answer = hold
    payer = house.make_wallet()
    assert held.wait(60)
    house.child("app").kill9()
    receiver.answer = usual
    go_on.set()
    house.start("app")
    eventually(lambda: _count(receiver, before) >= 2, "it did not come again")
    mine = [one for one in receiver.got[before:] if one.told["data"].get("wallet") == payer.id]
    assert len({one.id for one in mine}) == 1
    assert all(one.is_signed(told.secret) for one in mine)
    eventually(
        lambda: payer.id in {one.data.get("wallet") for one in told.listening.got}, "the stream lost it"
    )
    cursors = [one.cursor for one in told.listening.got]
    assert cursors == list(range(told.start + 1, told.start + 1 + len(cursors)))


def test_every_change_was_told_exactly_once(told: Scene) -> None:
    """What the database itself saw change is what the log tells: the same changes, once each, in order."""
    told.house.stop("app")
    with closing(sqlite3.connect(told.house.data("app"))) as books:
        changes = books.execute("SELECT subject, type FROM audit ORDER BY number").fetchall()
        rows = books.execute(
            "SELECT type, data FROM event_out WHERE cursor > ? ORDER BY cursor", (told.start,)
        ).fetchall()
    told.house.start("app")
    events = [(_subject(kind, json.loads(data)), kind) for kind, data in rows]
    assert len(changes) > 20
    for subject in {one for one, _ in (*changes, *events)}:
        assert [k for s, k in events if s == subject] == [k for s, k in changes if s == subject], subject


def _subject(kind: str, data: dict[str, str]) -> str:
    place = {"withdrawal": "withdrawal", "deposit": "deposit"}.get(kind.partition(".")[0])
    if kind == "wallet.ready":
        place = "wallet"
    return str(data["alarm"] if "alarm" in data else data[place or "subject"])


def _listed(told: Scene, wallet: Wallet) -> list[Event]:
    return list(told.house.client.events.after(told.start, wallet=wallet.id))


def _last(told: Scene, wallet: Wallet) -> Event:
    return _listed(told, wallet)[-1]


def _posted(told: Scene, wallet: Wallet) -> list[dict[str, str]]:
    """By cursor, each once: deliveries of one batch may overtake one another."""
    bodies = [one.told for one in list(told.receiver.got)]
    mine = {body["cursor"]: body for body in bodies if body["data"].get("wallet") == wallet.id}
    return [mine[cursor] for cursor in sorted(mine)]


def _count(receiver: Receiver, start: int) -> int:
    return len(receiver.got) - start


@contextmanager
def _audited(database: Path) -> Iterator[None]:
    into = "INSERT INTO audit (subject, type) VALUES "
    _do(
        database,
        "CREATE TABLE audit (number INTEGER PRIMARY KEY, subject TEXT, type TEXT)",
        *(
            f"CREATE TRIGGER audit_{name} AFTER {when.format(into=into)}; END"
            for name, when in TRIGGERS.items()
        ),
    )
    try:
        yield
    finally:
        _do(database, *(f"DROP TRIGGER audit_{name}" for name in TRIGGERS), "DROP TABLE audit")


def _do(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as books, books:
        for one in statements:
            books.execute(one)
