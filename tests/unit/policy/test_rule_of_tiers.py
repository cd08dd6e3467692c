"""Which tier a payment falls into, to the unit and to the second, and what it still needs there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount
from keepcool.core.verdict import Approved
from keepcool.policy.case import Case
from keepcool.policy.rules import tiers
from keepcool.policy.terms import Tier
from keepcool.policy.tiering import Assessment
from tests.unit.policy import bitcoin_samples as bitcoin
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    NETWORK,
    NOW_S,
    PAYMENT,
    POLICY,
    USD,
    pay,
    remembered,
    void,
    with_effects,
    with_history,
    with_intent,
    with_record,
)
from tests.unit.policy.tier_samples import (
    USER_KEY,
    approved_by,
    asked,
    given,
    needing,
    owned,
    told,
    with_given,
)

HARBOR = replace(POLICY.networks[NETWORK], harbor=BOB)
HARBORED = {NETWORK: HARBOR}
BOTH = pay((ALICE, ETH, 10), (BOB, ETH, 90))
OTHER = NetworkId("eip155:5")


def test_without_tiers_the_caps_decide() -> None:
    """A policy that has none asks nobody, and says so of every payment."""
    assert tiers.judge(PAYMENT, POLICY) == Approved("tiers")
    assert asked(PAYMENT) == Assessment()


@pytest.mark.parametrize(
    ("name", "case", "tier", "fits"),
    [
        ("anything", PAYMENT, Tier("t"), True),
        ("its network", PAYMENT, Tier("t", networks=frozenset({NETWORK})), True),
        ("another network", PAYMENT, Tier("t", networks=frozenset({OTHER})), False),
        ("no class", PAYMENT, Tier("t", classes=frozenset({"treasury"})), False),
        ("its class", with_record(PAYMENT, policy_class="treasury"),
         Tier("t", classes=frozenset({"treasury"})), True),
        ("owned", owned(), Tier("t", owned=True), True),
        ("owned, not to be", owned(), Tier("t", owned=False), False),
        ("not owned", PAYMENT, Tier("t", owned=False), True),
        ("not owned, to be", PAYMENT, Tier("t", owned=True), False),
        ("as much", PAYMENT, Tier("t", transaction_units_max={ETH: 10}), True),
        ("a unit more", PAYMENT, Tier("t", transaction_units_max={ETH: 9}), False),
        ("together as much", BOTH, Tier("t", transaction_units_max={ETH: 100}), True),
        ("together a unit more", BOTH, Tier("t", transaction_units_max={ETH: 99}), False),
        ("an asset not named", PAYMENT, Tier("t", transaction_units_max={USD: 10}), False),
        ("one of two not named", pay((ALICE, ETH, 1), (ALICE, USD, 1)),
         Tier("t", transaction_units_max={ETH: 9}), False),
        ("the second of two too much", pay((ALICE, ETH, 1), (ALICE, USD, 3)),
         Tier("t", transaction_units_max={ETH: 9, USD: 2}), False),
        ("the user's day", with_history(PAYMENT, user_spent_day={ETH: 90}),
         Tier("t", user_day_units_max={ETH: 100}), True),
        ("the user's day and a unit", with_history(PAYMENT, user_spent_day={ETH: 91}),
         Tier("t", user_day_units_max={ETH: 100}), False),
        ("the user's day, not named", PAYMENT, Tier("t", user_day_units_max={USD: 100}), False),
        ("the user's hour is no day", with_history(PAYMENT, user_spent_hour={ETH: 100}),
         Tier("t", user_day_units_max={ETH: 100}), True),
        ("others' day is not the user's", with_history(PAYMENT, spent_day={ETH: 100}),
         Tier("t", user_day_units_max={ETH: 100}), True),
        ("all's day", with_history(PAYMENT, spent_day={ETH: 90}), Tier("t", day_units_max={ETH: 100}), True),
        ("all's day and a unit", with_history(PAYMENT, spent_day={ETH: 91}),
         Tier("t", day_units_max={ETH: 100}), False),
        ("all's hour is no day", with_history(PAYMENT, spent_hour={ETH: 100}),
         Tier("t", day_units_max={ETH: 100}), True),
        ("a dearer rival counts", with_history(PAYMENT, same_slots=(remembered(pay((BOB, ETH, 50))),)),
         Tier("t", day_units_max={ETH: 49}), False),
        ("once", with_history(PAYMENT, same_slots=(remembered(pay((BOB, ETH, 50))),)),
         Tier("t", day_units_max={ETH: 50}), True),
        ("a dearer rival of the user", with_history(PAYMENT, same_slots=(remembered(pay((BOB, ETH, 50))),)),
         Tier("t", user_day_units_max={ETH: 49}), False),
        ("but not at once", with_history(PAYMENT, same_slots=(remembered(pay((BOB, ETH, 50))),)),
         Tier("t", transaction_units_max={ETH: 10}), True),
        ("known as long", with_history(PAYMENT, destinations={ALICE: NOW_S - 60}),
         Tier("t", destination_age_s_min=60), True),
        ("known a second less", with_history(PAYMENT, destinations={ALICE: NOW_S - 59}),
         Tier("t", destination_age_s_min=60), False),
        ("never seen", PAYMENT, Tier("t", destination_age_s_min=60), False),
        ("one of two never seen", with_history(BOTH, destinations={ALICE: 1}),
         Tier("t", destination_age_s_min=60), False),
        ("both seen", with_history(BOTH, destinations={ALICE: 1, BOB: 1}),
         Tier("t", destination_age_s_min=60), True),
        ("the intent's recipient never seen", with_history(
            with_intent(PAYMENT, outputs=pay((BOB, ETH, 10)).intent.outputs), destinations={ALICE: 1}),
         Tier("t", destination_age_s_min=60), False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_tier_fits_to_the_unit(name: str, case: Case, tier: Tier, fits: bool) -> None:
    """What fits is taken; a unit, a second or a name beside it, and no tier takes it, so it is refused."""
    found = asked(case, tier)
    assert found.tier == ("t" if fits else ""), (name, found)
    assert found.denied.startswith("no tier takes this payment: t: ") is not fits, (name, found)
    assert asked(case, tier, Tier("rest")).tier == ("t" if fits else "rest")


def test_a_stated_fee_leaves_within_the_day_and_not_at_once() -> None:
    """Days count what leaves the wallet, fees too, as the caps do; a single payment is what others get."""
    case, fee = bitcoin.pay((bitcoin.ERIN, 1000)), bitcoin.FEE
    for tier, fits in (
        (Tier("t", transaction_units_max={bitcoin.LTC: 1000}), True),
        (Tier("t", transaction_units_max={bitcoin.LTC: 999}), False),
        (Tier("t", day_units_max={bitcoin.LTC: 1000 + fee}), True),
        (Tier("t", day_units_max={bitcoin.LTC: 999 + fee}), False),
        (Tier("t", user_day_units_max={bitcoin.LTC: 1000 + fee}), True),
        (Tier("t", user_day_units_max={bitcoin.LTC: 999 + fee}), False),
    ):
        found = tiers.judge(case, replace(bitcoin.POLICY, tiers=(tier,)))
        assert isinstance(found, Approved) is fits, (tier, found)


def test_the_first_that_fits_counts() -> None:
    """A laxer tier behind it is not looked at, whatever evidence there is."""
    strict, lax = needing(("b", 1)), Tier("lax")
    assert told(PAYMENT, strict, lax) == "NeedsReview: tier t needs 1 approval of b"
    assert told(approved_by("carol"), strict, lax) == "yes"
    assert told(PAYMENT, lax, strict) == "yes"


def test_why_no_tier_takes_it_is_told() -> None:
    """Each tier's reason, the first five of them, in words and whole coins."""
    rows = (
        Tier("n", networks=frozenset({OTHER})),
        Tier("c", classes=frozenset({"vip"})),
        Tier("o", owned=True),
        Tier("x", transaction_units_max={ETH: 9}),
        Tier("u", user_day_units_max={USD: 9}),
        Tier("d", day_units_max={ETH: 9}),
        Tier("a", destination_age_s_min=3600),
    )
    assert told(PAYMENT, *rows) == (
        f"Denied: no tier takes this payment: n: it is not for {NETWORK}; "
        "c: it is not for wallets of class ''; o: it is for wallets with a user key; "
        f"x: 1 ETH at once, it takes 0.9 ETH; u: it names no amount of {ETH}; and 2 more"
    )
    spent = with_history(owned(), spent_day={ETH: 5}, user_spent_day={ETH: 3})
    limits = (Tier("u", user_day_units_max={ETH: 12}), Tier("o", owned=False), *rows[5:])
    assert told(spent, *limits) == (
        "Denied: no tier takes this payment: u: 1.3 ETH of this owner within a day, it takes 1.2 ETH; "
        "o: it is for wallets without a user key; d: 1.5 ETH of all wallets within a day, it takes 0.9 ETH; "
        f"a: {ALICE} is not known for 1 h"
    )
    assert "more" not in told(PAYMENT, *rows[:5])


def test_what_is_forbidden_is_refused() -> None:
    """With every evidence there is."""
    assert (
        told(approved_by("alice", "bob"), Tier("never", forbidden=True)) == "Denied: tier never is forbidden"
    )


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [
        ("signed", owned(signed_by=USER_KEY), "yes"),
        ("unsigned", owned(), "NeedsReview: tier t needs the owner's signature"),
        ("by another key", owned(signed_by="ed25519:" + "dd" * 32), "NeedsReview: tier t needs the owner's"),
        ("no key", PAYMENT, "Denied: tier t needs the owner's signature, and this wallet has no user key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_owner_signs(name: str, case: Case, expected: str) -> None:
    """Only the key in the wallet's record speaks for its owner; where there is none nobody can."""
    found = told(case, Tier("t", user=True))
    assert found == "yes" if expected == "yes" else found.startswith(expected), (name, found)


@pytest.mark.parametrize(
    ("waiting_since_s", "delay_s", "until_s"),
    [(None, 60, NOW_S + 60), (NOW_S - 59, 60, NOW_S + 1), (NOW_S - 60, 60, 0), (NOW_S - 61, 60, 0),
     (NOW_S, 60, NOW_S + 60), (None, 0, 0), (NOW_S, 0, 0), (0, 60, 0)],
)  # fmt: skip
def test_a_delay_is_waited_for_to_the_second(waiting_since_s: int | None, delay_s: int, until_s: int) -> None:
    """It runs from when this signer first put the intent to wait, and not before it did."""
    case = with_history(PAYMENT, waiting_since_s=waiting_since_s)
    found = asked(case, Tier("t", delay_s=delay_s))
    assert (found.until_s, bool(found.needs), found.denied) == (until_s, until_s > 0, "")
    if until_s == NOW_S + 60:
        assert told(case, Tier("t", delay_s=delay_s)) == (
            "NeedsReview: tier t needs a wait of 1 min, until 1970-01-12 13:47:40 UTC"
        )


@pytest.mark.parametrize(
    ("destinations", "until_s"),
    [({}, NOW_S + 60), ({ALICE: NOW_S - 60, BOB: NOW_S - 60}, 0), ({ALICE: NOW_S - 59, BOB: 1}, NOW_S + 1),
     ({ALICE: 1, BOB: NOW_S - 59}, NOW_S + 1), ({ALICE: 1}, NOW_S + 60),
     ({ALICE: NOW_S - 20, BOB: NOW_S - 30}, NOW_S + 40)],
)  # fmt: skip
def test_a_new_destination_cools(destinations: dict[str, int], until_s: int) -> None:
    """Every recipient is as old as the tier says; the newest is the one waited for."""
    found = asked(with_history(BOTH, destinations=destinations), Tier("t", cooling_s=60))
    assert (found.until_s, bool(found.needs), found.denied) == (until_s, until_s > 0, "")
    assert asked(with_history(BOTH, destinations=destinations), Tier("t")) == Assessment("t")


def test_what_cools_is_told() -> None:
    """By name, how many more, how long, and until when."""
    one = told(PAYMENT, Tier("t", cooling_s=60))
    assert one == f"NeedsReview: tier t needs {ALICE} to be known for 1 min, until 1970-01-12 13:47:40 UTC"
    assert f"{BOB} and 1 more to be known for 1 min" in told(BOTH, Tier("t", cooling_s=60))


def test_all_needs_are_told_at_once() -> None:
    """Nobody is sent twice: people, then time, and the last moment of them."""
    tier = needing(("a", 2), ("b", 1), user=True, delay_s=60, cooling_s=3600)
    found = asked(owned(), tier)
    assert found.needs[:3] == ("the owner's signature", "2 approvals of a", "1 approval of b")
    assert [need.split(",")[0] for need in found.needs[3:]] == [
        "a wait of 1 min",
        f"{ALICE} to be known for 1 h",
    ]
    assert found.until_s == NOW_S + 3600
    assert told(owned(), tier).startswith(
        "NeedsReview: tier t needs the owner's signature; 2 approvals of a; 1"
    )


def test_the_harbor_needs_nobody() -> None:
    """What goes to the policy's harbor alone passes a ban, and beside others it counts nowhere."""
    ban = Tier("never", forbidden=True)
    to_harbor, elsewhere = pay((BOB, ETH, 90)), pay((ALICE, ETH, 90))
    assert told(to_harbor, ban, networks=HARBORED) == "yes"
    assert told(elsewhere, ban, networks=HARBORED) == "Denied: tier never is forbidden"
    assert told(to_harbor, ban) == "Denied: tier never is forbidden"
    assert told(BOTH, ban, networks=HARBORED) == "Denied: tier never is forbidden"
    for tier in (Tier("t", transaction_units_max={ETH: 10}), Tier("t", day_units_max={ETH: 10})):
        assert told(BOTH, tier, networks=HARBORED) == "yes"
        assert told(BOTH, tier).startswith("Denied: no tier takes")
    beside = pay((ALICE, USD, 10), (BOB, ETH, 90))
    assert told(beside, Tier("t", transaction_units_max={USD: 10}), networks=HARBORED) == "yes"
    old = with_history(BOTH, destinations={ALICE: 1})
    assert told(old, Tier("t", destination_age_s_min=60), networks=HARBORED) == "yes"
    assert told(old, Tier("t", cooling_s=60), networks=HARBORED) == "yes"


def test_an_intent_that_names_another_is_not_the_harbors() -> None:
    """Draft and intent both have to pay the harbor alone."""
    ban, to_harbor = Tier("never", forbidden=True), pay((BOB, ETH, 90))
    other = with_intent(to_harbor, outputs=pay((ALICE, ETH, 90)).intent.outputs)
    assert told(other, ban, networks=HARBORED) == "Denied: tier never is forbidden"
    assert (
        told(with_effects(to_harbor, payments=()), ban, networks=HARBORED)
        == "Denied: tier never is forbidden"
    )


def test_a_void_needs_nobody_as_long_as_it_pays_nobody() -> None:
    """Giving up a nonce needs no evidence; a void whose draft pays is judged like a payment."""
    ban = Tier("never", forbidden=True)
    assert told(void(), ban) == "yes"
    paying = with_effects(void(), payments=PAYMENT.effects.payments)
    assert told(paying, ban) == "Denied: tier never is forbidden"


def test_a_rejection_ends_it_with_or_without_tiers() -> None:
    """Also where nobody is asked; but for the harbor's and for voids."""
    case = with_given(given("carol", decision=given("carol").decision.REJECT, reason="not hers"))
    assert told(case) == "Denied: rejected by carol: not hers"
    assert told(case, Tier("lax")) == "Denied: rejected by carol: not hers"
    to_harbor = replace(pay((BOB, ETH, 90)), proofs=case.proofs)
    assert told(to_harbor, Tier("lax"), networks=HARBORED) == "yes"


def test_amounts_come_from_the_draft() -> None:
    """An intent that claims less than its draft pays is held to the draft."""
    case = with_intent(pay((ALICE, ETH, 50)), outputs=PAYMENT.intent.outputs)
    assert told(case, Tier("t", transaction_units_max={ETH: 49})).startswith("Denied: no tier takes")
    more = with_effects(PAYMENT, payments=(replace(PAYMENT.effects.payments[0], amount=Amount(ETH, 9)),))
    assert told(more, Tier("t", transaction_units_max={ETH: 9})) == "yes"
