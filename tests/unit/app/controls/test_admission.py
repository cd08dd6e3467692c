"""Who comes with texts that are no keys waits at the door, and nobody else with him."""

from __future__ import annotations

import contextlib

import pytest

from keepcool.app.controls.admission import STRANGERS, Door
from keepcool.app.controls.buckets import Rate
from keepcool.app.controls.keyed import Limits
from keepcool.app.controls.settings import LimitSettings
from keepcool.app.keys import ApiKey, Scope
from keepcool.core.errors import Refused, Unavailable

HERE, THERE = "203.0.113.5", "198.51.100.7"
KEY = ApiKey("key_1", "shop", frozenset({Scope.READ}), 1, None)


def flooded(door: Door, peer: str, count: int = 1000) -> int:
    """How many of so many guesses are looked up."""
    looked_up = 0
    for number in range(count):
        with contextlib.suppress(Unavailable):
            door.check_stranger(f"kc_{peer}{number}", peer, (), 0)
            looked_up += 1
    return looked_up


def test_a_flood_of_guesses_does_not_reach_the_database() -> None:
    """The attack, by somebody without any key; a key known before passes from the same address, and others
    from elsewhere come first with theirs."""
    door = Door(LimitSettings())
    door.learn("kc_good")
    assert flooded(door, HERE) == STRANGERS.burst
    door.check_stranger("kc_good", HERE, (), 0)
    door.check_stranger("kc_new", THERE, (), 0)
    with pytest.raises(Unavailable):
        door.check_stranger("kc_new", HERE, (), 0)
    door.check_stranger("kc_new", HERE, (), 1_000)


def test_without_the_door_every_guess_is_looked_up() -> None:
    """The twin: with no rate for strangers each one costs a transaction."""
    assert flooded(Door(LimitSettings(), strangers=Rate(0, 1)), HERE) == 1000


def test_addresses_of_one_network_are_one_caller() -> None:
    """Whoever has a /64 of IPv6 has more addresses than anybody may guess from."""
    door = Door(LimitSettings())
    flooded(door, "2001:db8:0:1::1")
    assert flooded(door, "2001:db8:0:1:ffff::2") == 0
    assert flooded(door, "2001:db8:0:2::1") == STRANGERS.burst


def test_a_key_used_elsewhere_is_not_worn_out() -> None:
    """Refused by its address it has lost nothing of its rate."""
    door, limits = Door(LimitSettings()), Limits(requests_per_s=1, requests_burst=1, networks=(f"{HERE}/32",))
    for _ in range(10):
        with pytest.raises(Refused):
            door.check_address(limits, THERE, ())
    assert door.take(KEY, limits, 0).remaining == 0
