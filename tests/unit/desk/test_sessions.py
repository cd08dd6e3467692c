"""Signing in, and what a session is worth: it reads, and decides nothing."""

from __future__ import annotations

import httpx
import pytest

from keepcool.core.errors import Unavailable
from keepcool.desk.people import Holder
from keepcool.desk.sessions import Sessions
from keepcool.desk.settings import HttpSettings, SessionSettings
from keepcool.wire.proofs import Ed25519Proof
from tests.fixtures.softkey import SoftPasskey, Touch
from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, BOB, CLERK, ROOT, Browser, House, raw
from tests.unit.wire.cast import Dice, StillClock

COOKIE = "__Host-desk"


def signed_in(house: House) -> bool:
    return len(house.parts.sessions) > 0


def test_a_cookie_is_bound_to_its_host_and_hidden_from_scripts() -> None:
    """The session's cookie is __Host-, Secure, HttpOnly and SameSite=Strict."""
    house = House()

    async def story(browser: Browser) -> None:
        answer = await browser.sign_in(ALICE)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(COOKIE + "=")
        for part in ("Secure", "HttpOnly", "Path=/", "samesite=strict"):
            assert part.lower() in cookie.lower()
        assert "domain" not in cookie.lower()

    house.run(story)


@pytest.mark.parametrize(
    "touch",
    [
        Touch(origin="https://evil.example"),
        Touch(rp_id="evil.example"),
        Touch(flags=0x01),
        Touch(typ="webauthn.create"),
        Touch(extra={"crossOrigin": True}),
    ],
)
def test_a_key_touched_elsewhere_lets_nobody_in(touch: Touch) -> None:
    """A touch for another origin, another party, without verification, of another kind or inside a frame is
    refused, and no session begins."""
    house = House()

    async def story(browser: Browser) -> None:
        answer = await browser.sign_in(SoftPasskey("alice", touch))
        assert answer.status_code == 403
        assert (await browser.get("/")).status_code == 303

    house.run(story)
    assert not signed_in(house)


def test_only_people_of_the_policy_come_in() -> None:
    """A key nobody knows is refused; the same touch by a known key is let in; so is a known Ed25519 key."""
    house = House()

    async def story(browser: Browser) -> None:
        refused = await browser.sign_in(SoftPasskey("mallory"))
        assert refused.json()["code"] == "desk.key"
        assert not signed_in(house)
        assert (await browser.sign_in(ALICE)).status_code == 200
        async with house.browser() as other:
            assert (await other.sign_in(CLERK)).json()["approver"] == "clerk"

    house.run(story)


def test_a_challenge_serves_once() -> None:
    """The same answer sent again is refused, as is an answer after its time."""
    house = House()

    async def story(browser: Browser) -> None:
        kept: list[bytes] = []

        async def tap(request: httpx.Request) -> None:
            if request.url.path.endswith("finish"):
                kept.append(request.content)

        browser.client.event_hooks = {"request": [tap]}
        assert (await browser.sign_in(ALICE)).status_code == 200
        again = await browser.client.post(
            "/api/sign-in/finish",
            content=kept[0],
            headers={"Origin": "https://desk.example", "Content-Type": "application/json"},
        )
        assert again.json()["code"] == "sign_in.challenge"

    house.run(story)


def test_who_leaves_the_policy_is_out_at_once() -> None:
    """A session of a key that Cooler's policy names no more shows nothing, and is gone."""
    house = House()

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        assert (await browser.get("/")).status_code == 200
        house.cooler.people = [one for one in house.cooler.people if one.name != "alice"]
        house.clock.at_ms += 10_000
        assert (await browser.get("/")).status_code == 303

    house.run(story)
    assert not signed_in(house)


def test_a_stolen_cookie_decides_nothing() -> None:
    """With Alice's cookie alone a thief reads, but no page's token is his, and with the token as well he has
    no key: neither statements signed by another key nor old signatures are carried to a signer."""
    house = House()
    hashed = house.wait(samples.review())
    other = house.wait(samples.review(of=samples.intent("i-2")))

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        first = await browser.statements([other])
        assert (await browser.send(ALICE, first)).status_code == 200
        async with house.browser() as thief:
            thief.client.cookies = browser.client.cookies
            assert (await thief.get("/")).status_code == 200
            without = await thief.statements([hashed])
            assert without.json()["code"] == "session.token"
            thief.token = browser.token
            drafted = await thief.statements([hashed])
            for key in (SoftPasskey("mallory"), BOB):
                assert (await thief.send(key, drafted)).status_code == 403
            assert (
                await thief.send(SoftPasskey("alice", Touch(rp_id="evil.example")), drafted)
            ).status_code == 403
            old = ALICE.proof(b"\0" * 32)
            body = {"statements": raw(drafted.json()["statements"]), "proof": old}
            assert (await thief.post("/api/decisions", body)).status_code == 403
            blank = {"statements": body["statements"], "proof": Ed25519Proof(signature=bytes(64))}
            assert (await thief.post("/api/decisions", blank)).status_code == 403

    house.run(story)
    assert house.cooler.taken == house.keeper.taken == [f"approve {other} alice"]


def test_the_key_beside_the_cookie_decides() -> None:
    """The twin: the very same requests with Alice's own key are taken by both signers."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        assert (await browser.decide(ALICE, [hashed])).status_code == 200

    house.run(story)
    assert house.cooler.taken == [f"approve {hashed} alice"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_another_sites_page_changes_nothing(origin: str) -> None:
    """A request that another site's page makes a browser send is refused, with cookie and token even: nothing
    is signed out, drafted or chosen."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        said = {"decision": "approve", "intents": [hashed], "reason": "x", "lives_s": 3600}
        for path in ("/api/statements", "/api/decisions", "/api/orders", "/sign-out", "/language"):
            answer = await browser.post(path, said, Origin=origin)
            assert answer.status_code == 403, path
        form = await browser.client.post(
            "/sign-out", data={"token": browser.token}, headers={"Origin": origin}
        )
        assert form.status_code == 403
        assert (await browser.get("/")).status_code == 200

    house.run(story)


def test_signing_out_everywhere_ends_every_session_of_the_key() -> None:
    """Two browsers of Alice are out, Bob's stays."""
    house = House()

    async def story(browser: Browser) -> None:
        async with house.browser() as second, house.browser() as third:
            for one, key in ((browser, ALICE), (second, ALICE), (third, BOB)):
                await one.sign_in(key)
            done = await browser.client.post(
                "/sign-out-everywhere",
                data={"token": browser.token},
                headers={"Origin": "https://desk.example"},
            )
            assert done.status_code == 303
            assert (await browser.get("/")).status_code == (await second.get("/")).status_code == 303
            assert (await third.get("/")).status_code == 200

    house.run(story)


def test_sessions_end_by_idleness_and_by_age_and_are_bounded() -> None:
    """Unused for a while, or used for too long, a session ends; one more than allowed ends the oldest."""
    clock, settings = StillClock(0), SessionSettings(idle_s=10, absolute_s=25, per_person_max=2, most=3)
    sessions = Sessions(settings, clock, Dice())
    house = House()
    holder = holder_of(house, "alice")
    first, _ = sessions.begin(holder)
    for _ in range(3):
        clock.at_ms += 8_000
        assert (sessions.seen(first) is None) == (clock.at_ms >= 25_000)
    clock.at_ms += 8_000
    assert sessions.seen(first) is None
    kept = []
    for _ in range(3):
        clock.at_ms += 1
        kept.append(sessions.begin(holder)[0])
    assert [sessions.seen(one) is not None for one in kept] == [False, True, True]
    sessions.begin(holder_of(house, "bob"))
    sessions.begin(holder_of(house, "root1"))
    assert len(sessions) == 3


def test_attempts_to_sign_in_are_counted() -> None:
    """Beyond so many a minute an address is told to wait; a minute later it may try again."""
    limits = HttpSettings(requests_per_minute_max=1_000, sign_ins_per_minute_max=3)
    house = House(http=limits)

    async def story(browser: Browser) -> None:
        codes = [(await browser.post("/api/sign-in/begin", {})).status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        house.clock.at_ms += 60_000
        assert (await browser.post("/api/sign-in/begin", {})).status_code == 200

    house.run(story)


def test_a_stranger_sees_nothing() -> None:
    """Without a session every page but the doors leads to the door, and the API says 401."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        pages = (
            "/",
            f"/items/{hashed}",
            f"/items/{hashed}/drafts/0",
            "/past",
            "/orders",
            "/help",
            "/past.csv",
        )
        for path in pages:
            place = (await browser.get(path)).headers["location"]
            assert place in ("/sign-in", f"/sign-in?next={path}")
        for evil in ("//evil.example", "https://evil.example", "/items/../x", "javascript:alert(1)"):
            page = await browser.get(f"/sign-in?next={evil}")
            assert 'data-next="/"' in page.text
            assert "evil" not in page.text
        for path in ("/api/queue", f"/api/items/{hashed}", "/live", "/identicon.svg?of=x", "/metrics"):
            assert (await browser.get(path, Accept="*/*")).status_code == 401

    house.run(story)


def holder_of(house: House, name: str) -> Holder:
    key = next(one.key for one in house.cooler.people if one.name == name)
    return Holder(key=key, credential="", approver=name, administrator="", groups=(), owner="")


def test_an_administrators_session_offers_no_decision() -> None:
    """An administrator who is no approver may read, and finds no form to decide with."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ROOT)
        page = await browser.get(f"/items/{hashed}")
        assert page.status_code == 200
        assert 'id="decide"' not in page.text
        assert (await browser.statements([hashed])).status_code == 403

    house.run(story)


def test_a_silent_cooler_shuts_nobody_out_at_once() -> None:
    """While Cooler does not answer, who is signed in reads on for some minutes, then no more; nothing can
    be approved meanwhile."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        house.cooler.failing = Unavailable("bus.timeout", "no answer")
        house.clock.at_ms += 60_000
        assert (await browser.get("/")).status_code == 200
        assert (await browser.statements([hashed])).status_code == 503
        house.clock.at_ms += 300_000
        assert (await browser.get("/")).status_code == 503
        house.cooler.failing = None
        house.clock.at_ms += 10_000
        assert (await browser.get("/")).status_code == 200

    house.run(story)
