"""What a draft takes out of a wallet, and how it weighs in a window.

Laws: counted from the draft's decoded bytes, never from what the intent claims; a fee that the draft states
leaves the wallet as well, so it counts in every window, also where nobody is paid; of drafts that conflict
only one can confirm, so a conflict set weighs as much as its dearest member, once; what goes to the harbor
that the policy itself names is not spent, so no cap holds it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keepcool.core.effects import Effects
from keepcool.core.ids import AssetId
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy import rescuing
from keepcool.policy.amounts import decimal
from keepcool.policy.case import Case, History
from keepcool.policy.terms import AssetRules, Policy


def paid(effects: Effects, harbor: str | None = None) -> dict[AssetId, int]:
    """Base units paid out per asset, to others than the harbor; zero where all of it goes there."""
    total: dict[AssetId, int] = {}
    for payment in effects.payments:
        asset = payment.amount.asset
        units = 0 if payment.recipient == harbor else payment.amount.units
        total[asset] = total.get(asset, 0) + units
    return total


def leaving(effects: Effects, harbor: str | None = None) -> dict[AssetId, int]:
    """Base units that leave the wallet per asset, a stated fee among them: what a journal remembers as
    `spent`."""
    total, fee = paid(effects, harbor), effects.fee_max
    if fee is not None and fee.units:
        total[fee.asset] = total.get(fee.asset, 0) + fee.units
    return total


def recipients(case: Case, harbor: str | None = None) -> frozenset[str]:
    """Whoever is paid, in the draft or in the intent, but for the harbor."""
    paid = {payment.recipient for payment in case.effects.payments}
    return frozenset(paid | {output.recipient for output in case.intent.outputs}) - {harbor}


def solely_to_harbor(case: Case, harbor: str | None) -> bool:
    """Whether somebody is paid, and nobody but the harbor."""
    return bool(case.effects.payments) and not recipients(case, harbor)


def weight(case: Case, asset: AssetId, units: int) -> int:
    """The most that can leave by the case (`units`) or by any draft signed for the same slots."""
    return max([units, *(draft.spent.get(asset, 0) for draft in case.history.same_slots)])


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window: the rule it belongs to, its name in a sentence, its sums, its cap, and its yes."""

    rule: str
    name: str
    spent: Callable[[History], Mapping[AssetId, int]]
    cap: Callable[[AssetRules], int]
    approved: Approved


def judge_window(window: Window, case: Case, policy: Policy) -> Verdict:
    """Denies when an asset that leaves, with all that was signed in the window, would pass its cap."""
    rescued = rescuing.token_of(case, policy)
    for asset, units in sorted(leaving(case.effects, policy.harbor_of(case.effects.network)).items()):
        rules = policy.assets.get(asset)
        if rules is None and asset == rescued:
            continue
        if rules is None:
            return Denied(window.rule, unlisted(asset))
        before, now = window.spent(case.history).get(asset, 0), weight(case, asset, units)
        if before + now > window.cap(rules):
            return Denied(window.rule, _passed(window.name, rules, before, now, window.cap(rules)))
    return window.approved


def unlisted(asset: AssetId) -> str:
    return f"the policy lists no asset {asset}: it has no cap, so nothing of it is paid"


def _passed(window: str, rules: AssetRules, *sums: int) -> str:
    before, now, cap = sums
    already, more, most, left = (
        f"{decimal(units, rules.decimals)} {rules.symbol}"
        for units in (before, now, cap, max(cap - before, 0))
    )
    return (
        f"all wallets together signed for {already} within {window} and this would add {more}; "
        f"the cap is {most}, of which {left} is left"
    )
