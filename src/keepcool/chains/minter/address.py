"""Minter addresses, in one spelling: Mx and 40 lower-case hexadecimal digits.

Laws: the format has no checksum and nodes pad or crop whatever they are given, so nothing but exactly that
spelling is read; an address that can be nobody's is refused as a recipient. A multisig's address commits to
its creator and the nonce of its creation, not to its owners. Minter, types.go and accounts/model.go.
"""

from __future__ import annotations

import re
from functools import lru_cache

from keepcool.chains import publickeys, rlp
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed

NONCE_MAX = 2**64 - 1
_SPELLING = re.compile(r"Mx[0-9a-f]{40}")
_DIGITS = re.compile(r"[0-9a-fA-F]*")
_OTHER_NETWORKS = (
    ("an EVM", re.compile(r"0x[0-9a-fA-F]{40}")),
    ("a Bitcoin or Litecoin", re.compile(r"(bc|tb|bcrt|ltc|tltc|rltc)1[0-9a-zA-Z]{6,87}", re.IGNORECASE)),
    ("a Bitcoin or Litecoin", re.compile(r"[123LMQmn][1-9A-HJ-NP-Za-km-z]{25,34}")),
    ("a Tron", re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")),
)
_OTHER_OBJECTS = {
    "Mp": "a public key (Mp…)",
    "Mt": "a transaction's hash (Mt…)",
    "Mc": "a cheque (Mc…)",
    "Mh": "a block's hash (Mh…)",
}
# No key hashes to so small a number; a node pads an address cut short to one.
_RESERVED_BELOW = 2**16


def parse_address(text: str) -> str:
    """The same text when it is an address in its one spelling. Raises Malformed: `address.network` for
    another network's address, `address.form` for anything else, saying what is wrong with it."""
    if isinstance(text, str) and _SPELLING.fullmatch(text):
        return text
    raise _not_an_address(str(text))


def parse_recipient(text: str) -> str:
    """`parse_address`, and refuses those that no one can own."""
    address = parse_address(text)
    if is_reserved(address):
        raise Malformed(
            "address.reserved",
            f"{address} belongs to nobody: coins sent there are lost; ask for another address",
        )
    return address


def is_reserved(address: str) -> bool:
    return int(address[2:], 16) < _RESERVED_BELOW


def spelled(raw: bytes) -> str:
    """The spelling of 20 bytes."""
    if len(raw) != 20:
        raise Malformed("address.size", "a Minter address is 20 bytes")
    return "Mx" + raw.hex()


def raw_of(address: str) -> bytes:
    """The 20 bytes of an address that was parsed before."""
    return bytes.fromhex(address[2:])


@lru_cache(maxsize=4096)
def of_public_key(public_key: bytes) -> str:
    """The account of a compressed public key (33 bytes)."""
    return spelled(keccak256(publickeys.coordinates(public_key))[12:])


def signer_of(digest: bytes, signature: bytes) -> str:
    """The account that made a signature (65 bytes: r, s, v) over 32 bytes. Raises Malformed."""
    return of_public_key(publickeys.recover(digest, signature))


def of_multisig(creator: str, nonce: int) -> str:
    """The address of the multisig that `creator` makes by its transaction with this nonce (from 1).
    Raises Malformed."""
    if type(nonce) is not int or not 1 <= nonce <= NONCE_MAX:
        raise Malformed("address.nonce", "the nonce of a creation is a whole number from 1 to 2**64 - 1")
    preimage = rlp.encode([raw_of(parse_address(creator)), rlp.number(nonce)])
    return spelled(keccak256(preimage)[12:])


def _not_an_address(text: str) -> Malformed:
    shown = text[:64]
    for network, pattern in _OTHER_NETWORKS:
        if pattern.fullmatch(text) and not text.startswith("Mx"):
            return Malformed(
                "address.network",
                f"{shown} is {network} address and this is the Minter network: choose the matching network "
                "or ask for an address that begins with Mx",
            )
    return Malformed("address.form", f"not a Minter address: {shown!r}; {_what_is_wrong(text)}")


def _what_is_wrong(text: str) -> str:
    prefix, digits = text[:2], text[2:]
    if prefix in _OTHER_OBJECTS:
        return f"this is {_OTHER_OBJECTS[prefix]}, an address begins with Mx"
    if text != text.strip():
        return "there is a space before or after it"
    if prefix != "Mx":
        return "it is Mx (capital M, small x) and 40 hexadecimal digits"
    if not _DIGITS.fullmatch(digits):
        return "after Mx stand only the digits 0-9 and a-f"
    if len(digits) != 40:
        return f"after Mx stand exactly 40 digits, here are {len(digits)}: copy it again from its owner"
    return "its letters are lower case; the format has no checksum, so copy it again instead of retyping it"
