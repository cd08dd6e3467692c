"""What doctor says of pinned keys while message keys are being changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepcool.core.parties import Peer, Service
from keepcool.local.doctor_keys import compared

OLD = Peer(Service.KEEPER, b"s" * 32, b"e" * 32, b"a" * 32)
NEW = replace(OLD, signing_key=b"S" * 32, sealing_key=b"E" * 32)
BOTH = replace(OLD, next_signing_key=NEW.signing_key, next_sealing_key=NEW.sealing_key)
CONFIG = Path("cooler.toml")


def test_between_two_steps_of_a_rotation_nothing_is_wrong() -> None:
    """Pinned beside each other, the old and the new message keys are both the peer's."""
    assert list(compared(CONFIG, BOTH, OLD)) == []
    assert list(compared(CONFIG, BOTH, NEW)) == []


def test_a_key_that_was_never_pinned_is_wrong() -> None:
    """The twin: new keys that nobody pinned, one new key of two, and another attestation key."""
    assert [one.code for one in compared(CONFIG, OLD, NEW)] == ["doctor.pin"] * 2
    assert list(compared(CONFIG, BOTH, replace(NEW, sealing_key=b"x" * 32)))
    assert list(compared(CONFIG, BOTH, replace(NEW, attestation_key=b"x" * 32)))
