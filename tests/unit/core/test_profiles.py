"""Departures from the design have names, and say what they give up; two designs are refused by theirs."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed, Refused
from keepcool.core.profiles import Profile, given_up, is_named, profiles


@pytest.mark.parametrize(
    ("name", "instead"), [("single-key", "keeper-with-app"), ("seeds-to-users", "user key")]
)
def test_refuses_designs_that_are_no_custody(name: str, instead: str) -> None:
    """A single key or seeds given away: refused by name, with why, and what to take in its place."""
    with pytest.raises(Refused) as caught:
        profiles(["request-keys", name])
    assert caught.value.code == "profile.refused"
    assert name in caught.value.public
    assert instead in caught.value.public
    assert is_named(name)


def test_refuses_a_name_nobody_knows() -> None:
    """A misspelt departure is an error that lists the known ones, and permits nothing."""
    with pytest.raises(Malformed, match="keeper-with-app, request-keys"):
        profiles(["keeper-with-ap"])
    assert not is_named("safe-1.5.0-l1")


def test_every_departure_says_what_it_gives_up() -> None:
    """No profile is silent about its price, and none is told of that was not chosen."""
    for one in Profile:
        (sentence,) = given_up([one])
        assert sentence.startswith(f"GIVEN UP (profile {one.value})")
    assert given_up([]) == []
    assert profiles(one.value for one in Profile) == frozenset(Profile)
