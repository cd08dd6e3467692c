"""What a node says of a transaction, held against the transaction's own bytes.

Law: of one that succeeded, sender, nonce and type are what its bytes say, and it is signed for our chain. A
failed one may be anything, also unreadable: its block holds it all the same.
"""

from __future__ import annotations

from typing import NamedTuple

from keepcool.chains import rlp
from keepcool.chains.keccak import keccak256
from keepcool.chains.minter import signature
from keepcool.chains.minter.address import signer_of
from keepcool.chains.minter.signature import MultiSignature, SingleSignature
from keepcool.core.errors import Malformed
from keepcool.ports.minternode import Transaction

_FIELDS, _SIGNED_FIELDS = 10, 9


class Own(NamedTuple):
    """What the bytes say themselves, of any type of transaction."""

    chain: int
    nonce: int
    kind: int
    sender: str


def own(raw: bytes) -> Own:
    """Raises Malformed on bytes that are no signed transaction of version 2."""
    fields = rlp.decode(raw)
    if not isinstance(fields, list) or len(fields) != _FIELDS:
        raise Malformed("transaction.form", "a signed Minter transaction has ten fields")
    nonce, chain, kind = (rlp.parse_number(fields[at], bits) for at, bits in ((0, 64), (1, 8), (4, 8)))
    return Own(chain, nonce, kind, _sender(fields))


def verify(told: Transaction, chain: int) -> int:
    """The chain id it is signed for. Raises ValueError when it succeeded and is not what the node says."""
    try:
        found = own(told.raw)
    except Malformed as error:
        if told.failed:
            return chain
        raise ValueError("it succeeded and is no transaction") from error
    said = Own(found.chain, told.nonce, told.kind, told.sender)
    if found != said and not told.failed:
        raise ValueError("its bytes say something else")
    return chain if told.failed else found.chain


def _sender(fields: list[rlp.Item]) -> str:
    data = fields[_SIGNED_FIELDS]
    if not isinstance(data, bytes):
        raise Malformed("transaction.form", "a signature is a string of bytes")
    match signature.parse_data(rlp.parse_number(fields[8], 8), data):
        case MultiSignature(address, _):
            return address
        case SingleSignature() as single:
            digest = keccak256(rlp.encode(fields[:_SIGNED_FIELDS]))
            return signer_of(digest, single.signatures[0])
