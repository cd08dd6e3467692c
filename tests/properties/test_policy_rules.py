"""Every rule answers every case; and a bent case is approved only where bending it changed nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.core.effects import ContractCall, Effects, Hazard, Payment, Slot
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Evidence, Intent, Output, Purpose
from keepcool.core.money import UNITS_LIMIT, Amount
from keepcool.core.parties import Service
from keepcool.core.registry import Standing
from keepcool.core.verdict import Approved, Denied
from keepcool.policy.case import Case, History, Remembered
from keepcool.policy.rules import ALL
from keepcool.policy.spending import paid
from keepcool.policy.terms import Policy
from tests.fixtures.effort import examples
from tests.unit.policy import minter_samples as minter
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP,
    ETH,
    NETWORK,
    POLICY,
    RECORD,
    SAFE,
    SPACE,
    TOKEN,
    TRANSFER,
    UNLISTED,
    USD,
    pay,
    with_effects,
)

pytestmark = pytest.mark.slow

OWN_FEES = replace(
    POLICY.networks[NETWORK],
    fee_rate_max=5,
    fee_assets=frozenset({ETH}),
    data_bytes_max=1,
    calls=frozenset({"0x"}),
)
SELECTORS = ["", "0x01", "0x0d", "0x0D", "0x12", TRANSFER]
networks = st.sampled_from([NETWORK, NetworkId("eip155:1"), NetworkId("bip122:x")])
assets = st.sampled_from([ETH, USD, UNLISTED, AssetId("eip155:1/slip44:60"), AssetId("odd")])
addresses = st.sampled_from([SAFE, ALICE, BOB, TOKEN, ALICE.lower(), "", "\udcff"])
units = st.integers(0, CAP + 2) | st.sampled_from([UNITS_LIMIT - 1, 2**64])
amounts = st.builds(Amount, assets, units)
payments = st.builds(Payment, addresses, amounts)
slots = st.builds(Slot, networks, st.sampled_from([SPACE, "safe:x", ""]), st.integers(-1, 3))
names = st.sampled_from(["i-1", "i-2", "v-1"])
sums = st.dictionaries(assets, st.integers(0, 2**257), max_size=3)
texts = st.text(max_size=8)

effects = st.builds(
    Effects,
    family=st.sampled_from(["evm", "minter", ""]),
    network=networks,
    source=addresses,
    payments=st.lists(payments, max_size=3).map(tuple),
    calls=st.lists(
        st.builds(ContractCall, addresses, st.sampled_from(["", TRANSFER, "0x", "zz"]), texts), max_size=3
    ).map(tuple),
    change=st.lists(payments, max_size=1).map(tuple),
    hazards=st.lists(st.builds(Hazard, texts, texts), max_size=7).map(tuple),
    slots=st.lists(slots, max_size=3).map(tuple),
    fee_max=st.none() | amounts,
    digests=st.just((b"\0" * 32,)),
    fee_rate=st.none() | st.integers(-1, 2**32),
    fee_asset=st.none() | assets,
    data_bytes=st.integers(-1, 3),
)
outputs = st.lists(
    st.builds(Output, addresses, st.builds(Amount, assets, st.integers(1, CAP + 2))), max_size=3
).map(tuple)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    paid_out = draw(outputs)
    return Intent(
        intent=IntentId(draw(names)),
        purpose=Purpose.PAY if paid_out else Purpose.VOID,
        network=draw(networks),
        source=draw(st.sampled_from([RECORD.wallet, WalletId("w-2")])),
        outputs=paid_out,
        fee_max=draw(amounts),
        expires_at_s=draw(st.integers(1, 10**7)),
    )


drafts = st.builds(
    Remembered,
    intent=names,
    intent_hash=st.sampled_from(["", "00" * 32]),
    digests=st.just((b"\0" * 32,)),
    slots=st.lists(slots, max_size=2).map(tuple),
    spent=sums,
    at_s=st.integers(0, 10**7),
)
histories = st.builds(
    History,
    same_intent=st.lists(drafts, max_size=2).map(tuple),
    same_slots=st.lists(drafts, max_size=2).map(tuple),
    lowest_unsigned=st.dictionaries(st.sampled_from([SPACE, "safe:x"]), st.integers(0, 3), max_size=2),
    spent_hour=sums,
    spent_day=sums,
    frozen=st.lists(texts, max_size=2).map(tuple),
)
records = st.builds(
    lambda address, network, profile, threshold, name, standing: replace(
        RECORD,
        address=address,
        network=network,
        profile=profile,
        threshold=threshold,
        policy_class=name,
        standing=standing,
    ),
    addresses,
    networks,
    st.sampled_from(["safe-1.5.0-l1", "x"]),
    st.integers(0, 3),
    st.sampled_from(["", "treasury", "x"]),
    st.sampled_from(list(Standing)),
)
cases = st.builds(
    Case,
    intent=intents(),
    effects=effects,
    record=records,
    attested_by=st.frozensets(st.sampled_from(list(Service))),
    derived_address=addresses,
    evidence=st.lists(st.builds(Evidence, texts, texts, st.binary(max_size=4)), max_size=2).map(tuple),
    history=histories,
    now_s=st.integers(0, 10**7),
    reserved=st.frozensets(addresses, max_size=2),
)
# One policy without the keys of own fees, one with each of them.
policies = st.sampled_from([POLICY, minter.POLICY, replace(POLICY, networks={NETWORK: OWN_FEES})])


@settings(max_examples=examples(200), deadline=None)
@given(cases, policies)
def test_every_rule_answers_every_case(case: Case, policy: Policy) -> None:
    """No rule raises on any case, and each answers under its own name, a denial with a reason."""
    for rule in ALL:
        verdict = rule.judge(case, policy)
        assert isinstance(verdict, Approved | Denied)
        assert verdict.rule == rule.NAME
        assert not isinstance(verdict, Denied) or verdict.reason


near = st.lists(
    st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from([ETH, USD]), st.integers(1, CAP + 2)), max_size=3
).map(lambda outputs: pay(*outputs))
bends = st.fixed_dictionaries(
    {},
    optional={
        "payments": st.lists(payments, max_size=3).map(tuple),
        "source": addresses,
        "hazards": st.lists(st.builds(Hazard, texts, texts), max_size=1).map(tuple),
        "calls": st.lists(st.builds(ContractCall, addresses, st.sampled_from(["", TRANSFER, "0x"]), texts)),
        "slots": st.lists(slots, max_size=2).map(tuple),
        "change": st.lists(payments, max_size=1).map(tuple),
        "fee_rate": st.none() | st.integers(0, 9),
        "fee_asset": st.none() | assets,
        "data_bytes": st.integers(0, 2),
    },
)


@settings(max_examples=examples(300), deadline=None)
@given(near, bends, st.booleans())
def test_what_all_approve_pays_what_was_asked_within_the_caps(
    case: Case, bent: dict[str, object], honest: bool
) -> None:
    """Unanimous approval means the outputs of the intent and nothing else, each asset under its cap; and
    an honest case under its caps is approved."""
    case = case if honest else with_effects(case, **bent)
    approved = all(isinstance(rule.judge(case, POLICY), Approved) for rule in ALL)
    meant = Counter[AssetId]()
    for output in case.intent.outputs:
        meant[output.amount.asset] += output.amount.units
    within = all(total <= CAP for total in meant.values())
    if approved:
        assert paid(case.effects) == meant
        assert within
        assert case.effects.source == SAFE
        assert case.effects.slots == (Slot(NETWORK, SPACE, 0),)
        assert not case.effects.hazards
        assert not case.effects.change
        assert (case.effects.fee_rate, case.effects.fee_asset, case.effects.data_bytes) == (None, None, 0)
    assert approved or not (honest and within)


coins = st.sampled_from([minter.BIP, minter.USDTE, AssetId("minter:1/coin:7")])
minter_near = st.lists(
    st.tuples(st.sampled_from([minter.CAROL, minter.DAVE]), coins, st.integers(1, minter.CAP + 1)), max_size=3
).map(lambda outputs: minter.pay(*outputs))
minter_bends = st.fixed_dictionaries(
    {},
    optional={
        "calls": st.lists(
            st.builds(ContractCall, st.sampled_from(["", minter.CAROL]), st.sampled_from(SELECTORS), texts),
            max_size=2,
        ).map(tuple),
        "hazards": st.lists(st.builds(Hazard, texts, texts), max_size=1).map(tuple),
        "fee_rate": st.none() | st.sampled_from([0, 1, minter.RATE_MAX, minter.RATE_MAX + 1, 2**32 - 1]),
        "fee_asset": st.none() | coins,
        "data_bytes": st.sampled_from([0, 1, 10_000]),
    },
)
standings = st.sampled_from(list(Standing))
reserved_addresses = st.frozensets(st.sampled_from([minter.CAROL, minter.DAVE]), max_size=1)


@settings(max_examples=examples(300), deadline=None)
@given(minter_near, minter_bends, standings, reserved_addresses, st.booleans())
def test_a_minter_draft_all_approve_burns_nothing_and_does_nothing_else(
    case: Case, bent: dict[str, object], standing: Standing, reserved: frozenset[str], honest: bool
) -> None:
    """Unanimous approval means listed calls, a bounded rate in a listed coin, no data, and only proven
    wallets on both ends; and an honest case under its caps is approved."""
    if not honest:
        case = replace(with_effects(case, **bent), reserved=reserved)
        case = replace(case, record=replace(case.record, standing=standing))
    approved = all(isinstance(rule.judge(case, minter.POLICY), Approved) for rule in ALL)
    spent = paid(case.effects)
    within = all(asset in minter.POLICY.assets and units <= minter.CAP for asset, units in spent.items())
    effects = case.effects
    if approved:
        assert within
        assert effects.fee_rate in range(1, minter.RATE_MAX + 1)
        assert (effects.fee_asset, effects.data_bytes, effects.hazards) == (minter.BIP, 0, ())
        assert {(call.contract, call.selector) for call in effects.calls} <= {("", "0x01"), ("", "0x0d")}
        assert case.record.standing is Standing.PROVEN
        assert not case.reserved & {payment.recipient for payment in effects.payments}
    assert approved or not (honest and within)
