"""A FIDO2 key without a browser: what it signs verifies as a browser's does, and for this site alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any, cast

import pytest
from Crypto.Hash import SHA256
from Crypto.Signature import DSS
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice
from fido2.hid import CAPABILITY

from keepcool.cli import desk_keys
from keepcool.cli.desk_keys import SecurityKey
from keepcool.core.errors import Refused, Unavailable
from keepcool.wire import proofs
from tests.fixtures.softkey import DESK, ORIGIN, RP_ID, SoftPasskey, Touch, authenticator_data

ALICE = SoftPasskey("alice")
CHALLENGE = b"\x5a" * 32
_INFO, _ASSERTION = 0x04, 0x02


class SoftDevice(CtapDevice):
    """Just enough of an authenticator (CTAP 2.0): one credential, its holder always verified."""

    def __init__(self, key: SoftPasskey) -> None:
        self.key = key

    @property
    def capabilities(self) -> int:
        return CAPABILITY.CBOR

    def call(
        self,
        cmd: int,  # noqa: ARG002
        data: bytes = b"",
        event: Event | None = None,  # noqa: ARG002
        on_keepalive: Callable[[STATUS], None] | None = None,  # noqa: ARG002
    ) -> bytes:
        if data[0] == _INFO:
            return b"\0" + cbor.encode(
                {1: ["FIDO_2_0"], 3: bytes(16), 4: {"up": True, "uv": True, "rk": False}, 6: [1]}
            )
        assert data[0] == _ASSERTION
        asked = cast("dict[int, Any]", cbor.decode(data[1:]))
        known = desk_keys._unpacked(self.key.credential)
        if known not in [dict(one)["id"] for one in asked.get(3, [])]:
            return b"\x2e"  # no credentials
        said = authenticator_data(Touch(rp_id=asked[1]), 1)
        hashed = SHA256.new(said + asked[2])
        signature = DSS.new(self.key.secret, "fips-186-3", encoding="der").sign(hashed)
        return b"\0" + cbor.encode({1: {"type": "public-key", "id": known}, 2: said, 3: signature})

    def close(self) -> None: ...

    @classmethod
    def list_devices(cls) -> Iterator[SoftDevice]:
        yield cls(ALICE)


def test_a_security_key_signs_as_in_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its proof verifies for this challenge and site, names its credential, and verifies for nothing else."""
    monkeypatch.setattr(desk_keys, "_device", lambda: SoftDevice(ALICE))
    credential, proof = SecurityKey(ORIGIN, RP_ID).sign(CHALLENGE, ["AAAA", ALICE.credential])
    assert credential == ALICE.credential
    proofs.verify(ALICE.key, CHALLENGE, proof, DESK)
    with pytest.raises(Refused, match=r"proof\.challenge"):
        proofs.verify(ALICE.key, bytes(32), proof, DESK)


def test_a_key_without_the_credential_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another key, a relying party that is not the desk's, and no key at all are refused in words."""
    monkeypatch.setattr(desk_keys, "_device", lambda: SoftDevice(SoftPasskey("bob")))
    with pytest.raises(Refused, match=r"desk\.security_key"):
        SecurityKey(ORIGIN, RP_ID).sign(CHALLENGE, [ALICE.credential])
    with pytest.raises(Refused, match=r"desk\.security_key"):
        SecurityKey(ORIGIN, "evil.example").sign(CHALLENGE, [ALICE.credential])
    monkeypatch.undo()
    monkeypatch.setattr("fido2.hid.CtapHidDevice.list_devices", lambda: iter(()))
    with pytest.raises(Unavailable, match=r"desk\.security_key"):
        SecurityKey(ORIGIN, RP_ID).sign(CHALLENGE, [ALICE.credential])
