"""The pages: what a person sees of what waits."""

from __future__ import annotations

import pytest

from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, Browser, House


def test_a_payment_is_read_and_approved() -> None:
    """Signed in by key, a person sees the payment as its bytes read, and both signers take his decision."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        assert (await browser.sign_in(ALICE)).status_code == 200
        listed = await browser.get("/")
        assert listed.status_code == 200, listed.text
        assert "5 ETH" in listed.text
        page = await browser.get(f"/items/{hashed}")
        assert page.status_code == 200, page.text
        assert "5 ETH" in page.text
        decided = await browser.decide(ALICE, [hashed])
        assert decided.status_code == 200, decided.text
        assert [one["error"] for one in decided.json()["results"]] == ["", ""]

    house.run(story)
    assert house.cooler.taken == house.keeper.taken == [f"approve {hashed} alice"]


def test_what_ended_is_still_read() -> None:
    """Of a payment whose drafts are gone intent and decisions are shown; of an unknown one nothing."""
    house = House()
    intent = samples.intent("i-9")
    done = samples.summary(
        intent, state="signed", approvals=[samples.given("bob", "approve", "on the phone")]
    )
    house.cooler.past = [done]

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        page = await browser.get(f"/items/{intent.hash()}")
        assert page.status_code == 200, page.text
        assert "5 ETH" in page.text
        assert "on the phone" in page.text
        assert (await browser.get(f"/items/{'00' * 32}")).status_code == 404

    house.run(story)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_is_made_in_every_language(language: str) -> None:
    """All pages render with everything they know, in each language, and say which one."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        for path in ("/sign-in", "/enrol"):
            page = await browser.get(path, **{"Accept-Language": language})
            assert page.status_code == 200, page.text
            assert f'<html lang="{language}">' in page.text
        await browser.sign_in(ALICE)
        for path in ("/", "/past", "/past?state=any", "/orders", "/help", f"/items/{hashed}"):
            page = await browser.get(path, **{"Accept-Language": language})
            assert page.status_code == 200, page.text
            assert f'<html lang="{language}">' in page.text

    house.run(story)
