"""People decide at the desk, each with a security key in a browser; thieves of all but keys do not."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from keepcool.client.models import Withdrawal
from keepcool.core.intent import parse_intent
from keepcool.core.registry import WalletRecord
from keepcool.wire import proofs
from keepcool.wire.messages import Declined, Failure, NewWallet, SignItem
from keepcool.wire.reviews import ApprovalsAnswer, SubmitApprovals
from tests.fixtures.browser import WAIT_MS, Person, everywhere, wider
from tests.fixtures.chain import NETWORK
from tests.fixtures.deskhands import (
    FORCE,
    arrived,
    compact,
    decide,
    enrolled,
    forge,
    freeze,
    kinds,
    proof_json,
    refused_to_enter,
    sign_an_order,
    touches,
    until_focused,
)
from tests.fixtures.deskhouse import DeskHouse, desk_house
from tests.fixtures.installation import COIN, eventually
from tests.fixtures.red_app import PROFILE, SIGNERS, RedApp, payment

pytestmark = pytest.mark.live
KEEPCOOL = Path(sys.executable).parent / "keepcool"
ALICE = "alice"


@pytest.fixture(scope="module")
def stand(request: pytest.FixtureRequest) -> Iterator[DeskHouse]:
    failed_before = request.session.testsfailed
    with desk_house(lambda: request.session.testsfailed > failed_before) as made:
        yield made


def ended(stand: DeskHouse, withdrawal: str) -> Withdrawal:
    return stand.house.client.settled(withdrawal, WAIT_MS / 1000, reviewed=True)


def test_a_key_is_made_and_two_administrators_let_it_in(stand: DeskHouse) -> None:
    """The page shows the lines for the policy and grants nothing; the second administrator reads at the desk
    what would change, signs for both signers, and then the new key signs in."""
    alice = stand.watching.person(stand.origin)
    alice.go("/enrol")
    alice.page.fill("#name", ALICE)
    alice.page.click("#enrol button")
    expect(alice.page.locator("#lines")).to_contain_text("[approvers.alice]", timeout=WAIT_MS)
    lines = tomllib.loads(alice.page.inner_text("#lines"))["approvers"][ALICE]
    assert refused_to_enter(stand, alice, lines["credential"]) == "desk.key"
    stand.propose(lambda policy: let_in(policy, lines, stand.wallets[0].record.owner))
    root2 = stand.person("root2")
    root2.go("/orders")
    expect(root2.page.locator(".diff .new").filter(has_text=lines["key"])).to_have_count(2)
    proposed = {"orders-open": lambda: root2.go("/orders")}
    assert everywhere(stand.watching, root2, proposed, ("en",)) == []
    for _ in range(2):
        sign_an_order(root2)
    eventually(lambda: in_force(stand, root2), "the policies do not take effect")
    eventually(lambda: known(alice) == 4, "the desk does not learn of the new key")
    alice.sign_in()
    stand.people[ALICE] = alice


def let_in(policy: dict[str, Any], lines: dict[str, Any], asker: str) -> None:
    """Alice with her key; and Bob is the same person as the one who asks for payments."""
    policy["approvers"][ALICE] = lines
    policy["approvers"]["bob"]["owner"] = asker


def in_force(stand: DeskHouse, who: Person) -> bool:
    """Both orders are carried out, as the desk lists them."""
    return who.context.request.get(f"{stand.origin}/orders").text().count("<dd>done.") == 2


def known(who: Person) -> int:
    """How many security keys the desk would let in; asked rarely, for these questions are counted."""
    time.sleep(1)
    asked = who.context.request.post(
        f"{who.origin}/api/sign-in/begin", data={}, headers={"Origin": who.origin}
    )
    return len(asked.json()["credentials"])


def test_a_payment_is_read_and_approved_by_the_keyboard_alone(stand: DeskHouse, tmp_path: Path) -> None:
    """Signing in, opening, reading, approving: no mouse. What the page says is what `keepcool inspect` finds
    in the downloaded bytes; the chain pays."""
    withdrawal, to = stand.ask(300)
    alice = stand.people[ALICE]
    intent = stand.hash_of(withdrawal)
    page = alice.page
    page.click("form[action='/sign-out'] button")
    arrived(page, "#sign-in")
    until_focused(page, "#sign-in")
    page.keyboard.press("Enter")
    arrived(page, "table.queue")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    arrived(page, "#does")
    assert page.url.endswith(intent)
    shown = compact(page, "[aria-labelledby=does]")
    assert to in page.inner_text("[aria-labelledby=does]")  # as it is copied
    assert "300ETH" in shown
    assert inspected(page, tmp_path) == {"to": to, "units": str(300 * COIN), "digest": digest(page)}
    page.keyboard.press("d")
    until_focused(page, "#reason")
    page.keyboard.type("called the customer")
    until_focused(page, "#decide button[value=approve]")
    page.keyboard.press("Enter")
    until_focused(page, "#statement [data-do=sign]")
    page.keyboard.press("Enter")
    expect(page.locator("#statement-results li.good")).to_have_count(2, timeout=WAIT_MS)
    assert ended(stand, withdrawal).state == "confirmed"
    assert stand.house.chain.balance(to) == 300 * COIN


def digest(page: Page) -> str:
    """What the wallet's keys sign, as the page says."""
    return re.sub(r"\s", "", page.inner_text("[aria-labelledby=compare] dl >> nth=0")).split("sign")[-1]


def inspected(page: Page, folder: Path) -> dict[str, str]:
    """The command of the page over the draft of the page."""
    with page.expect_download() as begun:
        page.locator("a[download]").focus()
        page.keyboard.press("Enter")
    begun.value.save_as(folder / begun.value.suggested_filename)
    words = shlex.split(page.inner_text("[aria-labelledby=compare] pre"))
    run = subprocess.run([str(KEEPCOOL), *words[1:]], cwd=folder, capture_output=True, text=True, check=True)
    found = re.search(r"Pays +(\d+) of \S+ to (\S+)", run.stdout)
    hashed = re.search(r"SafeTx hash +0x([0-9a-f]{64})", run.stdout)
    assert found, run.stdout
    assert hashed, run.stdout
    return {"to": found[2], "units": found[1], "digest": hashed[1]}


def test_what_is_rejected_is_refused_with_the_reason(stand: DeskHouse) -> None:
    """One rejection ends it: the coins are free, and the customer is told why."""
    withdrawal, to = stand.ask(150)
    page = stand.person("carol").page
    page.goto(f"{stand.origin}/items/{stand.hash_of(withdrawal)}")
    decide(page, "reject", "неизвестен клиенту")
    told = ended(stand, withdrawal)
    assert (told.state, stand.house.chain.balance(to)) == ("refused", 0)
    assert "rejected by carol: неизвестен клиенту" in told.reason


def test_three_alike_are_approved_with_one_touch(stand: DeskHouse) -> None:
    """Found by the filter, chosen, decided together: the key is touched once, and each is paid."""
    asked = [stand.ask(200, place) for place in range(3)]
    for withdrawal, _ in asked:
        stand.hash_of(withdrawal)
    alice = stand.people[ALICE]
    page = alice.page
    page.goto(f"{stand.origin}/?asset={stand.house.eth}&least=200&most=200")
    expect(page.locator("input[name=chosen]")).to_have_count(3)
    for box in page.locator("input[name=chosen]").all():
        box.check()
    before = touches(alice)
    decide(page, "approve", "monthly payouts")
    assert touches(alice) == before + 1
    for withdrawal, to in asked:
        assert ended(stand, withdrawal).state == "confirmed"
        assert stand.house.chain.balance(to) == 200 * COIN


def test_nobody_approves_what_he_asked_for(stand: DeskHouse) -> None:
    """Bob's page has no button for it and the desk drafts him nothing; with the page forced and his key
    genuinely touched it still waits: no signer counts it. Somebody else's word does."""
    withdrawal, to = stand.ask(250)
    intent = stand.hash_of(withdrawal)
    bob = stand.person("bob")
    bob.go(f"/items/{intent}")
    expect(bob.page.locator("#decision .notice")).to_contain_text("You asked for this yourself")
    assert bob.page.locator("#decide button[value=approve]").count() == 0
    wish = {"decision": "approve", "intents": [intent], "reason": "mine", "lives_s": 3600}
    status, said = bob.post("/api/statements", wish)
    assert (status, "approval.closed" in said) == (403, True)
    bob.forced(FORCE, [intent, {"decision": "approve"}])
    bob.go(f"/items/{intent}")
    why = bob.page.locator("[aria-labelledby=why]")
    expect(why).to_contain_text("nobody approves what he asked for")
    expect(why).to_contain_text("1 approval of accounting")
    told = stand.house.client.withdrawal(withdrawal)
    assert told.state == "needs_review"
    assert stand.house.chain.balance(to) == 0
    carol = stand.person("carol")
    carol.go(f"/items/{intent}")
    decide(carol.page, "approve", "known to us")
    assert ended(stand, withdrawal).state == "confirmed"
    assert stand.house.chain.balance(to) == 250 * COIN


def test_what_begins_to_wait_appears_by_itself(stand: DeskHouse) -> None:
    """Above the list, without a reload; what was on the page stays where it is."""
    carol = stand.person("carol")
    carol.go("/")
    carol.forced("() => { window.kept = true; }")
    withdrawal, _ = stand.ask(120, 1)
    line = carol.page.locator("#live .arrivals a")
    expect(line).to_contain_text("120 ETH", timeout=WAIT_MS)
    assert carol.forced("() => window.kept") is True
    assert str(line.get_attribute("href")).endswith(stand.hash_of(withdrawal))


def test_a_stolen_session_reads_and_decides_nothing(stand: DeskHouse) -> None:
    """Cookie and token in another browser show what waits; a decision signed by a key of the thief's is
    refused by the desk, and by both signers where the desk is passed by; signed out, the cookie is dead."""
    intent = stand.hash_of(stand.ask(130, 2)[0])
    alice, thief = stand.people[ALICE], stand.watching.person(stand.origin, key=False)
    thief.steal(alice)
    thief.go(f"/items/{intent}")
    assert "130ETH" in compact(thief.page, "[aria-labelledby=does]")
    wish = {"decision": "approve", "intents": [intent], "reason": "stolen", "lives_s": 3600}
    status, said = thief.post("/api/statements", wish)
    assert status == 200
    forged = forge(stand, json.loads(said)["statements"])
    body = {"statements": json.loads(said)["statements"], "proof": proof_json(forged)}
    status, said = thief.post("/api/decisions", body)
    assert (status, json.loads(said)["code"]) == (403, "proof.signature")
    stand.forged.append(proofs.encode(forged))
    alice.go("/")
    alice.page.click("form[action='/sign-out'] button")
    expect(alice.page.locator("#sign-in")).to_be_visible()
    thief.go("/")
    expect(thief.page.locator("#sign-in")).to_be_visible()
    assert thief.post("/api/statements", wish, token="0" * 64)[0] == 401


def test_other_sites_and_other_tabs_change_nothing(stand: DeskHouse) -> None:
    """A form of another site does not even carry the session; a call with another origin or without the
    session's token is refused."""
    carol = stand.person("carol")
    carol.go("/")
    token = carol.token
    evil = carol.context.new_page()
    target = f"{stand.origin}/sign-out-everywhere"
    form = f'<form method=post action="{target}"><input name=token value={token}></form>'
    evil.route("http://evil.example/", lambda route: route.fulfill(content_type="text/html", body=form))
    evil.goto("http://evil.example/")
    with evil.expect_navigation() as answered:
        evil.evaluate("() => document.forms[0].submit()")
    assert answered.value is not None
    assert answered.value.status == 403
    evil.close()
    wish = {"decision": "reject", "intents": ["00" * 32], "reason": "no", "lives_s": 3600}
    assert "request.origin" in carol.post("/api/statements", wish, token, Origin="http://evil.example")[1]
    assert "session.token" in carol.post("/api/statements", wish, "")[1]
    carol.go("/")
    expect(carol.page.locator("table.queue")).to_be_visible()


def test_both_signers_refuse_what_the_desk_would_have(stand: DeskHouse) -> None:
    """Carried to them by whoever owns App: the decision signed with the thief's key is taken by neither."""
    stand.house.stop("app")
    codes = list[str]()

    async def carry(red: RedApp) -> None:
        for signer in SIGNERS:
            answer = await red.exchange.ask(signer, "approvals.v1", SubmitApprovals(items=stand.forged), 20)
            assert isinstance(answer, ApprovalsAnswer)
            codes.extend(one.problem.code for one in answer.items if isinstance(one, Failure))

    stand.as_app(carry)
    assert codes == ["proof.signature"] * 2


EVIL = """<img src=x onerror=alert(1)>'"><script>alert(2)</script>{{7*7}}"""


def test_whatever_others_wrote_is_shown_as_text(stand: DeskHouse) -> None:
    """The owner's name as App in an attacker's hands registered it, an approver's reason, a freeze's, what is
    searched for, where one is led on, the browser's own name: none is ever markup."""

    async def register(red: RedApp) -> None:
        new = NewWallet(wallet=f"w-{red.entropy(8).hex()}", network=NETWORK, profile=PROFILE, owner=EVIL)
        [record] = await red.issued([new])
        for signer in SIGNERS:
            [said] = await red.sign(signer, [asking(red, record)])
            assert isinstance(said, Declined)
            assert said.review, said

    fixed: list[SignItem] = []

    def asking(red: RedApp, record: WalletRecord) -> SignItem:
        fixed[:] = fixed or [payment(red, record, 0, 400 * COIN)]
        return fixed[0]

    stand.as_app(register)
    intent = parse_intent(fixed[0].intent).hash()
    carol = stand.person("carol")
    eventually(lambda: stand.listed(intent), "the desk does not list it")
    stand.evil = intent
    carol.go(f"/items/{intent}")
    decide(carol.page, "approve", EVIL)
    freeze(stand.person("root2"), EVIL)
    for path in (
        f"/items/{intent}",
        "/",
        "/orders",
        f"/?text={quote(EVIL)}",
        f"/past?text={quote(EVIL)}&state=any",
    ):
        carol.go(path)
        assert carol.page.locator("img[src=x], main script").count() == 0
        assert EVIL in carol.page.locator("body").inner_text() or EVIL in searched(carol.page), path
    stranger = stand.watching.person(stand.origin, user_agent=EVIL)
    for path in (f"/sign-in?next={quote(EVIL)}", f"/items/{quote(EVIL)}", f"/{quote(EVIL)}"):
        with stand.watching.expecting("404", "422"):
            stranger.go(path)
        assert stranger.page.locator("img[src=x], main script").count() == 0


def searched(page: Page) -> str:
    return (
        page.locator("input[type=search]").input_value() if page.locator("input[type=search]").count() else ""
    )


def test_what_is_wrong_is_seen(stand: DeskHouse) -> None:
    """The twin of the next two: a picture without words, colours too pale, a wide box, an inline style and
    an error on the page are all noticed."""
    page = stand.watching.person(stand.origin).page
    page.goto(f"{stand.origin}/sign-in")
    assert stand.watching.judged(page) == []
    before = len(stand.watching.complaints)
    page.evaluate(SPOILED)
    found = " ".join(stand.watching.judged(page))
    assert "image-alt" in found
    assert "color-contrast" in found
    assert "px" in wider(page)
    eventually(lambda: noticed(stand, page, before), "the console is not heard")
    del stand.watching.complaints[before:]


SPOILED = """() => {
  const box = document.createElement("p");
  const script = document.createElement("style");
  const picture = document.createElement("img");
  box.textContent = "pale";
  box.style.color = "#ddd";
  box.style.width = "3000px";
  script.textContent = "p { color: red }";
  document.getElementById("content").append(picture, box, script);
  setTimeout(() => { throw new Error("spoiled"); });
}"""


def noticed(stand: DeskHouse, page: Page, before: int) -> bool:
    page.evaluate("() => 0")  # what the browser has to tell is told meanwhile
    told = " ".join(stand.watching.complaints[before:])
    return "CSP style-src-elem inline" in told and "spoiled" in told


def test_every_page_is_clean_for_everybody(stand: DeskHouse) -> None:
    """axe-core finds nothing and nothing is wider than the screen: every page kind, English and Russian,
    light and dark, phone and desktop. The pictures are kept."""
    alice = stand.people[ALICE]
    alice.sign_in()
    wrong = everywhere(stand.watching, alice, kinds(stand, alice), ("en", "ru"))
    root2 = stand.person("root2")
    wrong += everywhere(stand.watching, root2, {"orders": lambda: root2.go("/orders")}, ("en", "ru"))
    nobody = stand.watching.person(stand.origin)
    outside = {"sign-in": lambda: nobody.go("/sign-in"), "enrol": lambda: enrolled(nobody)}
    wrong += everywhere(stand.watching, nobody, outside, ("en", "ru"))
    assert wrong == []


def test_nothing_was_complained_about(stand: DeskHouse) -> None:
    """Over all of the above no page broke its own Content Security Policy or wrote an error."""
    assert stand.watching.complaints == []
