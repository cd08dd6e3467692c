"""EVM addresses, in one spelling: EIP-55.

Laws: an address without its checksum is refused, because one wrong character would then still be an
address; one that cannot be anybody's is refused as a recipient. EIP-55.
"""

from __future__ import annotations

import re
from functools import lru_cache

from keepcool.chains import publickeys
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed

ZERO = "0x" + 40 * "0"
_HEX = re.compile(r"0x[0-9a-fA-F]{40}")
_OTHER_NETWORKS = (
    ("Minter", re.compile(r"Mx[0-9a-fA-F]{40}")),
    ("Bitcoin or Litecoin", re.compile(r"(bc|tb|bcrt|ltc|tltc|rltc)1[0-9a-zA-Z]{6,87}", re.IGNORECASE)),
    ("Bitcoin or Litecoin", re.compile(r"[123LMQmn][1-9A-HJ-NP-Za-km-z]{25,34}")),
    ("Tron", re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")),
)
# Precompiles live here, and nobody holds a key that hashes to so small a number.
_RESERVED_BELOW = 2**16


@lru_cache(maxsize=16384)
def to_checksum(raw: bytes) -> str:
    """EIP-55 spelling of 20 bytes."""
    if len(raw) != 20:
        raise Malformed("address.size", "an EVM address is 20 bytes")
    digits = raw.hex()
    shades = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if shade > "7" else digit for digit, shade in zip(digits, shades, strict=False)
    )


@lru_cache(maxsize=16384)
def parse_address(text: str) -> str:
    """The same text when it is an address in EIP-55 spelling. Raises Malformed otherwise: `address.network`
    for another network's address, `address.form` for no address, `address.checksum` for a wrong spelling."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise _not_an_address(text)
    spelled = to_checksum(bytes.fromhex(text[2:]))
    if text == spelled:
        return text
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        raise Malformed(
            "address.checksum",
            "this address has no checksum (its letters are all of one case), so a typing error could not be "
            "seen; copy it again from its owner in mixed case (EIP-55)",
        )
    raise Malformed(
        "address.checksum",
        "the checksum of this address is wrong: at least one character differs from what its owner wrote; "
        "copy it again (EIP-55)",
    )


def parse_recipient(text: str) -> str:
    """`parse_address`, and refuses those that no one can own: zero, precompiles and other tiny numbers."""
    address = parse_address(text)
    if is_reserved(address):
        raise Malformed(
            "address.reserved",
            f"{address} belongs to nobody: coins sent there are lost; ask for another address",
        )
    return address


def is_reserved(address: str) -> bool:
    return int(address, 16) < _RESERVED_BELOW


def raw_of(address: str) -> bytes:
    """The 20 bytes of an address that was parsed before."""
    return bytes.fromhex(address[2:])


@lru_cache(maxsize=4096)
def of_public_key(public_key: bytes) -> str:
    """The account of a compressed public key (33 bytes)."""
    return to_checksum(keccak256(publickeys.coordinates(public_key))[12:])


def signer_of(digest: bytes, signature: bytes) -> str:
    """The account that made a 65-byte signature over 32 bytes. Raises Malformed as `recover` does."""
    return of_public_key(publickeys.recover(digest, signature))


def _not_an_address(text: object) -> Malformed:
    shown = str(text)[:64]
    for network, pattern in _OTHER_NETWORKS:
        if pattern.fullmatch(str(text)):
            return Malformed(
                "address.network",
                f"{shown} is a {network} address and this is an EVM network: choose the matching network or "
                "ask for an address that begins with 0x",
            )
    return Malformed(
        "address.form",
        f"not an EVM address: {shown!r}; it is 0x and 40 hexadecimal digits in EIP-55 spelling",
    )
