"""The façade for public keys: the key or a refusal, never a yes or no."""

from __future__ import annotations

import pytest

from keepcool.chains import publickeys
from keepcool.core.errors import Malformed
from tests.vectors import evm

VECTOR = evm.safe_txs()[0]
SIGNATURE = VECTOR.signatures[evm.OWNERS["hot"]]
KEY = publickeys.recover(VECTOR.digest, SIGNATURE)


def with_s(s: int, v: int = SIGNATURE[64]) -> bytes:
    return SIGNATURE[:32] + s.to_bytes(32, "big") + bytes((v,))


def test_a_valid_signature_verifies_against_its_key_alone() -> None:
    """`verify` returns for the signer's key and raises for another."""
    publickeys.verify(VECTOR.digest, SIGNATURE, KEY)
    other = publickeys.recover(VECTOR.digest, VECTOR.signatures[evm.OWNERS["cool"]])
    with pytest.raises(Malformed, match=r"signature\.owner"):
        publickeys.verify(VECTOR.digest, SIGNATURE, other)


def test_the_twin_with_a_high_s_is_refused() -> None:
    """The same signature in its other form, which the curve would accept, is refused."""
    s = int.from_bytes(SIGNATURE[32:64], "big")
    twin = with_s(publickeys.CURVE_ORDER - s, 55 - SIGNATURE[64])
    with pytest.raises(Malformed, match=r"signature\.high_s"):
        publickeys.recover(VECTOR.digest, twin)


@pytest.mark.parametrize("v", [0, 1, 2, 26, 29, 31, 32, 35, 255])
def test_refuses_any_v_but_27_and_28(v: int) -> None:
    """Contract signatures, pre-approved hashes, eth_sign and EIP-155 values are refused."""
    with pytest.raises(Malformed, match=r"signature\.form"):
        publickeys.recover(VECTOR.digest, SIGNATURE[:64] + bytes((v,)))


@pytest.mark.parametrize(
    "signature",
    [b"", SIGNATURE[:64], SIGNATURE + b"\0", bytes(64) + b"\x1b", b"\xff" * 32 + SIGNATURE[32:], with_s(0)],
    ids=["empty", "short", "long", "zero", "r beyond the order", "s zero"],
)
def test_refuses_bytes_that_are_no_signature(signature: bytes) -> None:
    """Wrong sizes and values outside the curve recover to nobody."""
    with pytest.raises(Malformed):
        publickeys.recover(VECTOR.digest, signature)


def test_encodes_r_s_and_recovery_id() -> None:
    """The 65 bytes are rebuilt from their parts; a high s or a recovery id above 1 is refused."""
    r, s, recovery_id = SIGNATURE[:32], SIGNATURE[32:64], SIGNATURE[64] - 27
    assert publickeys.signature65(r, s, recovery_id) == SIGNATURE
    with pytest.raises(Malformed, match=r"signature\.form"):
        publickeys.signature65(r, s, 2)
    with pytest.raises(Malformed, match=r"signature\.high_s"):
        publickeys.signature65(r, (publickeys.CURVE_ORDER - 1).to_bytes(32, "big"), 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("02" + "00" * 32, "public_key.point"),
        ("02" + "ff" * 32, "public_key.point"),
        ("04" + KEY.hex()[2:], "public_key.form"),
        (KEY.hex().upper(), "public_key.form"),
        (KEY.hex()[:-2], "public_key.form"),
        ("0x" + KEY.hex(), "public_key.form"),
    ],
)
def test_refuses_a_public_key_off_the_curve_or_in_another_form(text: str, code: str) -> None:
    """Only 33 compressed bytes in lower-case hex that are a point of the curve are a key."""
    assert publickeys.parse_public_key(KEY.hex()) == KEY
    with pytest.raises(Malformed) as refused:
        publickeys.parse_public_key(text)
    assert refused.value.code == code
