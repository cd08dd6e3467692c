"""Where wallets spend coins: what comes back, what the fee may be, and which coins may be spent again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.effects import ContractCall, Hazard, Payment
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Purpose
from keepcool.core.money import Amount
from keepcool.policy.case import Case, History, Remembered
from keepcool.policy.rules import (
    ALL,
    address_derived,
    cap_day,
    cap_hour,
    cap_transaction,
    effects_equal_intent,
    fee_asset,
    fee_ceiling,
    fee_share,
    never_twice,
    selectors,
)
from keepcool.policy.spending import leaving, paid
from keepcool.policy.terms import Policy
from tests.unit.policy import minter_samples as minter
from tests.unit.policy import samples
from tests.unit.policy.bitcoin_samples import (
    BATCH,
    CAP,
    CHANGE,
    ERIN,
    FEE,
    FEE_MAX,
    FRANK,
    LITECOIN,
    LTC,
    NOW_S,
    PAID,
    PAYMENT,
    POLICY,
    SHARE_MAX,
    VOID,
    coin,
    network,
    pay,
)
from tests.unit.policy.samples import (
    matches,
    objections,
    with_effects,
    with_history,
    with_intent,
    with_record,
)

ELSEWHERE = with_intent(PAYMENT, network=NetworkId("bip122:" + "0" * 32))


def back(count: int, units: int = PAID) -> tuple[Payment, ...]:
    return tuple(Payment(f"{CHANGE}{place}", Amount(LTC, units)) for place in range(count))


def ltc(units: int) -> Amount:
    return Amount(LTC, units)


@pytest.mark.parametrize(("name", "case"), [("one", PAYMENT), ("a batch", BATCH), ("a void", VOID)])
def test_what_a_wallet_does_all_day_is_approved(name: str, case: Case) -> None:
    """A payment, a batch to the cap, and coins that only come back pass every rule."""
    assert objections(case, POLICY, ALL) == {}, name


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("one", PAYMENT, POLICY, None),
        ("none", with_effects(PAYMENT, change=()), POLICY, None),
        ("as many as allowed", with_effects(PAYMENT, change=back(2)), POLICY, None),
        ("one more", with_effects(PAYMENT, change=back(3)), POLICY, "change in 3 parts; at most 2 may be"),
        (
            "where none is allowed",
            PAYMENT,
            network(change_max=0),
            "returns change to ltc1qchange; there is none",
        ),
        ("none where none is allowed", with_effects(PAYMENT, change=()), network(change_max=0), None),
        ("an unlisted network", ELSEWHERE, POLICY, "the intent is for"),
        ("a void's", VOID, POLICY, None),
        ("a void's in two", with_effects(VOID, change=back(2)), POLICY, None),
        ("a void without", with_effects(VOID, change=()), POLICY, "leaves them all to the fee"),
        (
            "a void that pays",
            with_effects(VOID, payments=(Payment(ERIN, ltc(1)),)),
            POLICY,
            "1 times in the draft",
        ),
        (
            "a void that calls",
            with_effects(VOID, calls=(ContractCall("x", "", ""),)),
            POLICY,
            "a void does nothing",
        ),
        (
            "an output beside",
            with_effects(PAYMENT, payments=(*PAYMENT.effects.payments, Payment(FRANK, ltc(1)))),
            POLICY,
            "not what was asked",
        ),
        (
            "an output less",
            with_effects(BATCH, payments=BATCH.effects.payments[:1]),
            POLICY,
            "not what was asked",
        ),
        ("another order", with_effects(BATCH, payments=BATCH.effects.payments[::-1]), POLICY, None),
        ("change elsewhere", with_effects(PAYMENT, change=(Payment(FRANK, ltc(1)),)), POLICY, None),
    ],
)
def test_change_comes_back_in_so_many_parts(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """What the family has proved to be change is bounded in number alone; all else is exactly the intent."""
    verdict = effects_equal_intent.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


def fee_of(units: int | None, case: Case = PAYMENT) -> Case:
    return with_effects(case, fee_max=None if units is None else ltc(units))


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("a tenth", fee_of(FEE), POLICY, None),
        ("the bound", fee_of(SHARE_MAX), POLICY, None),
        ("one above", fee_of(SHARE_MAX + 1), POLICY, "where 0.00001 LTC is moved: at most 200 thousandths"),
        ("of a larger payment", fee_of(SHARE_MAX + 1, BATCH), POLICY, None),
        ("nothing", fee_of(0), POLICY, None),
        ("not stated", fee_of(None), POLICY, "states no fee"),
        ("no bound", PAYMENT, network(fee_share_max=None), "bounds no share"),
        ("of a void: of what comes back", fee_of(SHARE_MAX, VOID), POLICY, None),
        ("one above of a void", fee_of(SHARE_MAX + 1, VOID), POLICY, "at most 200"),
        (
            "change is not moved",
            with_effects(fee_of(SHARE_MAX + 1), change=back(2, CAP)),
            POLICY,
            "at most 200",
        ),
        ("all to the fee", with_effects(fee_of(1, VOID), change=()), POLICY, "where 0 LTC is moved"),
        ("an unlisted network", ELSEWHERE, POLICY, "lists no network"),
        ("a Safe's has none", samples.PAYMENT, samples.POLICY, None),
        ("Minter's states none", minter.PAYMENT, minter.POLICY, None),
    ],
)
def test_a_fee_is_a_small_part(name: str, case: Case, policy: Policy, reason: str | None) -> None:
    """In thousandths of what is paid, or of what comes back where nobody is paid."""
    verdict = fee_share.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("within", fee_of(FEE_MAX), None),
        ("beyond the intent", fee_of(FEE_MAX + 1), "the intent allows 0.00001 LTC"),
        (
            "an intent beyond the policy",
            with_intent(PAYMENT, fee_max=ltc(FEE_MAX + 1)),
            "at most 0.00001 LTC",
        ),
    ],
)
def test_a_stated_fee_is_within_what_the_intent_allows(name: str, case: Case, reason: str | None) -> None:
    """The draft's own fee, to the unit."""
    verdict = fee_ceiling.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("a payment", PAYMENT, None),
        ("a void", VOID, None),
        ("a call", with_effects(PAYMENT, calls=(ContractCall(ERIN, "", ""),)), "allowed is nothing"),
        ("Minter's send", with_effects(PAYMENT, calls=(minter.SEND,)), "does Send (0x01)"),
    ],
)
def test_where_coins_are_spent_nothing_is_called(name: str, case: Case, reason: str | None) -> None:
    """Outputs pay; a call of any kind means another family's draft."""
    verdict = selectors.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_wallets_and_pools_are_known_by_profile() -> None:
    """Those the policy names, and no other."""
    for profile, reason in (
        ("bip45-p2wsh", None),
        ("bip45-pool-p2wsh", None),
        ("bip45-p2sh", "must be bip45-p2wsh"),
    ):
        verdict = address_derived.judge(with_record(PAYMENT, profile=profile), POLICY)
        assert matches(verdict, reason), (profile, verdict)


def test_a_fee_is_paid_in_the_coin() -> None:
    """There is no other."""
    assert matches(fee_asset.judge(PAYMENT, POLICY), None)
    assert matches(fee_asset.judge(with_effects(PAYMENT, fee_asset=minter.BIP), POLICY), "pays its fee in")


@pytest.mark.parametrize("rule", [cap_hour, cap_day])
def test_fees_fill_the_caps(rule: object) -> None:
    """A void pays nobody and yet takes its fee out of what may leave; so does a payment."""
    window = {"spent_hour": {LTC: 2 * CAP - FEE}, "spent_day": {LTC: 4 * CAP - FEE}}
    assert rule in (cap_hour, cap_day)
    judge = cap_hour.judge if rule is cap_hour else cap_day.judge
    assert matches(judge(with_history(VOID, **window), POLICY), None)
    full = {name: {LTC: sums[LTC] + 1} for name, sums in window.items()}
    assert matches(judge(with_history(VOID, **full), POLICY), "the cap is")
    paying = {name: {LTC: sums[LTC] - PAID} for name, sums in window.items()}
    assert matches(judge(with_history(PAYMENT, **paying), POLICY), None)
    over = {name: {LTC: sums[LTC] + 1} for name, sums in paying.items()}
    assert matches(judge(with_history(PAYMENT, **over), POLICY), "the cap is")


def test_a_fee_does_not_narrow_what_one_transaction_pays() -> None:
    """The cap of a transaction is about what is paid; the fee has three bounds of its own."""
    assert matches(cap_transaction.judge(BATCH, POLICY), None)
    assert paid(BATCH.effects) == {LTC: CAP}
    assert leaving(BATCH.effects) == {LTC: CAP + FEE}
    assert (paid(VOID.effects), leaving(VOID.effects)) == ({}, {LTC: FEE})
    assert leaving(samples.PAYMENT.effects) == paid(samples.PAYMENT.effects)
    assert leaving(minter.PAYMENT.effects) == paid(minter.PAYMENT.effects)


def known(*cases: Case) -> tuple[Remembered, ...]:
    return tuple(
        Remembered(
            case.intent.intent,
            case.intent.hash(),
            case.effects.digests,
            case.effects.slots,
            leaving(case.effects),
            NOW_S - 9,
        )
        for case in cases
    )


def after(case: Case, *earlier: Case) -> Case:
    """The case with these signed before it, as a signer's memory would have them."""
    slots = set(case.effects.slots)
    intent = [one for one in earlier if one.intent.intent == case.intent.intent]
    rivals = [one for one in earlier if slots & set(one.effects.slots)]
    history = History(known(*intent), known(*rivals), {}, {}, {}, ())
    return replace(case, history=history)


A, B, C = "aa" * 32, "bb" * 32, "cc" * 32
FIRST = pay((ERIN, PAID), intent="i-1", coins=(A, B))
RUNG = pay((ERIN, PAID), intent="i-1", coins=(A, B), fee=FEE + 1)
PART = pay((ERIN, PAID), intent="i-1", coins=(B, C))
APART = pay((ERIN, PAID), intent="i-1", coins=(C,))
OTHER = pay((FRANK, PAID), intent="i-2", coins=(B, C))
FREE = pay((FRANK, PAID), intent="i-2", coins=(C,))
BURN = pay(intent="v-1", coins=(A,))
BURN_BOTH = pay(intent="v-1", coins=(A, B))
BURN_MORE = pay(intent="v-2", coins=(B, C))


@pytest.mark.parametrize(
    ("name", "case", "earlier", "reason"),
    [
        ("new", FIRST, (), None),
        ("a rung of the ladder", RUNG, (FIRST,), None),
        ("with other coins beside one of them", PART, (FIRST,), None),
        ("with none of them", APART, (FIRST,), "does not conflict with it"),
        (
            "that shares with one draft and not with another",
            pay((ERIN, PAID), intent="i-1", coins=(C,)),
            (FIRST, PART),
            "does not conflict",
        ),
        ("another intent with one of its coins", OTHER, (FIRST,), "is held by intent i-1"),
        ("another intent with free coins", FREE, (FIRST,), None),
        ("a void of one coin", BURN, (FIRST,), None),
        ("a void of both", BURN_BOTH, (FIRST, RUNG), None),
        ("a void across two intents", BURN_MORE, (FIRST, FREE), None),
        ("a payment of a coin a void holds", FREE, (BURN_MORE,), "is held by intent v-2"),
        (
            "the same intent with other contents",
            with_intent(FIRST, expires_at_s=NOW_S + 1),
            (FIRST,),
            "other contents",
        ),
        ("a coin twice", with_effects(FIRST, slots=(coin(A), coin(A))), (), "names a position twice"),
        ("no coin", with_effects(FIRST, slots=()), (), "uses up nothing"),
    ],
)
def test_a_coin_belongs_to_one_intent(
    name: str, case: Case, earlier: tuple[Case, ...], reason: str | None
) -> None:
    """Each draft of an intent shares a coin with every other; only a void takes coins from another."""
    verdict = never_twice.judge(after(case, *earlier), POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_coins_have_no_order() -> None:
    """Output 4,000,000,000 of a transaction nobody has seen is as good as any; a nonce waits its turn."""
    assert PAYMENT.effects.slots[0].position == 4_000_000_000
    assert matches(never_twice.judge(PAYMENT, POLICY), None)
    in_order = with_effects(PAYMENT, ordered=True)
    assert matches(never_twice.judge(in_order, POLICY), "is not known to this signer")


HOSTILE = {
    "effects_equal_intent": with_effects(PAYMENT, payments=(Payment(FRANK, ltc(PAID)),)),
    "hazards": with_effects(PAYMENT, hazards=(Hazard("bitcoin.odd", "something odd"),)),
    "selectors": with_effects(PAYMENT, calls=(ContractCall("", "0x01", "Send"),)),
    "data_bytes": with_effects(PAYMENT, data_bytes=1),
    "fee_ceiling": fee_of(FEE_MAX + 1, BATCH),
    "fee_rate": with_effects(PAYMENT, fee_rate=10**9),
    "fee_share": fee_of(SHARE_MAX + 1),
    "cap_transaction": pay((ERIN, CAP + 1)),
    "cap_hour": with_history(VOID, spent_hour={LTC: 2 * CAP}),
    "cap_day": with_history(VOID, spent_day={LTC: 4 * CAP}),
    "never_twice": after(OTHER, FIRST),
    "address_derived": replace(PAYMENT, derived_address=CHANGE),
    "not_frozen": with_history(PAYMENT, frozen=("wallet w-b is frozen: drill",)),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_each_rule_stops_here_what_no_other_would(name: str) -> None:
    """With all rules the hostile case is denied by this one alone; with it off, nothing stops it."""
    others = tuple(rule for rule in ALL if name != rule.NAME)
    assert list(objections(HOSTILE[name], POLICY, ALL)) == [name]
    assert objections(HOSTILE[name], POLICY, others) == {}


def test_samples_are_what_they_say() -> None:
    """The void has no outputs, and the network is the one the policy lists."""
    assert VOID.intent.purpose is Purpose.VOID
    assert set(POLICY.networks) == {LITECOIN}
