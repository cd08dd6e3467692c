"""What a draft does, as the desk is shown it: every field under its own name, so that nothing is left out."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from keepcool.core.effects import ContractCall, Effects, Hazard, Payment
from keepcool.core.money import Amount
from keepcool.cosigner.showing import effects_shown
from tests.unit.policy.bitcoin_samples import LITECOIN, LTC
from tests.unit.policy.bitcoin_samples import PAYMENT as COINS
from tests.unit.policy.samples import ALICE, BOB, ETH, NETWORK, PAYMENT, SAFE, SPACE

# What a person needs no word of: where keys lie, and that positions have an order.
SILENT = {"leaves", "ordered", "fee_asset"}
NAMES = {"fee_max": "fee"}


def test_a_draft_is_shown_whole() -> None:
    """Payments, change, calls, hazards, places, fee, data and digests, amounts as text."""
    effects = replace(
        PAYMENT.effects,
        payments=(Payment(ALICE, Amount(ETH, 10**20)),),
        change=(Payment(SAFE, Amount(ETH, 7)),),
        calls=(ContractCall(BOB, "0xa9059cbb", "transfer"),),
        hazards=(Hazard("a.b", "odd"),),
        fee_max=Amount(ETH, 5),
        fee_rate=9,
        data_bytes=3,
    )
    assert json.loads(effects_shown(effects)) == {
        "calls": [[BOB, "0xa9059cbb", "transfer"]],
        "change": [[SAFE, ETH, "7"]],
        "data_bytes": 3,
        "data_hash": effects.data_hash,
        "digests": [effects.digests[0].hex()],
        "family": "evm",
        "fee": [ETH, "5"],
        "fee_rate": 9,
        "hazards": [["a.b", "odd"]],
        "network": NETWORK,
        "payments": [[ALICE, ETH, "100000000000000000000"]],
        "slots": [[NETWORK, SPACE, 0]],
        "source": SAFE,
    }


def test_a_draft_without_a_fee_says_none() -> None:
    """Where somebody else pays, or the draft states nothing, there is no fee, not one of zero."""
    assert json.loads(effects_shown(PAYMENT.effects))["fee"] is None
    assert json.loads(effects_shown(COINS.effects))["fee"] == [LTC, "100"]
    assert json.loads(effects_shown(COINS.effects))["network"] == LITECOIN


def test_no_field_of_the_effects_is_forgotten() -> None:
    """A field that is added to the effects is shown, or stands here with those that need not be."""
    shown = set(json.loads(effects_shown(PAYMENT.effects)))
    assert {NAMES.get(one.name, one.name) for one in fields(Effects)} - SILENT == shown
