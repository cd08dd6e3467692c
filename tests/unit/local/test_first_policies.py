"""The policies an installation begins with are policies, signed by its root key."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local.plan import network_plan
from keepcool.local.policies import first_policy, signature
from keepcool.policy.document import parse_signature, parse_signed

ROOT = b"\x07" * 32


@pytest.mark.parametrize("signer", [Service.KEEPER, Service.COOLER])
def test_the_first_policy_is_what_the_root_key_signed(signer: Service) -> None:
    """A signer reads it back under the root key, with the plan's caps."""
    plan = network_plan("eip155:10", ["http://a"])
    document = first_policy(signer, plan)
    signed = parse_signature(signature(ROOT, document).decode())
    policy = parse_signed(document, signed, bytes(SigningKey(ROOT).verify_key))
    assert policy.version == 1
    assert policy.assets[plan.assets[0].id].cap_day_units == plan.assets[0].cap_day_units
    assert (policy.networks[plan.id].purse is not None) == (signer is Service.KEEPER)


def test_refuses_a_changed_byte() -> None:
    """A policy edited after signing, or signed by another key, is refused."""
    document = first_policy(Service.KEEPER, network_plan("eip155:10", ["http://a"]))
    signed = parse_signature(signature(ROOT, document).decode())
    public = bytes(SigningKey(ROOT).verify_key)
    with pytest.raises(Refused):
        parse_signed(document.replace(b'day_units = "2', b'day_units = "9'), signed, public)
    with pytest.raises(Refused):
        parse_signed(document, signed, bytes(SigningKey(b"\x08" * 32).verify_key))
