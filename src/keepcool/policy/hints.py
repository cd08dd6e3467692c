"""What looks unusual about a payment, in sentences for the person who decides.

Laws: a hint decides nothing, and no rule reads one; the work is bounded, however long the past; what is said
rests on what this signer saw itself. Amounts are compared by median and median absolute deviation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median_low
from typing import TypeAlias

from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.lookalikes import Lookalikes
from keepcool.policy.spending import recipients
from keepcool.policy.terms import Policy
from keepcool.policy.wording import DAY_S, age, duration

HOUR_S, WEEK_S = 3600, 7 * DAY_S
RECIPIENTS_MAX, PAYMENTS_MAX, HINTS_MAX = 20, 5000, 20
FAST_MIN, FAST_TIMES = 4, 4  # so many within an hour, and so many times the usual
OWN_MIN, ALL_MIN, FAR_TIMES = 5, 20, 6  # payments that tell what is usual, and deviations that are not
OWNERS_MIN = 3
YOUNG_S = DAY_S


@dataclass(frozen=True, slots=True)
class PastIntent:
    """One that this signer was asked for. `signed`: it gave its signature; else it only put it to wait."""

    owner: str
    at_s: int
    outputs: tuple[Output, ...]
    signed: bool = True


_Payments: TypeAlias = tuple[tuple[PastIntent, Output], ...]


@dataclass(frozen=True, slots=True)
class Past:
    """`intents`: those of all owners, newest first, the case's own not among them. `ours`: those of the
    case's recipients that are addresses of wallets of this installation."""

    intents: Sequence[PastIntent] = ()
    ours: frozenset[str] = frozenset()


def hints(case: Case, past: Past, policy: Policy) -> tuple[str, ...]:
    """The most telling first."""
    harbor = policy.harbor_of(case.effects.network)
    paid_to, payments = sorted(recipients(case, harbor)), _newest(past.intents)
    shown = paid_to[:RECIPIENTS_MAX]
    found = [
        *_alike(shown, case, payments),
        *_wanted_by_many(shown, case, payments),
        *_first_uses(shown, case, payments),
        *_ours(shown, past),
        *_amounts(case, payments, policy),
        *_fast(case, past),
        *_young(case),
    ]
    if len(paid_to) > RECIPIENTS_MAX:
        found.insert(0, f"it pays {len(paid_to)} recipients: {RECIPIENTS_MAX} of them were looked at")
    return tuple(found[:HINTS_MAX])


def _newest(intents: Iterable[PastIntent]) -> _Payments:
    found = ((intent, output) for intent in intents for output in intent.outputs)
    return tuple(islice(found, PAYMENTS_MAX))


def _alike(shown: Iterable[str], case: Case, payments: _Payments) -> Iterator[str]:
    usual = _paid_by(case.record.owner, payments)
    known = Lookalikes([*case.history.destinations, *(output.recipient for _, output in payments)])
    for one in shown:
        twin = None if one in usual else known.like(one)
        if twin is not None:
            yield f"{one} looks like {twin}, which is known here, and is another address"


def _wanted_by_many(shown: Iterable[str], case: Case, payments: _Payments) -> Iterator[str]:
    since_s, own = case.now_s - WEEK_S, case.record.owner
    owners: dict[str, set[str]] = {one: set() for one in shown}
    for intent, output in payments:
        if intent.at_s > since_s and intent.owner != own and output.recipient in owners:
            owners[output.recipient].add(intent.owner)
    for one, others in owners.items():
        if len(others) >= OWNERS_MIN:
            yield f"{len(others)} other owners asked to pay {one} within {duration(WEEK_S)}"


def _first_uses(shown: Iterable[str], case: Case, payments: _Payments) -> Iterator[str]:
    own = _paid_by(case.record.owner, payments)
    anybodys = {output.recipient for intent, output in payments if intent.signed}
    for one in shown:
        if one in own:
            continue
        first_s = case.history.destinations.get(one)
        named = "" if first_s is None else f"; it was first named {age(case.now_s - first_s)} ago"
        whose = "by this owner, others have paid there" if one in anybodys else "by anybody here"
        yield f"{one} was never paid before {whose}{named}"


def _ours(shown: Iterable[str], past: Past) -> Iterator[str]:
    for one in shown:
        if one in past.ours:
            yield f"{one} is a wallet of this installation: the coins come back as a deposit"


def _amounts(case: Case, payments: _Payments, policy: Policy) -> Iterator[str]:
    own, harbor, largest = case.record.owner, policy.harbor_of(case.effects.network), dict[AssetId, int]()
    for payment in case.effects.payments:
        if payment.recipient != harbor:
            asset, units = payment.amount.asset, payment.amount.units
            largest[asset] = max(units, largest.get(asset, 0))
    for asset, units in sorted(largest.items()):
        rows = [(past.owner, output.amount.units) for past, output in payments
                if past.signed and output.amount.asset == asset]  # fmt: skip
        owners = [amount for owner, amount in rows if owner == own]
        if len(owners) >= OWN_MIN:
            yield from _far(asset, units, owners, "this owner's", policy)
        elif len(rows) >= ALL_MIN:
            yield from _far(asset, units, [amount for _, amount in rows], "everybody's", policy)


def _far(asset: AssetId, units: int, usual: Sequence[int], whose: str, policy: Policy) -> Iterator[str]:
    middle = median_low(usual)
    spread = max(median_low([abs(amount - middle) for amount in usual]), middle // 10, 1)
    if units > middle + FAR_TIMES * spread:
        pays, median = spoken(asset, units, policy), spoken(asset, middle, policy)
        yield f"it pays {pays} to one recipient; the median of {whose} payments is {median}"


def _fast(case: Case, past: Past) -> Iterator[str]:
    own = [intent.at_s for intent in past.intents[:PAYMENTS_MAX] if intent.owner == case.record.owner]
    week = [at_s for at_s in own if at_s > case.now_s - WEEK_S]
    now = 1 + sum(at_s > case.now_s - HOUR_S for at_s in week)
    before = len(week) - (now - 1)
    hours = max((case.now_s - min(week, default=case.now_s)) // HOUR_S, 24)
    if now >= FAST_MIN and now * hours > FAST_TIMES * before:
        usual = f"{before} in the {hours} hours before" if before else "none in the days before"
        yield f"it is the {_ordinal(now)} of this owner within an hour, after {usual}"


def _young(case: Case) -> Iterator[str]:
    age_s = case.now_s - case.record.made_at_s
    if age_s < YOUNG_S:
        yield f"the wallet was made only {age(age_s)} ago and pays out already"


def _paid_by(owner: str, payments: _Payments) -> frozenset[str]:
    """Whom this owner has paid."""
    return frozenset(output.recipient for past, output in payments if past.signed and past.owner == owner)


def _ordinal(number: int) -> str:
    tens, ones = divmod(number, 10)
    ending = "th" if tens % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(ones, "th")
    return f"{number}{ending}"
