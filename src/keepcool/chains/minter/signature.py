"""Signatures as Minter carries them: RLP of v, r and s, of one account or of a multisig's owners.

Laws: one spelling each (low s, v 27 or 28, numbers in shortest form), at most 32 in a multisig and no owner
twice. The list [v, r, s] by itself is what the SDKs exchange (hex f843…). Minter, transaction.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains import publickeys, rlp
from keepcool.chains.minter.address import raw_of, signer_of, spelled
from keepcool.core.errors import Malformed

SINGLE, MULTI = 1, 2
SIGNATURES_MAX = 32
_HALF_BYTES = 32
_MARKS = (b"\x1b", b"\x1c")  # 27 and 28
_HALF_ORDER = (publickeys.CURVE_ORDER // 2).to_bytes(_HALF_BYTES, "big")


@dataclass(frozen=True, slots=True)
class SingleSignature:
    """`signature` is r, s, v in 65 bytes."""

    signature: bytes

    @property
    def signatures(self) -> tuple[bytes, ...]:
        return (self.signature,)


@dataclass(frozen=True, slots=True)
class MultiSignature:
    """`address` is the wallet that claims to send: no signature covers it."""

    address: str
    signatures: tuple[bytes, ...]


SignatureData: TypeAlias = SingleSignature | MultiSignature


def encode(signature: bytes) -> bytes:
    """The interoperable form of r, s, v (65 bytes). Raises Malformed on one that is not its one spelling."""
    return rlp.encode(_fields(signature))


def parse(data: bytes) -> bytes:
    """r, s, v (65 bytes) behind the interoperable form. Raises Malformed."""
    return _signature(rlp.decode(data))


def encode_data(found: SignatureData) -> bytes:
    """The tenth field of a transaction."""
    match found:
        case SingleSignature(signature):
            return encode(signature)
        case MultiSignature(address, signatures):
            return rlp.encode([raw_of(address), [_fields(one) for one in signatures]])


def parse_data(signature_type: int, data: bytes) -> SignatureData:
    """The tenth field. Raises Malformed."""
    if signature_type == SINGLE:
        return SingleSignature(parse(data))
    address, listed = rlp.decode_list(data, 2)
    if not isinstance(address, bytes) or not isinstance(listed, list) or len(listed) > SIGNATURES_MAX:
        raise _malformed(f"a multisig's signature is its address and a list of at most {SIGNATURES_MAX}")
    return MultiSignature(spelled(address), tuple(_signature(one) for one in listed))


def signers(digest: bytes, signatures: Sequence[bytes]) -> tuple[str, ...]:
    """The accounts behind the signatures, in their order. Raises Malformed, also on one that signs twice."""
    found = tuple(signer_of(digest, one) for one in signatures)
    if len(set(found)) != len(found):
        raise Malformed("signature.duplicate", "one owner has signed twice; nodes refuse that")
    return found


def _fields(signature: bytes) -> list[bytes]:
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise _malformed("a signature is r, s and v, where v is 27 or 28")
    r, s = signature[:32], signature[32:64]
    if s > _HALF_ORDER:
        publickeys.signature65(r, s, signature[64] - 27)  # raises
    return [signature[64:], r.lstrip(b"\0"), s.lstrip(b"\0")]


def _signature(item: rlp.Item) -> bytes:
    if not isinstance(item, list) or len(item) != 3:
        raise _malformed("a signature is the list of v, r and s")
    v, r, s = item
    if not isinstance(v, bytes) or v not in _MARKS:
        raise _malformed("the v of a signature is 27 or 28")
    signature = _half(r) + _half(s) + v
    if signature[32:64] > _HALF_ORDER:
        publickeys.signature65(signature[:32], signature[32:64], v[0] - 27)  # raises
    return signature


def _half(item: rlp.Item) -> bytes:
    if isinstance(item, bytes) and item and item[0] and len(item) <= _HALF_BYTES:
        return item if len(item) == _HALF_BYTES else item.rjust(_HALF_BYTES, b"\0")
    raise _malformed("r and s are numbers of at most 32 bytes, above zero and in shortest form")


def _malformed(why: str) -> Malformed:
    return Malformed("signature.form", why)
