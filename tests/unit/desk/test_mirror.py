"""The mirror of what waits: whole, current, bounded, and what the filters find in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.desk.mirror import COUNT_DIFFERS_AGAIN_MS, Mirror
from keepcool.desk.naming import Names, groups, spaced
from keepcool.desk.rows import row_of
from keepcool.desk.settings import AssetSettings
from keepcool.desk.signers import Signers
from keepcool.desk.sorting import PAGE, Order, Wanted, choices, chosen
from keepcool.wire.messages import Message
from keepcool.wire.reviews import ReviewsAnswer, ReviewsRequest, ReviewSummary
from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, Browser, House
from tests.unit.wire.cast import StillClock


class PlayCooler:
    """Answers `reviews.v1` in pages that may hold fewer than asked for."""

    def __init__(self, rows: Sequence[ReviewSummary], page: int = 7) -> None:
        self.rows, self.page, self.asked = list(rows), page, 0
        self.failing = False

    async def ask(self, to: Service, typ: str, body: Message, timeout_s: float) -> Message:  # noqa: ARG002
        self.asked += 1
        if self.failing:
            raise Unavailable("bus.timeout", "no answer")
        assert isinstance(body, ReviewsRequest)
        newest = sorted(self.rows, key=lambda one: -one.sequence)
        found = [one for one in newest if not body.before or one.sequence < body.before]
        return ReviewsAnswer(
            items=found[: min(self.page, body.limit)], waiting=len(self.rows), policy="", policy_version=1,
            head=samples.head("cooler"),
        )  # fmt: skip


def waiting(count: int, first: int = 1) -> list[ReviewSummary]:
    return [
        samples.summary(samples.intent(f"i-{one}", units=one), owner=f"user-{one % 3}", sequence=one)
        for one in range(first, first + count)
    ]


def mirror(cooler: PlayCooler) -> tuple[Mirror, StillClock]:
    clock = StillClock(1_000_000)
    return Mirror(Signers(cooler, clock, 1.0), clock), clock


def test_all_that_waits_is_read() -> None:
    """However few a page holds, the mirror has every row, the newest first, and says when it has changed."""
    cooler = PlayCooler(waiting(40))
    found, _ = mirror(cooler)

    async def story() -> None:
        await found.refresh()
        assert [row.summary.sequence for row in found.rows] == list(range(40, 0, -1))
        version = found.news.version
        assert await found.changed(version, 0.01) is None
        cooler.rows += waiting(1, 41)
        await found.refresh()
        news = await found.changed(version, 5)
        assert news is not None
        assert (news.waiting, news.gone, found.rows[0].summary.sequence) == (41, (), 41)

    asyncio.run(story())


def test_what_has_ended_leaves() -> None:
    """When Cooler counts fewer, all is read again, but not at once again: then the ended rows are named."""
    cooler = PlayCooler(waiting(40))
    found, clock = mirror(cooler)

    async def story() -> None:
        await found.refresh()
        gone = cooler.rows.pop(3)
        asked = cooler.asked
        await found.refresh()
        assert cooler.asked == asked + 1
        assert len(found.rows) == 40
        clock.at_ms += COUNT_DIFFERS_AGAIN_MS
        await found.refresh()
        assert found.news.gone == (gone.intent_hash,)
        assert len(found.rows) == 39

    asyncio.run(story())


def test_a_silent_cooler_is_said_and_asked_again() -> None:
    """While Cooler does not answer the mirror keeps what it had and says so; then it goes on."""
    cooler = PlayCooler(waiting(3))
    found, _ = mirror(cooler)

    async def story() -> None:
        await found.refresh()
        cooler.failing = True
        task = asyncio.create_task(found.keep(0.001))
        async with asyncio.timeout(90):
            await until(lambda: found.failing is not None)
            assert len(found.rows) == 3
            cooler.failing = False
            await until(lambda: found.failing is None)
        task.cancel()

    asyncio.run(story())


async def until(came: Callable[[], bool]) -> None:
    for _ in range(90_000):
        if came():
            return
        await asyncio.sleep(0.001)


ROWS = [row_of(one) for one in reversed(waiting(120))]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), list(range(120, 70, -1))),
        (Wanted(page=3), list(range(20, 0, -1))),
        (Wanted(page=99), list(range(20, 0, -1))),
        (Wanted(order=Order.OLDEST), list(range(1, 51))),
        (Wanted(asset=samples.ETH, order=Order.LARGEST), list(range(120, 70, -1))),
        (Wanted(asset=samples.ETH, least=5, most=7), [7, 6, 5]),
        (Wanted(asset="eip155:1/slip44:1"), []),
        (Wanted(owner="user-1", text="I-1"), [118, 115, 112, 109, 106, 103, 100, 19, 16, 13, 10, 1]),
        (Wanted(text=samples.ALICE.lower()), list(range(120, 70, -1))),
        (Wanted(network="eip155:5"), []),
        (Wanted(tier="small"), []),
    ],
)
def test_filters_find_what_they_say(wanted: Wanted, expected: list[int]) -> None:
    """By owner, amount, text, network and tier, in each order, page by page."""
    shown = chosen(ROWS, wanted)
    assert [row.summary.sequence for row in shown.rows] == expected
    assert len(shown.rows) <= PAGE


@pytest.mark.slow
def test_ten_thousand_rows_are_one_page() -> None:
    """With ten thousand waiting, the page shows fifty of them and counts them all."""
    house = House()

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        rows = {one.intent_hash: row_of(one) for one in waiting(10_000)}
        await house.parts.mirror._take(rows, 10_000)
        page = await browser.get(f"/?order=largest&asset={samples.ETH}&text=i-")
        assert page.text.count("<tr data-hash=") == PAGE
        assert "Waiting: 10000. Matching: 10000." in page.text

    house.run(story)
    assert choices(ROWS).assets == (samples.ETH,)


def test_bytes_that_do_not_read_are_a_row_all_the_same() -> None:
    """An intent of another release is shown as unreadable, and hides no other row."""
    row = row_of(samples.summary(samples.intent(), intent=b"{}"))
    assert row.broken
    assert row.totals == {}


def test_amounts_and_addresses_are_written_exactly() -> None:
    """No digit is lost or rounded, in or out; what is no amount is refused."""
    names = Names({samples.ETH: AssetSettings(symbol="ETH", decimals=18)})
    whole = "1\N{NARROW NO-BREAK SPACE}234"
    assert names.amount(samples.ETH, 1234 * 10**18 + 1) == f"{whole}.000000000000000001 ETH"
    assert names.amount(samples.ETH, 10**18) == "1 ETH"
    assert names.amount("x:1/y:z", 2**256) == f"{spaced(str(2**256))} × x:1/y:z"
    assert names.units(samples.ETH, " 1,5 ") == 15 * 10**17
    assert names.units(samples.ETH, "") is None
    for wrong in ("-1", "abc", "NaN", "1e999999", "Infinity"):
        with pytest.raises(Malformed):
            names.units(samples.ETH, wrong)
    assert groups("0x12345678ab") == ["0x", "1234", "5678", "ab"]
    assert "".join(groups(samples.ALICE)) == samples.ALICE
