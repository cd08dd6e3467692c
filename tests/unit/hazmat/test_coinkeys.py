"""Coin keys sign what a judge approved, verify themselves, and release nothing otherwise."""

from __future__ import annotations

import hashlib
import os
from typing import cast

import coincurve
import pytest

from keepcool.core.approval import STAMP, Approval, PurseApproval
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.secret import Secret
from keepcool.hazmat import coinkeys, curve


def random(size_bytes: int) -> bytes:
    return os.urandom(size_bytes)


def zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def approved(*digests: bytes) -> Approval:
    return Approval(IntentId("i1"), WalletId("w1"), digests, "0" * 64, STAMP)


def numbered(value: int) -> Secret:
    return Secret(bytearray(value.to_bytes(32, "big")))


def digest_of(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def test_signs_every_digest_recoverably_in_order() -> None:
    """Each signature is 65 bytes, low-s, v 27/28; another library recovers the public key from it."""
    secret, public = coinkeys.new_key(random)
    digests = [digest_of(number) for number in range(50)]
    signatures = coinkeys.sign(approved(*digests), secret, public)
    for digest, signature in zip(digests, signatures, strict=True):
        assert len(signature) == 65
        assert signature[64] in (27, 28)
        assert int.from_bytes(signature[32:64], "big") <= curve.HALF_ORDER
        compact = signature[:64] + bytes([signature[64] - 27])
        assert coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None).format() == public


def test_signatures_are_those_of_rfc_6979() -> None:
    """The same key and digest give the same bytes as coincurve's own signer, twice."""
    secret, public = numbered(7), coinkeys.public_key(numbered(7))
    expected = coincurve.PrivateKey.from_int(7).sign_recoverable(digest_of(1), hasher=None)
    for _ in range(2):
        [signature] = coinkeys.sign(approved(digest_of(1)), secret, public)
        assert signature[:64] == expected[:64]
        assert signature[64] == 27 + expected[64]


def test_refuses_anything_but_an_approval() -> None:
    """A look-alike with digests is no approval, and an approval cannot be built without the judge's stamp."""

    class LookAlike:
        digests = (bytes(32),)

    secret, public = coinkeys.new_key(random)
    with pytest.raises(TypeError):
        coinkeys.sign(cast("Approval", LookAlike()), secret, public)
    with pytest.raises(TypeError):
        PurseApproval("eip155:1", 0, (bytes(32),), object())


def test_releases_nothing_under_a_foreign_key() -> None:
    """When the unsealed key is not the wallet's own, the signature stays inside."""
    _, expected = coinkeys.new_key(random)
    with pytest.raises(Breach, match=r"hazmat\.wrong_key"):
        coinkeys.sign(approved(digest_of(1)), numbered(9), expected)


def test_skips_entropy_that_is_no_key() -> None:
    """Zero and numbers beyond the order are passed over; a source that gives only them is a breach."""
    draws = iter([bytes(32), b"\xff" * 32, (5).to_bytes(32, "big")])

    def drawn(size_bytes: int) -> bytes:
        return next(draws)

    secret, public = coinkeys.new_key(drawn)
    assert public == coincurve.PrivateKey.from_int(5).public_key.format()
    secret.wipe()
    with pytest.raises(Breach, match=r"hazmat\.entropy"):
        coinkeys.new_key(zeros)


def test_a_wiped_secret_signs_nothing() -> None:
    """After wipe() the key is gone for good."""
    secret, public = coinkeys.new_key(random)
    secret.wipe()
    with pytest.raises(ValueError, match="wiped"):
        coinkeys.sign(approved(digest_of(1)), secret, public)
    with pytest.raises(Malformed):
        coinkeys.public_key(Secret(bytearray(32)))
