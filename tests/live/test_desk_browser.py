"""The desk in a browser before signers that lie: markup in every field, differences, ten thousand items."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from keepcool.wire.messages import VerdictItem
from keepcool.wire.reviews import PastDraft, SeenDestination, WindowUse
from tests.fixtures.browser import WAIT_MS, Person, Watched, everywhere, watched
from tests.fixtures.deskhouse import RP_ID, at_desk
from tests.fixtures.deskprocess import DeskProcess, running_desk
from tests.unit.desk import samples

pytestmark = pytest.mark.live
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"
MANY = 10_000


@dataclass
class Stand:
    desk: DeskProcess
    watching: Watched
    alice: Person


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with running_desk() as desk, watched() as watching:
        desk.cooler.frozen = [EVIL]
        alice = watching.person(desk.origin)
        alice.plug_in(at_desk("alice", desk.origin), RP_ID)
        alice.sign_in()
        yield Stand(desk, watching, alice)


def lie(name: str, **summary: Any) -> dict[str, Any]:
    """Every text a signer may be told to say, as an attacker would write it."""
    of = samples.intent(name)
    given = [samples.given(EVIL, EVIL, EVIL), samples.given("bob", "approve", EVIL)]
    told = samples.summary(of, owner=EVIL, tier=EVIL, needs=[EVIL], approvals=given, **summary)
    return {
        "summary": told,
        "verdicts": [VerdictItem(rule=EVIL, outcome=EVIL, reason=EVIL)],
        "hints": [EVIL],
        "user_key": EVIL,
        "destinations": [SeenDestination(recipient=EVIL, first_s=1, times=1)],
        "history": [PastDraft(at_s=1, intent_hash="00" * 32, recipients=[EVIL], spent={EVIL: "1"})],
        "windows": [WindowUse(asset=EVIL, window=EVIL, of=EVIL, spent=EVIL, cap=EVIL)],
    }


def test_what_lying_signers_say_is_text_and_closes_approval(stand: Stand) -> None:
    """Owner, tier, needs, names, decisions, reasons, rules, hints, addresses, windows, frozen places: shown
    as text and nothing runs; as the sources differ there is no way to approve."""
    alice, desk = stand.alice, stand.desk
    hashed = desk.wait("evil", **lie("evil"))
    alice.go(f"/items/{hashed}")
    expect(alice.page.locator("#differences")).to_be_visible()
    assert alice.page.locator("#decide button[value=approve]").count() == 0
    assert alice.page.locator("body").inner_text().count(EVIL) > 10
    until_listed(alice, hashed)
    for path in ("/", f"/items/{hashed}", "/orders", "/past?state=any"):
        alice.go(path)
        assert EVIL in alice.page.locator("body").inner_text(), path
        assert alice.page.locator("img[src=x], body script").count() == 0, path
    shown = {"differences": lambda: alice.go(f"/items/{hashed}")}
    assert everywhere(stand.watching, alice, shown, ("en", "ru")) == []


def until_listed(who: Person, hashed: str, path: str = "/") -> None:
    end = time.monotonic() + WAIT_MS / 1000
    while not who.page.locator(f"tr[data-hash='{hashed}']").count():
        assert time.monotonic() < end, "it is not listed"
        who.go(path)


def test_ten_thousand_wait_and_the_list_is_there(stand: Stand) -> None:
    """All are counted, fifty are shown, one is found among them, and news reaches the open page."""
    alice, desk = stand.alice, stand.desk
    intents = [samples.intent(f"many-{number}", units=10**18 + number) for number in range(MANY)]
    many = [
        samples.summary(one, owner=f"user-{place % 700}", sequence=1_000 + place)
        for place, one in enumerate(intents)
    ]
    alice.go("/")  # before they wait: a page that shows them all already has no news
    desk.cooler.past = many
    expect(alice.page.locator("#live .arrivals a").first).to_be_visible(timeout=WAIT_MS)
    until_listed(alice, intents[-1].hash())
    expect(alice.page.locator("table.queue tbody tr")).to_have_count(50)
    until_listed(alice, intents[4321].hash(), "/?text=many-4321")
    expect(alice.page.locator("table.queue tbody tr")).to_have_count(1)


def test_nothing_was_complained_about(stand: Stand) -> None:
    """No page broke its own Content Security Policy, asked for a dialog or wrote an error."""
    assert stand.watching.complaints == []
