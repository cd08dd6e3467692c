"""How much may leave: per transaction, in an hour and in a day, over all wallets; exactly at the cap and no
unit beyond."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.ids import AssetId
from keepcool.core.verdict import Denied
from keepcool.policy.amounts import decimal
from keepcool.policy.case import Case, Remembered
from keepcool.policy.rules import Rule, cap_day, cap_hour, cap_transaction
from keepcool.policy.spending import paid
from keepcool.policy.terms import ClassRules
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP,
    CAP_DAY,
    CAP_HOUR,
    ETH,
    POLICY,
    UNLISTED,
    USD,
    matches,
    pay,
    remembered,
    void,
    with_history,
    with_record,
)

FULL = pay((ALICE, USD, CAP))
WINDOWS: list[tuple[Rule, str, int]] = [(cap_hour, "spent_hour", CAP_HOUR), (cap_day, "spent_day", CAP_DAY)]
ids = [name for _, name, _ in WINDOWS]


def treasury(units: int) -> Case:
    return with_record(pay((BOB, ETH, units)), policy_class="treasury")


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("nothing", void(), None),
        ("one unit", pay((ALICE, ETH, 1)), None),
        ("at the cap", pay((ALICE, ETH, CAP)), None),
        ("one unit over", pay((ALICE, ETH, CAP + 1)), "pays 10.1 ETH at once; the cap is 10 ETH per"),
        ("two assets, each at its cap", pay((ALICE, ETH, CAP), (ALICE, USD, CAP)), None),
        ("two outputs, together at the cap", pay((ALICE, ETH, CAP - 1), (BOB, ETH, 1)), None),
        ("two outputs, together one over", pay((ALICE, ETH, CAP), (BOB, ETH, 1)), "pays 10.1 ETH"),
        ("the second asset over", pay((ALICE, ETH, 1), (ALICE, USD, CAP + 1)), "pays 1.01 USD"),
        ("an unlisted asset", pay((ALICE, UNLISTED, 1)), f"lists no asset {UNLISTED}"),
        ("listed and unlisted", pay((ALICE, ETH, 1), (ALICE, UNLISTED, 1)), "lists no asset"),
        ("at the class's cap", treasury(40), None),
        ("one over the class's cap", treasury(41), "the cap is 4 ETH"),
        ("an asset the class says nothing of", with_record(FULL, policy_class="treasury"), None),
    ],
)  # fmt: skip
def test_no_transaction_passes_its_cap(name: str, case: Case, reason: str | None) -> None:
    """Summed per asset over all outputs; the lower of the asset's cap and the class's holds."""
    verdict = cap_transaction.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_class_cannot_raise_a_cap() -> None:
    """A class that names more than the asset's cap changes nothing."""
    generous = replace(POLICY, classes={"treasury": ClassRules("treasury", None, {ETH: 10 * CAP})})
    assert matches(cap_transaction.judge(treasury(CAP), generous), None)
    assert matches(cap_transaction.judge(treasury(CAP + 1), generous), "the cap is 10 ETH")


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_a_window_is_filled_to_the_unit(rule: Rule, field: str, cap: int) -> None:
    """What was signed and what is asked may reach the cap exactly; one unit more is denied, with numbers."""
    room = with_history(FULL, **{field: {USD: cap - CAP}})
    full = with_history(FULL, **{field: {USD: cap - CAP + 1}})
    assert matches(rule.judge(room, POLICY), None)
    assert matches(rule.judge(full, POLICY), f"signed for {decimal(cap - CAP + 1, 2)} USD within")
    assert matches(rule.judge(full, POLICY), f"cap is {decimal(cap, 2)} USD, of which 0.99 USD")


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_a_window_counts_the_asset_that_is_paid(rule: Rule, field: str, cap: int) -> None:
    """Another asset's full window is no objection, and a void passes when every window is overfull."""
    other = with_history(FULL, **{field: {ETH: cap}})
    overfull = with_history(void(), **{field: {ETH: 10 * cap, USD: 10 * cap}})
    assert matches(rule.judge(other, POLICY), None)
    assert matches(rule.judge(overfull, POLICY), None)


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_each_window_has_its_own_sums(rule: Rule, field: str, cap: int) -> None:
    """The hour's cap is held against the hour's sum and the day's against the day's."""
    foreign = {"spent_hour": "spent_day", "spent_day": "spent_hour"}[field]
    case = with_history(FULL, **{foreign: {USD: 10 * cap}})
    assert matches(rule.judge(case, POLICY), None)


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_an_empty_window_is_empty(rule: Rule, field: str, cap: int) -> None:
    """With nothing signed yet, one payment may fill the whole window."""
    full = replace(POLICY.assets[USD], cap_hour_units=CAP, cap_day_units=CAP)
    assert matches(rule.judge(FULL, replace(POLICY, assets={USD: full})), None)


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_an_overfull_window_has_nothing_left(rule: Rule, field: str, cap: int) -> None:
    """When a cap was lowered below what is signed already, what is left is told as nothing."""
    case = with_history(pay((ALICE, USD, 1)), **{field: {USD: cap + 5}})
    assert matches(rule.judge(case, POLICY), "of which 0 USD is left")


@pytest.mark.parametrize(("rule", "field", "cap"), WINDOWS, ids=ids)
def test_an_unlisted_asset_fits_no_window(rule: Rule, field: str, cap: int) -> None:
    """Without a cap nothing is paid."""
    why = f"the policy lists no asset {UNLISTED}: it has no cap, so nothing of it is paid"
    assert rule.judge(pay((ALICE, UNLISTED, 1)), POLICY) == Denied(rule.NAME, why)


def rival(asset: AssetId, units: int) -> Remembered:
    return remembered(pay((ALICE, asset, units)))


@pytest.mark.parametrize("window", WINDOWS, ids=ids)
@pytest.mark.parametrize(
    ("name", "earlier", "weighs"),
    [
        ("no rival", (), 50),
        ("a smaller rival", (rival(USD, 20),), 50),
        ("an equal rival", (rival(USD, 50),), 50),
        ("a larger rival", (rival(USD, 80),), 80),
        ("two rivals", (rival(USD, 20), rival(USD, 80)), 80),
        ("a rival in another asset", (rival(ETH, 80),), 50),
    ],
)
def test_a_conflict_set_weighs_as_its_dearest(
    window: tuple[Rule, str, int], name: str, earlier: tuple[Remembered, ...], weighs: int
) -> None:
    """Drafts of which only one can confirm count once, as the largest of them: not added, not forgotten."""
    rule, field, cap = window
    case = with_history(pay((ALICE, USD, 50)), same_slots=earlier)
    assert matches(rule.judge(with_history(case, **{field: {USD: cap - weighs}}), POLICY), None), name
    denied = rule.judge(with_history(case, **{field: {USD: cap - weighs + 1}}), POLICY)
    assert matches(denied, "of which"), name


def test_what_is_paid_is_summed_from_the_draft() -> None:
    """Per asset, over all payments; a void pays nothing."""
    assert paid(pay((ALICE, ETH, 3), (BOB, ETH, 4), (BOB, USD, 5)).effects) == {ETH: 7, USD: 5}
    assert paid(void().effects) == {}
