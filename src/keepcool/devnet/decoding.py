"""The simulator's own reading of transactions, not the wallet's, so that each checks the other.

Laws: canonical RLP only, exactly ten items; a signature is over the first nine (so a wallet's address is not
in it); V is 27 or 28 and S is low. Specification: Minter transactions v2; EIP-2 for the low S.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import rlp
from coincurve import PublicKey
from Crypto.Hash import keccak
from rlp.exceptions import RLPException

from keepcool.devnet.forms import ADDRESS, BIG, KINDS, U32, U64, Item, items, named, number, raw
from keepcool.devnet.rejections import Rejection, undecodable

RAW_BYTES_MAX, PAYLOAD_BYTES_MAX, SERVICE_BYTES_MAX = 16144, 10_000, 128
SINGLE, MULTI = 1, 2
_ITEMS, _SIGNED_ITEMS = 10, 9
_BYTE = number(8)
_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_UNREGISTERED = 0x13  # the node's decoder of v3 does not know it
_BAD_SIGNATURE = "invalid transaction v, r, s values"


@dataclass(frozen=True, slots=True)
class Signature:
    v: int
    r: int
    s: int

    def signer(self, digest: bytes) -> bytes:
        """The address. Raises Rejection (106) when it is none."""
        if self.v not in (27, 28) or not 0 < self.r < _ORDER or not 0 < self.s <= _ORDER // 2:
            raise undecodable(_BAD_SIGNATURE)
        signature = self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes((self.v - 27,))
        try:
            key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
        except Exception as error:  # coincurve raises no narrower one
            raise undecodable("recovery failed") from error
        return keccak256(key.format(compressed=False)[1:])[12:]


@dataclass(frozen=True, slots=True)
class Tx:
    """`multisig` is the address that a multi-signature names, `digest` what its owners signed."""

    raw: bytes
    nonce: int
    chain_id: int
    gas_price: int
    gas_coin: int
    kind: int
    fields: Mapping[str, Any]
    payload: bytes
    service_data: bytes
    digest: bytes
    multisig: bytes | None
    signatures: tuple[Signature, ...]

    @property
    def hash(self) -> bytes:
        return sha256(self.raw).digest()

    @property
    def name(self) -> str:
        return KINDS[self.kind][0]

    @property
    def extra_bytes(self) -> int:
        return len(self.payload) + len(self.service_data)

    def sender(self) -> bytes:
        """Raises Rejection (106) when a single signature has no signer."""
        return self.multisig if self.multisig is not None else self.signatures[0].signer(self.digest)


def decode(raw_tx: bytes, *, signed: bool = True) -> Tx:
    """`signed` False leaves the signatures alone, as for an estimate. Raises Rejection (106)."""
    found = items(_item(raw_tx))
    if len(found) != _ITEMS:
        few = len(found) < _ITEMS
        raise undecodable("rlp: too few elements for transaction.Transaction" if few else "rlp: too many")
    kind = _BYTE(found[4])
    multisig, signatures = _signatures(_BYTE(found[8]), raw(found[9]), signed=signed)
    return Tx(
        raw=raw_tx,
        nonce=U64(found[0]),
        chain_id=_BYTE(found[1]),
        gas_price=U32(found[2]),
        gas_coin=U32(found[3]),
        kind=kind,
        fields=_data(kind, raw(found[5])),
        payload=raw(found[6]),
        service_data=raw(found[7]),
        digest=keccak256(rlp.encode(found[:_SIGNED_ITEMS])),
        multisig=multisig,
        signatures=signatures,
    )


def multisig_address(creator: bytes, nonce: int) -> bytes:
    return keccak256(rlp.encode([creator, nonce]))[12:]


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def _data(kind: int, encoded: bytes) -> Mapping[str, Any]:
    if kind not in KINDS or kind == _UNREGISTERED:
        raise undecodable("tx type is not registered")
    return named(KINDS[kind][1], _item(encoded))


def _signatures(kind: int, encoded: bytes, *, signed: bool) -> tuple[bytes | None, tuple[Signature, ...]]:
    if not signed:
        return None, ()
    if kind not in (SINGLE, MULTI):
        raise undecodable("unknown signature type")
    if kind == SINGLE:
        return None, (_signature(_item(encoded)),)
    found = items(_item(encoded))
    if len(found) != 2:
        raise undecodable("rlp: a multi-signature has an address and signatures")
    return ADDRESS(found[0]), tuple([_signature(one) for one in items(found[1])])


def _signature(item: Item) -> Signature:
    found = items(item)
    if len(found) != 3:
        raise undecodable("rlp: a signature has three numbers")
    v, r, s = (BIG(one) for one in found)
    return Signature(v, r, s)


def _item(encoded: bytes) -> Item:
    try:
        found: Item = rlp.decode(encoded, strict=True)
    except (RLPException, RecursionError, ValueError) as error:
        raise undecodable(f"rlp: {error}"[:200]) from error
    return found


__all__ = ["Rejection", "Signature", "Tx", "decode", "keccak256", "multisig_address"]
