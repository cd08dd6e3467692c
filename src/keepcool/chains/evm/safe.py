"""A Safe's transaction: its fields, its EIP-712 hash, and the one encoding of a draft.

Laws: a SafeTx that exists is well formed; the hash is computed here from the fields and never received;
a draft is canonical JSON, so one transaction has one draft. Safe 1.4.1 and 1.5.0 (same type hash), EIP-712.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import ZERO, is_reserved, parse_address
from keepcool.chains.evm.assets import network_of_chain
from keepcool.chains.keccak import keccak256
from keepcool.core import canonical
from keepcool.core.effects import Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.money import UNITS_LIMIT, parse_units

# EIP-712 type hashes of the contract; a test computes them again from the type strings.
SAFE_TX_TYPEHASH = bytes.fromhex("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8")
DOMAIN_TYPEHASH = bytes.fromhex("47e79534a245952e8b16893a336b85a3d9ea9fa8c573f3d803afb92a79469218")
_NO_DATA_HASH = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
CALL, DELEGATECALL = 0, 1
DATA_BYTES_MAX = 64 * 1024
DRAFT_BYTES_MAX = 2 * DATA_BYTES_MAX + 2048
DRAFT_NONCE_MAX = 2**63 - 1  # what a journal can hold; no Safe ever comes near


@dataclass(frozen=True, slots=True)
class SafeTx:
    """Addresses in EIP-55; value in wei; the gas fields as in the contract. Raises Malformed when made
    from anything else."""

    safe: str
    chain_id: int
    to: str
    value: int
    data: bytes
    operation: int
    nonce: int
    safe_tx_gas: int = 0
    base_gas: int = 0
    gas_price: int = 0
    gas_token: str = ZERO
    refund_receiver: str = ZERO

    def __post_init__(self) -> None:
        network_of_chain(self.chain_id)
        for text in (self.safe, self.to, self.gas_token, self.refund_receiver):
            parse_address(text)
        if is_reserved(self.safe):
            raise Malformed("safe_tx.safe", "no Safe can live at this address")
        for number in (self.value, self.safe_tx_gas, self.base_gas, self.gas_price, self.nonce):
            if type(number) is not int or not 0 <= number < UNITS_LIMIT:
                raise Malformed("safe_tx.range", "value, nonce and gas fields are whole numbers below 2**256")
        if type(self.operation) is not int or self.operation not in (CALL, DELEGATECALL):
            raise Malformed("safe_tx.operation", "operation is 0 (call) or 1 (delegatecall)")
        if type(self.data) is not bytes or len(self.data) > DATA_BYTES_MAX:
            raise Malformed("safe_tx.data", f"call data is at most {DATA_BYTES_MAX} bytes")

    @property
    def network(self) -> NetworkId:
        return network_of_chain(self.chain_id)

    @property
    def slot(self) -> Slot:
        return Slot(self.network, f"safe:{self.safe}", self.nonce)


@lru_cache(maxsize=16384)
def domain_separator(chain_id: int, safe: str) -> bytes:
    """32 bytes: what ties a signature to one Safe on one chain."""
    return keccak256(DOMAIN_TYPEHASH + abi.uint(chain_id) + abi.address(safe))


def safe_tx_hash(tx: SafeTx) -> bytes:
    """The 32 bytes the owners sign; equals the contract's getTransactionHash."""
    struct = b"".join(
        (
            SAFE_TX_TYPEHASH,
            abi.address(tx.to),
            abi.uint(tx.value),
            keccak256(tx.data) if tx.data else _NO_DATA_HASH,
            abi.uint(tx.operation),
            abi.uint(tx.safe_tx_gas),
            abi.uint(tx.base_gas),
            abi.uint(tx.gas_price),
            abi.address(tx.gas_token),
            abi.address(tx.refund_receiver),
            abi.uint(tx.nonce),
        )
    )
    return keccak256(b"\x19\x01" + domain_separator(tx.chain_id, tx.safe) + keccak256(struct))


class _Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A draft as it is written: the fields in the order of their names, which makes the bytes canonical."""

    base_gas: str
    chain_id: int
    data: str
    gas_price: str
    gas_token: str
    nonce: int
    operation: int
    refund_receiver: str
    safe: str
    safe_tx_gas: str
    to: str
    value: str


_decoder = msgspec.json.Decoder(_Draft)
_encoder = msgspec.json.Encoder()


def encode_draft(tx: SafeTx) -> bytes:
    """Canonical JSON: numbers that may pass 2**63 as decimal strings, data as 0x-hex."""
    return canonical.encode(
        {
            "base_gas": str(tx.base_gas),
            "chain_id": tx.chain_id,
            "data": "0x" + tx.data.hex(),
            "gas_price": str(tx.gas_price),
            "gas_token": tx.gas_token,
            "nonce": tx.nonce,
            "operation": tx.operation,
            "refund_receiver": tx.refund_receiver,
            "safe": tx.safe,
            "safe_tx_gas": str(tx.safe_tx_gas),
            "to": tx.to,
            "value": str(tx.value),
        }
    )


def parse_draft(draft: bytes) -> SafeTx:
    """The SafeTx behind a draft. Raises Malformed on any bytes but those `encode_draft` makes."""
    if len(draft) > DRAFT_BYTES_MAX:
        raise Malformed("draft.size", f"a draft is at most {DRAFT_BYTES_MAX} bytes")
    try:
        plain = _decoder.decode(draft)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        canonical.decode(draft, "draft")
        raise Malformed("draft.form", "draft: a field is missing, unknown or of the wrong kind") from error
    if _encoder.encode(plain) != draft:
        raise Malformed("canonical.form", "draft: not in canonical form")
    tx = _made(plain)
    if tx.nonce > DRAFT_NONCE_MAX:
        raise Malformed("draft.nonce", "a draft's nonce is at most 2**63 - 1")
    return tx


def _made(plain: _Draft) -> SafeTx:
    """Every text is checked to be an address, a number or hex in its one spelling, so none holds anything
    that JSON could write in two ways."""
    return SafeTx(
        safe=plain.safe,
        chain_id=plain.chain_id,
        to=plain.to,
        value=parse_units(plain.value),
        data=_bytes_of(plain.data),
        operation=plain.operation,
        nonce=plain.nonce,
        safe_tx_gas=parse_units(plain.safe_tx_gas),
        base_gas=parse_units(plain.base_gas),
        gas_price=parse_units(plain.gas_price),
        gas_token=plain.gas_token,
        refund_receiver=plain.refund_receiver,
    )


def _bytes_of(text: str) -> bytes:
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise Malformed("draft.form", "draft: data is not hex") from error
    if text != "0x" + data.hex():
        raise Malformed("draft.form", "draft: data is not 0x and lower-case hex")
    return data
