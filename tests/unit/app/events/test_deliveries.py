"""What a webhook is sent, when again, when no more: without a socket, at a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.app.events import deliveries, endpoints, log
from keepcool.app.events.deliveries import Batch, Outcome, Terms
from keepcool.app.events.endpoints import NewWebhook, Webhook
from keepcool.app.events.log import News, Subject
from keepcool.app.events.patience import Patience
from keepcool.app.payouts import notes
from keepcool.app.store import Store
from tests.unit.app.events.office import opened, sealer

pytestmark = pytest.mark.usefixtures("both_engines")

TAKEN, FAILED = Outcome(taken=True, status=204), Outcome(taken=False, status=500, problem="broken")
DAY_MS = 86_400_000
PATIENCE = Patience(first_ms=1000, most_ms=60_000, tries_max=3, disable_after_ms=DAY_MS)


def entropy(size_bytes: int) -> bytes:
    return b"\xff" * size_bytes


def none(size_bytes: int) -> bytes:
    return bytes(size_bytes)


@dataclass
class Desk:
    store: Store
    now_ms: int = 1_800_000_000_000
    patience: Patience = PATIENCE
    name: str = ""

    def add(self, *types: str) -> None:
        new = NewWebhook(url="https://shop.example/hook", types=types, about="", cursor=0)
        made, _ = self.store.transact(
            lambda tx: endpoints.add(tx, new, most=9, sealer=sealer(), entropy=entropy, now_ms=1)
        )
        self.name = made.id

    def tell(self, *types: str) -> None:
        self.store.transact(lambda tx: log.append_all(tx, [News(typ, Subject(), {}) for typ in types], 1))

    @property
    def terms(self) -> Terms:
        return Terms(self.patience, entropy, self.now_ms)

    @property
    def webhook(self) -> Webhook:
        return self.store.transact(lambda tx: endpoints.get(tx, self.name))

    def take(self, size: int = 8) -> Batch:
        return self.store.transact(
            lambda tx: deliveries.next_batch(tx, endpoints.get(tx, self.name), self.terms, size=size)
        )

    def finish(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        self.store.transact(lambda tx: deliveries.finish(tx, batch, outcomes, self.terms))

    def round(self, *outcomes: Outcome, size: int = 8) -> list[int]:
        """What was sent: cursors. One outcome stands for all."""
        batch = self.take(size)
        said = outcomes if len(outcomes) == len(batch.dues) else [outcomes[0]] * len(batch.dues)
        self.finish(batch, said)
        return [due.event.cursor for due in batch.dues]

    def waiting(self) -> tuple[int, int]:
        return self.store.transact(lambda tx: endpoints.waiting(tx, self.name))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(opened(tmp_path))
    made.add()
    yield made
    made.store.close()


def test_each_is_sent_once_in_order(desk: Desk) -> None:
    """What was taken does not come again, and what does not fit is passed over."""
    desk.store.transact(lambda tx: endpoints.remove(tx, desk.name))
    desk.add("a.*")
    desk.tell("a.b", "c.d", "a.e", "c.d")
    assert desk.round(TAKEN) == [1, 3]
    assert (desk.round(TAKEN), desk.webhook.cursor, desk.webhook.delivered) == ([], 4, 2)


def test_a_death_between_sending_and_noting_sends_again(desk: Desk) -> None:
    """A batch that was taken and never finished is the next batch again, under the same ids."""
    desk.tell("a.b", "a.c")
    first = desk.take()
    again = desk.take()
    assert [due.event.id for due in again.dues] == [due.event.id for due in first.dues]


def test_one_that_fails_does_not_hold_up_the_others(desk: Desk) -> None:
    """The rest goes on; the failed one comes again when its wait is over, and then no more."""
    desk.tell("a.b", "a.c", "a.d")
    assert desk.round(TAKEN, FAILED, TAKEN) == [1, 2, 3]
    desk.tell("a.e")
    assert desk.round(TAKEN) == [4]
    desk.now_ms += 1000
    assert desk.round(TAKEN) == [2]
    assert (desk.waiting(), desk.round(TAKEN)) == ((0, 0), [])


def test_with_one_at_a_time_order_is_kept(desk: Desk) -> None:
    """A failed one holds up what came after it, until it is taken or given up."""
    desk.tell("a.b", "a.c")
    assert desk.round(FAILED, size=1) == [1]
    desk.now_ms += 1000
    assert desk.round(TAKEN, size=1) == [1]
    assert desk.round(TAKEN, size=1) == [2]


def test_it_is_given_up_after_so_many_tries_and_can_be_tried_anew(desk: Desk) -> None:
    """Waits grow; after the last try it is dead, listed with its event and reason, and replayed on demand."""
    desk.tell("a.b")
    for wait_ms in (999, 2999):
        assert desk.round(FAILED) == [1]
        desk.now_ms += wait_ms - 1
        assert desk.round(FAILED) == []
        desk.now_ms += 1
    assert desk.round(FAILED) == [1]
    assert desk.waiting() == (0, 1)
    desk.now_ms += DAY_MS // 2
    assert desk.round(FAILED) == []
    (dead,) = desk.store.transact(lambda tx: deliveries.failed(tx, desk.name, dead=True, limit=9))
    assert (dead.event.type, dead.tries, dead.status, dead.problem) == ("a.b", 3, 500, "broken")
    desk.store.transact(lambda tx: deliveries.replay_dead(tx, desk.name, desk.now_ms))
    assert (desk.round(TAKEN), desk.waiting()) == ([1], (0, 0))


def test_while_nothing_is_taken_the_rest_waits_at_no_cost(desk: Desk) -> None:
    """A dead receiver costs a few tries, not a row for every event; all comes when it is back."""
    desk.tell(*(["a.b"] * 50))
    assert len(desk.round(FAILED)) == 8
    sent: list[int] = []
    for _ in range(5):
        desk.now_ms += 60_000
        sent += desk.round(FAILED)
    assert len(sent) <= 10
    assert sum(desk.waiting()) <= 13
    desk.now_ms += 60_000
    while desk.webhook.cursor < 50 or desk.waiting()[0]:
        sent += desk.round(TAKEN)
        desk.now_ms += 60_000
    desk.store.transact(lambda tx: deliveries.replay_dead(tx, desk.name, desk.now_ms))
    sent += desk.round(TAKEN, size=50)
    assert set(sent) | set(range(1, 9)) == set(range(1, 51))


def test_one_bad_event_does_not_starve_the_others(desk: Desk) -> None:
    """A receiver that refuses one event alone gets the rest, although each of its rounds began with it."""
    desk.tell("bad.one")
    desk.round(FAILED)
    for _ in range(3):
        desk.tell("a.b")
        desk.now_ms += 60_000
        batch = desk.take()
        desk.finish(batch, [FAILED if due.event.type == "bad.one" else TAKEN for due in batch.dues])
    assert desk.webhook.cursor == 4
    assert desk.webhook.failing_since_ms is None


def test_it_is_switched_off_after_days_and_goes_on_where_it_stopped(desk: Desk) -> None:
    """With a note, which is an event; nothing that came meanwhile is left out."""
    desk.tell("a.b", "a.b", "a.b")
    desk.round(FAILED, size=1)
    desk.now_ms += DAY_MS
    desk.round(FAILED, size=1)
    assert not desk.webhook.active
    assert "24 hours" in desk.webhook.reason
    (note,) = desk.store.transact(lambda tx: notes.list_notes(tx, limit=9))
    assert (note.kind, note.subject) == ("webhook.disabled", desk.name)
    desk.store.transact(lambda tx: endpoints.enable(tx, desk.name))
    sent = []
    for _ in range(6):
        desk.now_ms += 60_000
        sent += desk.round(TAKEN, size=1)
    assert sent == [1, 2, 3, 4]


def test_what_the_receiver_asks_for_is_waited(desk: Desk) -> None:
    """Retry-After lengthens the wait, within the bound."""
    desk.tell("a.b")
    desk.round(Outcome(taken=False, status=429, problem="slow", retry_after_s=30))
    desk.now_ms += 29_000
    assert desk.round(TAKEN) == []
    desk.now_ms += 1000
    assert desk.round(TAKEN) == [1]
    assert desk.patience.wait_ms(1, entropy, asked_s=10**6) == desk.patience.most_ms


def test_a_replay_while_a_batch_is_out_is_not_undone_by_it(desk: Desk) -> None:
    """The cursor that was set back stays back when the batch ends."""
    desk.tell("a.b", "a.c")
    assert desk.round(TAKEN) == [1, 2]
    desk.tell("a.d")
    batch = desk.take()
    desk.store.transact(lambda tx: deliveries.replay_after(tx, desk.name, 0))
    desk.finish(batch, [FAILED])
    assert (desk.webhook.cursor, desk.waiting()) == (0, (0, 0))


def test_a_webhook_removed_while_a_batch_is_out_is_gone(desk: Desk) -> None:
    """What became of its last batch is kept nowhere."""
    desk.tell("a.b")
    batch = desk.take()
    desk.store.transact(lambda tx: endpoints.remove(tx, desk.name))
    desk.finish(batch, [FAILED])
    assert desk.waiting() == (0, 0)


def test_waits_grow_and_are_never_all_the_same() -> None:
    """Three times as long each time, up to the bound, by chance between half and all of it."""
    patience = Patience(first_ms=1000, most_ms=20_000, tries_max=9, disable_after_ms=1)
    longest = [patience.wait_ms(failures, entropy) for failures in range(1, 6)]
    shortest = [patience.wait_ms(failures, none) for failures in range(1, 6)]
    assert longest == [999, 2999, 8999, 19999, 19999]
    assert shortest == [500, 1500, 4500, 10_000, 10_000]


def test_a_clock_that_was_ahead_holds_nothing_up_for_ever(desk: Desk) -> None:
    """A wait longer than any that is given is over."""
    desk.now_ms += 365 * DAY_MS
    desk.tell("a.b")
    desk.round(FAILED)
    desk.now_ms -= 365 * DAY_MS
    assert desk.round(TAKEN) == [1]
