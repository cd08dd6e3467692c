"""Sealing for oneself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepcool.adapters.identity import rotating
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Malformed
from keepcool.core.parties import Service
from keepcool.local.identities import make_identity


def sealer() -> SelfSealer:
    return SelfSealer(FileIdentity(Service.APP, os.urandom(32), os.urandom(32)), SystemEntropy())


def test_what_is_sealed_opens_again_in_its_context() -> None:
    """Twice sealed it looks different, and never like what is inside."""
    one = sealer()
    first, second = one.seal(b"webhook 1", b"secret"), one.seal(b"webhook 1", b"secret")
    assert first != second
    assert b"secret" not in first
    assert one.open(b"webhook 1", first) == one.open(b"webhook 1", second) == b"secret"


def test_in_another_context_or_with_another_identity_it_does_not_open() -> None:
    """Moved to another row, altered, or taken to another service, it is refused."""
    one = sealer()
    sealed = one.seal(b"webhook 1", b"secret")
    for context in (b"webhook 2", b"webhook 1s", b"webhook ", b""):
        with pytest.raises(Malformed):
            one.open(context, sealed)
    with pytest.raises(Malformed):
        one.open(b"webhook 1", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(Malformed):
        sealer().open(b"webhook 1", sealed)


def test_what_was_sealed_before_a_rotation_still_opens(tmp_path: Path) -> None:
    """What App has sealed for itself opens after a switch, until the keys before are forgotten."""
    make_identity(tmp_path, Service.APP, SystemEntropy())
    sealed = SelfSealer(FileIdentity.load(tmp_path, Service.APP), SystemEntropy()).seal(b"webhook", b"secret")
    rotating.make_next(tmp_path, SystemEntropy())
    rotating.switch(tmp_path)
    switched = SelfSealer(FileIdentity.load(tmp_path, Service.APP), SystemEntropy())
    assert switched.open(b"webhook", sealed) == b"secret"
    assert switched.open(b"webhook", switched.seal(b"webhook", b"new")) == b"new"
    rotating.forget(tmp_path)
    with pytest.raises(Malformed):
        SelfSealer(FileIdentity.load(tmp_path, Service.APP), SystemEntropy()).open(b"webhook", sealed)
