"""The alarm: one refusal too many of one sender within the window freezes everything, to the unit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.parties import Service
from keepcool.cosigner.alarm import EVERYTHING, DenialAlarm
from keepcool.cosigner.entries import FREEZE, FreezeRow
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Journal
from keepcool.policy.terms import Alarm
from tests.unit.cosigner.house import NOW_S

DENIALS_MAX, WINDOW_S = 3, 60
TERMS = Alarm(DENIALS_MAX, WINDOW_S, 8)
Deny = Callable[..., Awaitable[None]]


def told(folder: Path, story: Callable[[DenialAlarm, Freezes, Deny], Awaitable[None]]) -> None:
    """The alarm over a real journal; `deny(what, after_s, by, terms)`: a refusal in a batch of its own."""

    async def whole() -> None:
        store, freezes = open_store(folder / "signer.db"), Freezes()
        journal, alarm = Journal.opened(store, [freezes]), DenialAlarm(freezes)
        number = 0

        async def deny(
            what: str, after_s: int = 0, by: Service | None = Service.APP, terms: Alarm | None = TERMS
        ) -> None:
            nonlocal number
            number += 1
            asked = None if by is None else Asked(f"{number:032x}", (NOW_S + 999) * 1000, by)
            with journal.batch(asked) as batch:
                alarm.denied(what, terms, batch, NOW_S + after_s)
            await batch.settled()

        await story(alarm, freezes, deny)
        store.close()

    asyncio.run(whole())


def test_one_too_many_freezes_everything_and_says_why(tmp_path: Path) -> None:
    """As many as allowed freeze nothing; one more does, and the row says who, how many and how fast."""

    async def story(alarm: DenialAlarm, freezes: Freezes, deny: Deny) -> None:
        for number in range(DENIALS_MAX):
            await deny(f"thing {number}")
            assert (alarm.count(Service.APP), freezes.at(EVERYTHING)) == (number + 1, None)
        await deny("another", after_s=WINDOW_S - 1)
        reason = "4 different requests of app were refused within 60 s (at most 3)"
        found = freezes.at(EVERYTHING)
        assert found is not None
        assert found.row == FreezeRow(
            at_s=NOW_S + WINDOW_S - 1, kind=FREEZE, by="rule", level="all", reason=reason, target=""
        )

    told(tmp_path, story)


def test_the_same_thing_counts_once_and_every_sender_by_himself(tmp_path: Path) -> None:
    """Asking again for what was refused, and what others are refused, brings nobody nearer to a freeze."""

    async def story(alarm: DenialAlarm, freezes: Freezes, deny: Deny) -> None:
        for number in range(DENIALS_MAX):
            await deny(f"thing {number}")
            await deny(f"thing {number}", by=Service.DESK)
            await deny("thing 0")
        assert (alarm.count(Service.APP), alarm.count(Service.DESK), alarm.count(Service.COOLER)) == (3, 3, 0)
        assert freezes.at(EVERYTHING) is None

    told(tmp_path, story)


def test_what_is_older_than_the_window_counts_no_more(tmp_path: Path) -> None:
    """A second before its end it counts, at its end it does not; repeating it does not keep it young."""

    async def story(alarm: DenialAlarm, freezes: Freezes, deny: Deny) -> None:
        await deny("first")
        await deny("second", after_s=1)
        await deny("first", after_s=WINDOW_S - 1)
        assert alarm.count(Service.APP) == 2
        await deny("third", after_s=WINDOW_S)
        assert alarm.count(Service.APP) == 2
        await deny("fourth", after_s=WINDOW_S + 1)
        assert (alarm.count(Service.APP), freezes.at(EVERYTHING)) == (2, None)

    told(tmp_path, story)


def test_without_terms_or_a_sender_nothing_is_counted(tmp_path: Path) -> None:
    """A policy without an alarm has none, and what a signer refuses itself is no attack of anybody."""

    async def story(alarm: DenialAlarm, freezes: Freezes, deny: Deny) -> None:
        for number in range(2 * DENIALS_MAX):
            await deny(f"thing {number}", terms=None)
            await deny(f"thing {number}", by=None)
        assert ([alarm.count(one) for one in Service], freezes.at(EVERYTHING)) == ([0] * len(Service), None)

    told(tmp_path, story)


def test_a_thawed_signer_freezes_again_without_memory_growing(tmp_path: Path) -> None:
    """While it goes on the freeze stands once, and no more is kept than one beyond the bound."""

    async def story(alarm: DenialAlarm, freezes: Freezes, deny: Deny) -> None:
        for number in range(10 * DENIALS_MAX):
            await deny(f"thing {number}")
        assert alarm.count(Service.APP) == DENIALS_MAX + 1
        assert len(freezes.all()) == 1

    told(tmp_path, story)
