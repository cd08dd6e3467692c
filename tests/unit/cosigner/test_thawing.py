"""A freeze ends by a quorum, a delay and a clean report made after it, and by nothing less."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.approvals import Action
from keepcool.core.errors import Malformed, Refused
from keepcool.core.reconciliation import SeenHead, parse_report
from keepcool.cosigner import hosting, thawing
from keepcool.cosigner.freezes import place_of
from tests.unit.cosigner.order_office import (
    NAMES,
    NETWORK,
    NOW_S,
    THAW_DELAY_S,
    Office,
    document,
    opened,
    told,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keeper.sqlite"


def test_a_clean_report_a_quorum_and_the_delay_thaw(file: Path) -> None:
    """To the second; the freezes beside it stay, and so they are found again after a restart."""

    async def story() -> None:
        office = await opened(file)
        await office.frozen()
        await office.frozen("network", NETWORK)
        report = office.report()
        order = office.thaw(report)
        await office.submit(order, "anna", document=report)
        pending = await office.submit(order, "boris")
        assert (pending.state, pending.effective_at_s) == ("pending", office.now_s + THAW_DELAY_S)
        office.later(THAW_DELAY_S - 1)
        await office.ordering.settle()
        assert office.freezes.count == 2
        office.later(1)
        await office.ordering.settle()
        assert office.freezes.all() == [f"network {NETWORK} is frozen by watchtower: alarm"]
        office.store.close()
        again = await opened(file, watch=office.watch)
        assert again.freezes.all() == [f"network {NETWORK} is frozen by watchtower: alarm"]
        again.store.close()

    asyncio.run(story())


OTHERS = {"keeper": SeenHead(2, "ab" * 32), "cooler": SeenHead(7, "00" * 32)}
REPORTS: Mapping[str, tuple[dict[str, Any], str]] = {
    "a difference of one unit": ({"units": 1}, "thaw.unclean"),
    "made a second before the freeze": ({"made_at_s": NOW_S + 9}, "thaw.old_report"),
    "of a journal before the freeze": ({"sequence": 1}, "thaw.old_report"),
    "of another journal": ({"heads": OTHERS}, "thaw.heads"),
    "of a journal that goes on": ({"heads": {**OTHERS, "keeper": SeenHead(99, "ab" * 32)}}, "thaw.heads"),
    "without the other signer": ({"heads": {"keeper": OTHERS["keeper"]}}, "thaw.heads"),
    "without a network": ({"networks": ()}, "thaw.networks"),
}


@pytest.mark.parametrize("fault", REPORTS)
def test_a_report_that_shows_less_thaws_nothing(file: Path, fault: str) -> None:
    """Refused, and nothing changed; the same order with a report that is right is taken."""
    changes, code = REPORTS[fault]

    async def story(office: Office) -> None:
        office.later(10)
        await office.frozen()
        report = office.report(**changes)
        assert await office.refused(office.thaw(report), *NAMES, document=report) == code
        good = office.report()
        assert (await office.submit(office.thaw(good), *NAMES, document=good)).state == "pending"

    told(file, story)


def test_a_sum_is_computed_not_believed(file: Path) -> None:
    """Totals that do not add up are unclean although no difference is listed."""

    async def story(office: Office) -> None:
        await office.frozen()
        report = office.report().replace(b'"chain":"100"', b'"chain":"99"')
        assert parse_report(report).totals[0].difference == -1
        assert await office.refused(office.thaw(report), *NAMES, document=report) == "thaw.unclean"

    told(file, story)


def test_the_report_is_the_one_that_was_signed_for(file: Path) -> None:
    """Another clean report under the same signatures is refused, and so are bytes that are none."""

    async def story(office: Office) -> None:
        await office.frozen()
        order = office.thaw(office.report())
        office.later(1)
        assert await office.refused(order, *NAMES, document=office.report()) == "thaw.report"
        assert await office.refused(office.thaw(b"{}"), *NAMES, document=b"{}") == "report.form"
        assert await office.refused(order, *NAMES) == "order.document"

    told(file, story)


@pytest.mark.parametrize("by_order", [True, False])
def test_who_freezes_again_stops_a_thaw(file: Path, by_order: bool) -> None:
    """While a thaw waits anybody may freeze once more: it is cancelled, and the next needs its own report."""

    async def story(office: Office) -> None:
        await office.frozen()
        report = office.report()
        order = office.thaw(report)
        await office.submit(order, *NAMES, document=report)
        office.later(THAW_DELAY_S - 1)
        if by_order:
            await office.submit(office.freeze(), "clara")
        else:
            await office.frozen()
        assert office.ordering.told(order.order).state == "cancelled"
        office.later(THAW_DELAY_S)
        await office.ordering.settle()
        assert office.freezes.count == 1

    told(file, story)


def test_a_freeze_after_the_report_is_not_thawed_with_it(file: Path) -> None:
    """Thawed and frozen again for another reason: yesterday's report and quorum do not end it."""

    async def story(office: Office) -> None:
        await office.frozen()
        report = office.report()
        await office.submit(office.thaw(report), *NAMES, document=report)
        office.later(THAW_DELAY_S)
        await office.ordering.settle()
        await office.frozen()
        assert await office.refused(office.thaw(report), *NAMES, document=report) == "thaw.old_report"

    told(file, story)


def test_one_administrator_cancels_a_thaw(file: Path) -> None:
    """Of this place, and of no other."""

    async def story(office: Office) -> None:
        await office.frozen()
        await office.frozen("network", NETWORK)
        report = office.report()
        both = [office.thaw(report), office.thaw(report, "network", NETWORK)]
        for order in both:
            await office.submit(order, *NAMES[:2], document=report)
        await office.submit(office.order(Action.THAW_CANCEL, level="network", target=NETWORK), "clara")
        office.later(THAW_DELAY_S)
        await office.ordering.settle()
        assert office.freezes.all() == [f"network {NETWORK} is frozen by watchtower: alarm"]

    told(file, story)


def test_what_is_not_frozen_is_not_thawed(file: Path) -> None:
    """Neither another place nor one beside it."""

    async def story(office: Office) -> None:
        await office.frozen("network", NETWORK)
        report = office.report()
        assert await office.refused(office.thaw(report), *NAMES, document=report) == "freeze.not_frozen"

    told(file, story)


def test_a_network_needs_only_its_own_reconciliation(file: Path) -> None:
    """For an asset and a network the report covers that network; for all, every one of the policy."""

    async def story(office: Office) -> None:
        places = (("network", NETWORK), ("asset", f"{NETWORK}/slip44:60"), ("harbor", ""))
        for level, target in places:
            await office.frozen(level, target)
        elsewhere, here = office.report(networks=("eip155:2",)), office.report(networks=(NETWORK,))
        for level, target in places:
            order = office.thaw(elsewhere, level, target)
            assert await office.refused(order, *NAMES, document=elsewhere) == "thaw.networks"
        for level, target in places[:2]:
            await office.submit(office.thaw(here, level, target), *NAMES, document=here)

    told(file, story)


def test_the_host_thaws_only_where_nobody_else_would_have_to(file: Path) -> None:
    """Under a policy with administrators the local command is refused and says how; without any it works."""

    async def story(office: Office) -> None:
        await office.frozen()

    told(file, story)
    store = open_store(file)
    with pytest.raises(Refused, match="keepcool admin order thaw"):
        asyncio.run(thawing.thaw(store, level="all", target="", reason="r", clock_ms=0))
    store.close()
    alone = file.with_name("alone.sqlite")
    told(alone, story, document(10, ()))
    store = open_store(alone)
    with pytest.raises(Malformed, match=r"freeze\.not_frozen"):
        asyncio.run(thawing.thaw(store, level="harbor", target="", reason="r", clock_ms=0))
    assert asyncio.run(thawing.thaw(store, level="all", target="", reason="r", clock_ms=0)) == []
    store.close()


def test_a_stopped_signer_is_frozen_by_its_host(file: Path) -> None:
    """It starts frozen, and a thaw that waited is cancelled."""

    async def story() -> None:
        office = await opened(file)
        await office.frozen()
        report = office.report()
        order = office.thaw(report)
        await office.submit(order, *NAMES, document=report)
        office.store.close()
        store = open_store(file)
        said = await hosting.freeze(store, level="all", target="", reason="stop", clock_ms=office.watch.at_ms)
        assert said == ["everything is frozen by watchtower: alarm"]
        await hosting.freeze(store, level="harbor", target="", reason="", clock_ms=office.watch.at_ms)
        assert [one["body"]["kind"] for one in hosting.page(store, 3)] == ["order_end", "freeze"]
        store.close()
        office.later(THAW_DELAY_S)
        again = await opened(file, watch=office.watch)
        assert again.ordering.told(order.order).state == "cancelled"
        assert again.freezes.all() == [
            "everything is frozen by watchtower: alarm",
            "everything but the way to the harbor is frozen by local command",
        ]
        assert again.freezes.at(place_of("harbor", "")) is not None
        again.store.close()

    asyncio.run(story())
