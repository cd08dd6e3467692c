"""Durations, ages and moments are told alike everywhere."""

from __future__ import annotations

import time

import pytest

from keepcool.policy.wording import age, listed, moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"),
        (172_799, "47 h"), (172_800, "2 days"), (10**7, "115 days"),
    ],
)  # fmt: skip
def test_ages_are_rounded_down(seconds: int, text: str) -> None:
    """At least two of a unit, so that nothing is told too coarsely."""
    assert age(seconds) == text


def test_moments_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host's clock shows people."""
    try:
        monkeypatch.setenv("TZ", "XYZ-9")
        time.tzset()
        assert moment(1_800_000_000) == "2027-01-15 08:00:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_lists_are_sorted() -> None:
    """One, two and more names, however they come."""
    assert listed(["b"]) == "b"
    assert listed(("b", "a")) == "a and b"
    assert listed(frozenset({"c", "a", "b"})) == "a, b and c"
