"""Batches as App would like them to be signed: real bytes, the signers' own decoder, all their rules.

Each attack is refused, and approved by the same judge once the rules that stop it are switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from keepcool.chains.evm.address import ZERO
from keepcool.chains.evm.batch import Call, encode_batch
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.payouts import call_of, pay_many
from keepcool.chains.evm.profiles import SafeProfile, profile_named
from keepcool.chains.evm.safe import SafeTx
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.verdict import Verdict
from keepcool.cosigner.judge import Granted, Rulebook, Withheld, judge
from keepcool.policy import rules
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP,
    ETH,
    POLICY,
    SAFE,
    TOKEN,
    UNLISTED,
    USD,
    history,
    pay,
)

CHAIN = 31337
PROFILE: SafeProfile = profile_named("safe-1.5.0-l1")
MULTISEND = "0x218543288004CD07832472D464648173c77D7eB7"  # MultiSend 1.5.0: its inner calls may delegate
MALLORY = "0x00000000000000000000000000000000DeaDBeef"
OUTPUTS = ((ALICE, ETH, 10), (BOB, USD, 20), (ALICE, USD, 5))


def output(to: str, asset: AssetId, units: int) -> Output:
    return Output(to, Amount(asset, units))


MEANT = tuple(output(*one) for one in OUTPUTS)
CALLS = [call_of(one, CHAIN) for one in MEANT]
HONEST = pay_many(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=MEANT)


def case_of(tx: SafeTx) -> Case:
    """What a signer makes of these bytes beside the honest intent."""
    return replace(pay(*OUTPUTS), effects=decode_safe_tx(tx, PROFILE), history=history())


def judged(case: Case, off: Sequence[str] = (), policy: Policy = POLICY) -> Granted | Withheld:
    book = tuple((rule.NAME, partial(_asked, rule, policy)) for rule in rules.ALL if rule.NAME not in off)
    return judge(case, Rulebook(policy.hash, book))


def _asked(rule: rules.Rule, policy: Policy, case: Case) -> Verdict:
    return rule.judge(case, policy)


def batch(calls: Sequence[Call]) -> SafeTx:
    return replace(HONEST, data=encode_batch(calls))


def transfer(to: str, units: int, token: str = TOKEN) -> Call:
    made = call_of(output(to, USD, units), CHAIN)
    return replace(made, to=token)


UNKNOWN = Call(TOKEN, 0, bytes.fromhex("095ea7b3") + CALLS[1].data[4:])  # approve(mallory, ...)
THRESHOLD = Call(SAFE, 0, bytes.fromhex("694e80c3") + bytes(31) + b"\1")  # changeThreshold(1)
EQUAL = ("effects_equal_intent",)
ATTACKS: dict[str, tuple[SafeTx, tuple[str, ...]]] = {
    "one more transfer": (batch([*CALLS, transfer(MALLORY, 1)]), EQUAL),
    "one more payment of coins": (batch([Call(MALLORY, 1, b""), *CALLS]), EQUAL),
    "the same one twice": (batch([*CALLS, CALLS[1]]), EQUAL),
    "one left out": (batch(CALLS[:2]), EQUAL),
    "in another order": (batch(CALLS[::-1]), EQUAL),
    "another recipient": (batch([CALLS[0], transfer(MALLORY, 20), CALLS[2]]), EQUAL),
    "another amount": (batch([CALLS[0], transfer(BOB, 21), CALLS[2]]), EQUAL),
    "two amounts changed for each other": (batch([CALLS[0], transfer(BOB, 5), transfer(ALICE, 20)]), EQUAL),
    "value beside a transfer": (
        batch([CALLS[0], replace(CALLS[1], value=1), CALLS[2]]),
        ("effects_equal_intent", "hazards", "destinations"),
    ),
    "an approval beside": (batch([*CALLS, UNKNOWN]), ("hazards", "selectors")),
    "a call of the wallet itself": (batch([*CALLS, THRESHOLD]), ("hazards", "selectors")),
    "a call of the zero address": (batch([*CALLS, Call(ZERO, 0, b"")]), ("hazards",)),
    "an empty call": (batch([*CALLS, Call(MALLORY, 0, b"")]), ("hazards",)),
    "another token": (
        batch([CALLS[0], transfer(BOB, 20, UNLISTED.rpartition(":")[2]), CALLS[2]]),
        ("effects_equal_intent", "selectors", "cap_transaction", "cap_hour", "cap_day"),
    ),
    "a value of the batch itself": (replace(HONEST, value=1), ("hazards",)),
    "by MultiSend": (replace(HONEST, to=MULTISEND), ("hazards", "selectors", "effects_equal_intent")),
    "by a contract of the attacker's": (
        replace(HONEST, to=MALLORY),
        ("hazards", "selectors", "effects_equal_intent"),
    ),
    "a plain call of the batch contract": (
        replace(HONEST, operation=0),
        ("hazards", "selectors", "effects_equal_intent"),
    ),
    "a refund to whoever sends it": (replace(HONEST, gas_price=1), ("hazards",)),
}  # fmt: skip


def test_an_honest_batch_is_signed() -> None:
    """What pays exactly the intent's outputs, in its order, is approved."""
    assert isinstance(judged(case_of(HONEST)), Granted)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_batch_that_does_anything_else_is_refused(name: str) -> None:
    """A batch beside the intent by a single call, byte or field is not signed; with the rules that stop it
    switched off it is."""
    tx, stopped_by = ATTACKS[name]
    refused = judged(case_of(tx))
    assert isinstance(refused, Withheld), name
    assert not refused.review
    off = judged(case_of(tx), stopped_by)
    assert isinstance(off, Granted), off


def test_a_delegatecall_inside_is_no_batch_at_all() -> None:
    """An inner operation other than a plain call is malformed: MultiSendCallOnly reverts on it."""
    packed = bytearray(HONEST.data)
    packed[4 + 64] = 1
    with pytest.raises(Malformed):
        decode_safe_tx(replace(HONEST, data=bytes(packed)), PROFILE)


@pytest.mark.parametrize("cut", [1, 31, 32, 200])
def test_a_batch_is_read_to_its_last_byte(cut: int) -> None:
    """Bytes missing or added at the end are malformed."""
    for data in (HONEST.data[:-cut], HONEST.data + bytes(cut)):
        with pytest.raises(Malformed):
            decode_safe_tx(replace(HONEST, data=data), PROFILE)


def test_caps_hold_over_the_whole_batch() -> None:
    """Payments that are each under the cap, and together above it, are refused; with the caps off they are
    signed."""
    half = CAP // 2 + 1
    outputs = ((ALICE, USD, half), (BOB, USD, half))
    meant = [output(*one) for one in outputs]
    tx = pay_many(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=meant)
    case = replace(pay(*outputs), effects=decode_safe_tx(tx, PROFILE))
    refused = judged(case)
    assert isinstance(refused, Withheld)
    assert isinstance(judged(case, ["cap_transaction", "cap_hour", "cap_day"]), Granted)
    assert all(isinstance(judged(replace(pay(one), effects=_alone(one))), Granted) for one in outputs)


def _alone(one: tuple[str, AssetId, int]) -> Effects:
    tx = pay_many(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=[output(*one)])
    return decode_safe_tx(tx, PROFILE)


def test_every_recipient_of_a_batch_is_judged() -> None:
    """One denied recipient among many spoils the batch, and nothing of it is signed."""
    network = next(iter(POLICY.networks.values()))
    denied = replace(POLICY, networks={network.network: replace(network, deny=frozenset({BOB}))})
    refused = judged(case_of(HONEST), policy=denied)
    assert isinstance(refused, Withheld)
    assert isinstance(judged(case_of(HONEST), ["destinations"], denied), Granted)
