"""Whoever wrote a policy file is told the very table and key that cannot be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.errors import Malformed
from keepcool.policy.amounts import spoken
from keepcool.policy.document import parse_policy, parse_signed
from keepcool.policy.terms import NativeAsset
from tests.unit.policy import test_document as plain
from tests.unit.policy import test_people_document as people
from tests.unit.policy.samples import ETH, network

TREASURY = f'allow = ["{plain.HARBOR}"]'


@pytest.mark.parametrize(
    ("document", "code", "told"),
    [
        (
            plain.changed("safe-1.5.0-l1", "Safe 1.5"),
            "policy.name",
            "policy: [networks.\"eip155:1\"] profile: not a valid name: 'Safe 1.5'",
        ),
        (
            plain.changed('gas_budget_day_units = "', 'gas_budget_day_units = "x'),
            "policy.amount",
            'policy: [networks."eip155:1"] purse gas_budget_day_units: an amount is a string of digits',
        ),
        (
            plain.changed(TREASURY, 'allow = ["a", "a"]'),
            "policy.twice",
            "policy: [classes.\"treasury\"] allow: 'a' stands twice",
        ),
        (
            plain.changed("[evidence]", "[evidence]\nx = 1"),
            "policy.form",
            "policy: [evidence]: Object contains unknown field `x`",
        ),
        (
            people.changed("[administrators.root1]", "[administrators.root]"),
            "policy.person",
            "policy: [administrators.root]: the root key signs by this name; give another",
        ),
    ],
)
def test_the_place_and_the_reason_are_told(document: bytes, code: str, told: str) -> None:
    """By a stable code and by the table's own name, so that the line can be found."""
    with pytest.raises(Malformed) as caught:
        parse_policy(document)
    assert caught.value.code == code
    assert caught.value.public.startswith(told)


def test_a_root_key_of_another_size_is_no_key() -> None:
    """One byte more or less is told as what it is, whatever was signed."""
    for size in (31, 33):
        with pytest.raises(Malformed) as caught:
            parse_signed(plain.DOCUMENT, plain.sign(plain.DOCUMENT), bytes(size))
        assert caught.value.code == "policy.root_key"


@pytest.mark.parametrize(
    ("units", "told"),
    [(0, "0 ETH"), (1, "0.000001 ETH"), (10, "0.00001 ETH"), (10**6, "1 ETH"), (2_500_000, "2.5 ETH")],
)
def test_amounts_are_spoken_without_needless_digits(units: int, told: str) -> None:
    """Whole amounts have no point, parts no trailing zeros, and nothing is rounded."""
    policy = replace(network(native=NativeAsset(ETH, "ETH", 6)), assets={})
    assert spoken(ETH, units, policy) == told
