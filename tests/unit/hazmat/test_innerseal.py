"""The inner seal opens only for the service, wallet, network and purpose it was made for."""

from __future__ import annotations

import dataclasses
import os

import pytest

from keepcool.core.errors import Breach, Malformed
from keepcool.core.secret import Secret
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound

BOUND = Bound("keeper", "w1", "eip155:31337", "hot")


def random(size_bytes: int) -> bytes:
    return os.urandom(size_bytes)


def secret() -> Secret:
    return Secret(bytearray(range(32)))


def opened(one: Secret) -> bytes:
    with one.opened() as view:
        return bytes(view)


def test_opens_what_it_sealed() -> None:
    """The same key and binding give the secret back, and no plaintext stands in the sealed form."""
    key = InnerKey(bytearray(os.urandom(32)))
    sealed = key.seal(secret(), BOUND, random)
    assert opened(key.unseal(sealed, BOUND)) == bytes(range(32))
    assert bytes(range(8)) not in sealed


@pytest.mark.parametrize("field", ["service", "wallet", "network", "purpose"])
def test_refuses_another_binding(field: str) -> None:
    """A ciphertext moved to another row does not open there; unbound, the swap would go unseen."""
    key = InnerKey(bytearray(os.urandom(32)))
    sealed = key.seal(secret(), BOUND, random)
    elsewhere = dataclasses.replace(BOUND, **{field: "other"})
    with pytest.raises(Breach, match=r"hazmat\.sealed_elsewhere"):
        key.unseal(sealed, elsewhere)


def test_refuses_altered_bytes_and_foreign_keys() -> None:
    """One flipped bit, a cut tail, another key: none of them opens."""
    key = InnerKey(bytearray(os.urandom(32)))
    sealed = key.seal(secret(), BOUND, random)
    for place in range(1, len(sealed)):
        bent = bytearray(sealed)
        bent[place] ^= 1
        with pytest.raises(Breach):
            key.unseal(bytes(bent), BOUND)
    with pytest.raises(Breach):
        InnerKey(bytearray(os.urandom(32))).unseal(sealed, BOUND)
    with pytest.raises(Malformed):
        key.unseal(b"\x02" + sealed[1:], BOUND)
    with pytest.raises(Malformed):
        key.unseal(sealed[:30], BOUND)


def test_inner_key_has_32_bytes() -> None:
    """A short key file is refused at start, not at the first signature."""
    with pytest.raises(Malformed, match=r"hazmat\.inner_key"):
        InnerKey(bytearray(16))
