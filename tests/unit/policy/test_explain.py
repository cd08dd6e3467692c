"""A policy is told in sentences a person can check: every number and every name of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.parties import Service
from keepcool.policy.amounts import decimal, spoken
from keepcool.policy.document import parse_policy
from keepcool.policy.explain import sentences
from keepcool.policy.terms import ClassRules
from keepcool.policy.wording import duration
from tests.unit.policy.samples import ALICE, BOB, ETH, POLICY, UNLISTED, USD, network
from tests.unit.policy.test_document import BAD_BOOK, DOCUMENT, HARBOR


def test_the_example_is_told_whole() -> None:
    """Every cap, limit, list and class of the documented example stands in a sentence."""
    policy = parse_policy(DOCUMENT)
    told = "\n".join(sentences(policy))
    for words in (
        f"policy version 1, hash {policy.hash}",
        "at most 6 h",
        "only when Cooler and Keeper attested",
        "Evidence known: approval and user",
        "It has no tiers: what the caps allow needs nobody's signature.",
        "It names no administrators",
        "wallets are safe-1.5.0-l1, and older ones safe-1.4.1-l1",
        "at most 0.05 ETH on fees",
        "0.05 ETH for one transaction and 1 ETH a day, and deploys at most 200 wallets a day",
        "any address may be paid that is not denied",
        f"never paid: {BAD_BOOK}",
        "at most 5 ETH at once, 20 ETH an hour and 100 ETH a day",
        "at most 10000 USDC at once, 50000 USDC an hour and 200000 USDC a day",
        f"class treasury pay only {HARBOR}",
        "class treasury pay at most 1 ETH",
        "Never signed, whatever the policy says: delegatecalls",
    ):
        assert words in told


def test_what_is_missing_is_told_too() -> None:
    """An empty list, no purse, no asset, no network: each is said, not left to be inferred."""
    closed = network(allow=frozenset(), purse=None, older_profiles=())
    told = "\n".join(
        sentences(replace(closed, assets={}, classes={}, evidence_kinds=frozenset({"webauthn"})))
    )
    assert "nobody may be paid: the list of allowed destinations is empty" in told
    assert "no asset is listed, so nothing is paid" in told
    assert "this signer pays no fees" in told
    assert "Evidence known: webauthn; any other kind is refused." in told
    assert "No kind of evidence is known" in "\n".join(sentences(closed))
    assert "older ones" not in told
    assert "names no network, so nothing is signed" in "\n".join(sentences(replace(POLICY, networks={})))


def test_lists_are_told_in_order() -> None:
    """Allowed destinations and services are listed by name, however they are kept."""
    told = "\n".join(sentences(network(allow=frozenset({BOB, ALICE}))))
    assert f"only these may be paid: {ALICE} and {BOB}." in told
    three = replace(POLICY, attestations=frozenset(list(Service)[1:4]))
    assert "only when Cooler, Keeper and Watchtower attested" in "\n".join(sentences(three))


@pytest.mark.parametrize(
    ("name", "rules", "words"),
    [
        ("narrows nothing", ClassRules("c", None, {}), "class c pay like all others"),
        ("pays nobody", ClassRules("c", frozenset(), {}), "class c pay nobody"),
        ("a looser cap", ClassRules("c", None, {USD: 10_000}), "class c pay at most 1 USD"),
    ],
)
def test_a_class_is_told_as_it_works(name: str, rules: ClassRules, words: str) -> None:
    """What a class changes, by its effect: a cap above the asset's is told as the asset's."""
    assert words in "\n".join(sentences(replace(POLICY, classes={"c": rules}))), name


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 18, "0"),
        (1, 18, "0.000000000000000001"),
        (10**18, 18, "1"),
        (15 * 10**17, 18, "1.5"),
        (10**18 + 1, 18, "1.000000000000000001"),
        (7, 0, "7"),
        (100, 0, "100"),
        (2**256 - 1, 77, f"1.{str(2**256 - 1)[1:]}"),
    ],
)
def test_amounts_are_told_exactly(units: int, decimals: int, text: str) -> None:
    """Every digit, no rounding, no trailing zeros after the point."""
    assert decimal(units, decimals) == text


def test_amounts_carry_their_symbol() -> None:
    """Listed assets by symbol, an unlisted native too, and anything else by its full name in base units."""
    assert spoken(USD, 150, POLICY) == "1.5 USD"
    assert spoken(ETH, 10**18, replace(POLICY, assets={})) == "1 ETH"
    assert spoken(UNLISTED, 5, POLICY) == f"5 base units of {UNLISTED}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 s"),
        (60, "1 min"),
        (90, "90 s"),
        (3600, "1 h"),
        (5400, "90 min"),
        (86_400, "1 day"),
        (172_800, "2 days"),
        (0, "0 s"),
    ],
)
def test_durations_are_exact(seconds: int, text: str) -> None:
    """The largest unit that says it without a fraction."""
    assert duration(seconds) == text
