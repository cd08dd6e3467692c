"""Surplus goes to the harbor of the signer's own policy without a cap, and to nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.ids import AssetId
from keepcool.policy.case import Case
from keepcool.policy.rules import ALL
from keepcool.policy.spending import leaving
from keepcool.policy.terms import Policy
from tests.unit.policy import samples
from tests.unit.policy.bitcoin_samples import CAP, ERIN, FEE, FRANK, LITECOIN, LTC, POLICY, pay
from tests.unit.policy.samples import objections, with_history

MUCH = 1000 * CAP
CAPS = {"cap_transaction", "cap_hour", "cap_day"}


def harbored(harbor: str | None) -> Policy:
    rules = replace(POLICY.networks[LITECOIN], harbor=harbor)
    return replace(POLICY, networks={LITECOIN: rules})


def sweep(*recipients: str) -> Case:
    return pay(*((one, MUCH) for one in recipients))


def test_surplus_to_the_harbor_passes_every_rule() -> None:
    """Far more than any cap, in one payment, and with windows that are full already."""
    full = {"spent_hour": {LTC: 2 * CAP - FEE}, "spent_day": {LTC: 4 * CAP - FEE}}
    for case in (sweep(FRANK), with_history(sweep(FRANK), **full)):
        assert objections(case, harbored(FRANK), ALL) == {}


@pytest.mark.parametrize("harbor", [None, ERIN, FRANK.lower()], ids=["none", "another", "another spelling"])
def test_without_that_harbor_the_same_payment_is_refused(harbor: str | None) -> None:
    """Twin: an App that names a harbor of its own, with a policy that names none or another, meets every
    cap."""
    assert set(objections(sweep(FRANK), harbored(harbor), ALL)) >= CAPS


def test_what_goes_elsewhere_beside_the_harbor_is_counted() -> None:
    """A sweep that pays a second recipient is held to the caps for that one."""
    assert set(objections(sweep(FRANK, ERIN), harbored(FRANK), ALL)) >= CAPS


def test_a_journal_remembers_the_fee_of_a_sweep_alone() -> None:
    """What went to the harbor fills no window of those who withdraw; its fee does."""
    effects = sweep(FRANK).effects
    assert leaving(effects, FRANK) == {LTC: FEE}
    assert leaving(effects) == {LTC: MUCH + FEE}


@pytest.mark.parametrize("asset", [samples.ETH, samples.USD])
def test_a_treasurys_surplus_is_judged_alike(asset: AssetId) -> None:
    """Coins and tokens of an EVM chain: past every cap to the harbor of the signer's own policy. Twin: to
    anywhere else, or with a policy that names no harbor or another, the same payment meets every cap."""
    surplus = samples.pay((samples.ALICE, asset, 1000 * samples.CAP))
    assert objections(surplus, samples.network(harbor=samples.ALICE), ALL) == {}
    for harbor in (None, samples.BOB, samples.ALICE.lower()):
        assert set(objections(surplus, samples.network(harbor=harbor), ALL)) >= CAPS
