"""However an intent is asked for, at most one payment of it can confirm, and slots keep their owners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.ids import WalletId
from keepcool.policy.case import Case, History
from keepcool.policy.rules import never_twice
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    POLICY,
    SPACE,
    history,
    matches,
    pay,
    remembered,
    slot,
    void,
    with_effects,
    with_intent,
)

FIRST = pay((ALICE, ETH, 10), intent="i-1", position=3)
AGAIN = with_effects(FIRST, digests=(b"\7" * 32,))  # the same intent and slot, other bytes
ELSEWHERE = pay((ALICE, ETH, 10), intent="i-1", position=4)
OTHER = pay((BOB, ETH, 10), intent="i-2", position=3)
VOIDED = void("v-1", position=3)


def known(*, intent: tuple[Case, ...] = (), slots: tuple[Case, ...] = (), lowest: int = 4) -> History:
    return history(
        same_intent=tuple(map(remembered, intent)), same_slots=tuple(map(remembered, slots)), lowest=lowest
    )


@pytest.mark.parametrize(
    ("name", "case", "memory", "reason"),
    [
        ("new, in order", FIRST, known(lowest=3), None),
        ("the same again", FIRST, known(intent=(FIRST,), slots=(FIRST,)), None),
        ("a replacement", AGAIN, known(intent=(FIRST,), slots=(FIRST,)), None),
        ("a second replacement", AGAIN, known(intent=(FIRST, AGAIN), slots=(FIRST, AGAIN)), None),
        ("another slot", ELSEWHERE, known(intent=(FIRST,)), "does not conflict with it"),
        (
            "sharing with one of two",
            ELSEWHERE,
            known(intent=(ELSEWHERE, FIRST), slots=(ELSEWHERE,), lowest=5),
            "signed before at safe:",
        ),
        (
            "another content, same slot",
            with_intent(FIRST, expires_at_s=FIRST.intent.expires_at_s + 1),
            known(intent=(FIRST,), slots=(FIRST,)),
            "with other contents",
        ),
        (
            "another content, nothing else known",
            with_intent(ELSEWHERE, source=WalletId("w-9")),
            known(intent=(ELSEWHERE,), slots=(ELSEWHERE,), lowest=5),
            "with other contents",
        ),
        ("over another's payment", OTHER, known(slots=(FIRST,)), "held by intent i-1"),
        ("over its own, voided", FIRST, known(intent=(FIRST,), slots=(FIRST, VOIDED)), "held by intent v-1"),
        ("over another's void", OTHER, known(slots=(VOIDED,)), "held by intent v-1"),
        ("a void of a payment", VOIDED, known(slots=(FIRST,)), None),
        ("a void of a void", void("v-2", position=3), known(slots=(FIRST, VOIDED)), None),
        ("the same void again", VOIDED, known(intent=(VOIDED,), slots=(FIRST, VOIDED)), None),
        ("a void of the next position", VOIDED, known(lowest=3), None),
        ("a void too far", VOIDED, known(lowest=2), "is 2, not 3"),
        ("a void elsewhere", void("v-1", position=4), known(intent=(VOIDED,)), "does not conflict"),
        ("ahead of order", FIRST, known(lowest=2), f"the next position of {SPACE} is 2, not 3"),
        ("behind, and not remembered", FIRST, known(lowest=4), "is 4, not 3"),
    ],
)  # fmt: skip
def test_an_intent_is_paid_at_most_once(name: str, case: Case, memory: History, reason: str | None) -> None:
    """One content per intent, every draft excluding every earlier one, slots in order or replaced."""
    verdict = never_twice.judge(replace(case, history=memory), POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_draft_that_uses_up_nothing_is_refused() -> None:
    """Without a slot the same signature could be executed for ever."""
    assert matches(never_twice.judge(with_effects(FIRST, slots=()), POLICY), "again and again")


def test_a_draft_that_names_a_slot_twice_is_refused() -> None:
    """No chain lets one position be used up twice, so such a draft was decoded wrongly."""
    case = replace(with_effects(FIRST, slots=(slot(3), slot(3))), history=known(lowest=3))
    once = replace(FIRST, history=known(lowest=3))
    assert matches(never_twice.judge(case, POLICY), "names a position twice")
    assert matches(never_twice.judge(once, POLICY), None)


def test_a_space_this_signer_does_not_know_is_refused() -> None:
    """A history without the slot's space is a broken history, not a fresh wallet."""
    memory = replace(known(), lowest_unsigned={})
    assert matches(never_twice.judge(replace(FIRST, history=memory), POLICY), "not known to this signer")


TWO = with_effects(FIRST, slots=(slot(0, "tx:a"), slot(0, "tx:b")))
ORDER = {"tx:a": 0, "tx:b": 0, "tx:c": 0}


@pytest.mark.parametrize(
    ("name", "spaces", "lowest", "reason"),
    [
        ("all slots kept", ("tx:a", "tx:b"), ORDER, None),
        ("one kept, one new", ("tx:b", "tx:c"), ORDER, None),
        ("one kept, one dropped", ("tx:a",), ORDER, None),
        ("none kept", ("tx:c",), ORDER, "does not conflict"),
        ("one kept, the new one out of order", ("tx:b", "tx:c"), {**ORDER, "tx:c": 1}, "tx:c is 1, not 0"),
    ],
)
def test_one_shared_slot_is_enough(
    name: str, spaces: tuple[str, ...], lowest: dict[str, int], reason: str | None
) -> None:
    """Where a draft holds several slots, it conflicts by any of them, and each new one must be in order."""
    case = with_effects(FIRST, slots=tuple(slot(0, space) for space in spaces))
    row = remembered(TWO)
    shares = row.slots if {one.space for one in row.slots} & set(spaces) else ()
    memory = History((row,), (row,) if shares else (), lowest, {}, {}, ())
    verdict = never_twice.judge(replace(case, history=memory), POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_two_drafts_that_share_nothing_cannot_both_be_replaced() -> None:
    """A draft must share a slot with every earlier draft of the intent, not with some."""
    left = with_effects(FIRST, slots=(slot(0, "tx:a"),))
    right = with_effects(FIRST, slots=(slot(0, "tx:b"),))
    both = with_effects(FIRST, slots=(slot(0, "tx:a"), slot(0, "tx:b")))
    rows = (remembered(left), remembered(right))
    memory = History(rows, rows, ORDER, {}, {}, ())
    assert matches(never_twice.judge(replace(left, history=memory), POLICY), "does not conflict")
    assert matches(never_twice.judge(replace(both, history=memory), POLICY), None)
