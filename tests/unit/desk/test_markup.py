"""What strangers write stands in the pages as text: owners, reasons, addresses, ids, tiers, hints."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from keepcool.desk.http.headers import CONTENT_SECURITY_POLICY
from keepcool.desk.naming import Names
from keepcool.desk.pages.rendering import Renderer
from keepcool.wire.messages import VerdictItem
from keepcool.wire.reviews import PastDraft, PendingOrder, ReviewAnswer, SeenDestination, WindowUse
from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, ROOT, Browser, House, person
from tests.unit.wire.cast import StillClock

pytestmark = pytest.mark.slow

EVIL = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"
PLACES = (
    "owner", "tier", "needs", "policy_class", "rule", "outcome", "verdict", "hint", "destination", "approver",
    "decision", "reason", "history", "window", "user_key", "state",
)  # fmt: skip


class Markup(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def hostile(page: str) -> list[str]:
    """Elements and attributes that none of our templates has."""
    found = []
    for tag, attributes in Markup(page).tags:
        if tag == "script" and not (attributes.get("src") or "").startswith("/static/"):
            found.append("inline script")
        if tag == "img" and not (attributes.get("src") or "").startswith("/identicon.svg?of="):
            found.append("img")
        found += [name for name in attributes if name.startswith("on") or name == "style"]
        if tag in ("style", "iframe", "object", "base"):
            found.append(tag)
    return found


def infected(place: str) -> ReviewAnswer:
    """A signer's answer with markup in one field that somebody else may have written."""
    plain = samples.review(by=samples.record(policy_class=EVIL if place == "policy_class" else ""))
    told = plain.summary
    summary: dict[str, Any] = {
        "owner": {"owner": EVIL},
        "tier": {"tier": EVIL},
        "needs": {"needs": [EVIL]},
        "state": {"state": EVIL},
        "approver": {"approvals": [samples.given(EVIL, "approve", "fine")]},
        "decision": {"approvals": [samples.given("bob", EVIL, "fine")]},
        "reason": {"approvals": [samples.given("bob", "approve", EVIL)]},
    }
    answer: dict[str, Any] = {
        "rule": {"verdicts": [VerdictItem(rule=EVIL, outcome="denied", reason="x")]},
        "outcome": {"verdicts": [VerdictItem(rule="x", outcome=EVIL, reason="x")]},
        "verdict": {"verdicts": [VerdictItem(rule="x", outcome="denied", reason=EVIL)]},
        "hint": {"hints": [EVIL]},
        "user_key": {"user_key": EVIL},
        "destination": {"destinations": [SeenDestination(recipient=EVIL, first_s=1, times=1)]},
        "history": {"history": [PastDraft(at_s=1, intent_hash=EVIL, recipients=[EVIL], spent={EVIL: "1"})]},
        "window": {"windows": [WindowUse(asset=EVIL, window=EVIL, of=EVIL, spent=EVIL, cap=EVIL)]},
    }
    return msgspec.structs.replace(
        plain, summary=msgspec.structs.replace(told, **summary.get(place, {})), **answer.get(place, {})
    )


@pytest.mark.parametrize("place", PLACES)
def test_no_field_of_a_payment_becomes_markup(place: str) -> None:
    """Markup in any field a signer tells of stays text on every page that shows it."""
    house = House()
    hashed = house.wait(infected(place))
    seen: list[str] = []

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        for path in ("/", f"/items/{hashed}", "/past?state=any", f"/?owner={EVIL}&text={EVIL}&asset={EVIL}"):
            page = await browser.get(path)
            assert page.status_code == 200, page.text
            assert hostile(page.text) == []
            seen.append(page.text)

    house.run(story)
    assert any("&lt;script&gt;" in page for page in seen)


def test_the_same_without_escaping_is_markup() -> None:
    """The twin: with autoescaping off the same page holds a foreign script, and the test above sees it."""
    renderer = Renderer("t", Names({}), StillClock(), origin="https://desk.example", rp_id="desk.example")
    assert hostile(renderer.problem({"headers": []}, 400, EVIL, EVIL)) == []
    renderer._environment.autoescape = False
    renderer._environment.cache = None
    assert "inline script" in hostile(renderer.problem({"headers": []}, 400, EVIL, EVIL))


def test_no_field_of_an_order_or_a_person_becomes_markup() -> None:
    """An order's details, names and frozen places, and a policy's proposed text, are text on the page."""
    house = House()
    order = PendingOrder(
        order=EVIL, action="policy.propose", details={EVIL: EVIL, "service": "cooler"}, signed_by=[EVIL],
        quorum=2, effective_at_s=5, state="pending", encoded=b"x", document=EVIL.encode(),
    )  # fmt: skip
    strange = msgspec.structs.replace(order, order="other", action=EVIL, state=EVIL)
    house.cooler.orders = [order, strange]
    house.cooler.frozen = [EVIL]
    house.cooler.people = [*house.cooler.people, person(EVIL, ROOT, administrator=True)][1:]
    house.cooler.people = [one for one in house.cooler.people if one.name != "root1"]

    async def story(browser: Browser) -> None:
        assert (await browser.sign_in(ROOT)).status_code == 200
        page = await browser.get("/orders")
        assert page.status_code == 200, page.text
        assert hostile(page.text) == []
        assert page.text.count("&lt;script&gt;") > 5

    house.run(story)


def test_a_spreadsheet_runs_nothing_of_an_export() -> None:
    """Cells of the CSV that begin as formulas are made text; JSON keeps the words as they are."""
    house = House()
    waits = samples.review()
    summary = msgspec.structs.replace(waits.summary, owner='=HYPERLINK("http://evil")', state="signed")
    house.cooler.past = [summary]

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        table = await browser.get("/past.csv?state=signed")
        assert "'=HYPERLINK" in table.text
        assert ",=HYPERLINK" not in table.text
        listed = (await browser.get("/past.json?state=signed")).json()
        assert listed["items"][0]["owner"] == '=HYPERLINK("http://evil")'

    house.run(story)


def test_every_answer_forbids_what_the_pages_do_not_need() -> None:
    """Pages, errors, files and JSON all carry the strict policy and the headers beside it."""
    house = House()

    async def story(browser: Browser) -> None:
        for path in ("/sign-in", "/", "/nothing", "/static/desk.css", "/health", "/api/queue"):
            headers = (await browser.get(path)).headers
            assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert "max-age=" in headers["strict-transport-security"]
            assert headers.get_list("cache-control") in (["no-store"], ["no-cache"])

    house.run(story)
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
