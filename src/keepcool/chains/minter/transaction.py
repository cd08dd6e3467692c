"""Transactions of Minter, version 2 (coin ids), unsigned and signed.

Laws: one transaction has one spelling; the node's limits hold; the signed hash is Keccak-256 of the first
nine fields, so no signature covers which multisig it spends from; the hash a node shows covers signatures
and their order, so it names a message and not a payment. Version 1 (coin symbols) is refused by name.
Minter, coreV2/transaction/transaction.go and executor.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from keepcool.chains import rlp
from keepcool.chains.keccak import keccak256
from keepcool.chains.minter import signature
from keepcool.chains.minter.address import NONCE_MAX
from keepcool.chains.minter.assets import CHAIN_ID_MAX, COIN_MAX, network_of_chain
from keepcool.chains.minter.data import Data, code_of, encode_data, parse_data
from keepcool.chains.minter.signature import MULTI, SINGLE, MultiSignature, SignatureData, SingleSignature
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId

RAW_BYTES_MAX = 16144
PAYLOAD_BYTES_MAX = 10000
SERVICE_BYTES_MAX = 128
GAS_PRICE_MAX = 2**32 - 1
_PREIMAGE_FIELDS, _SIGNED_FIELDS = 9, 10
_SYMBOL_BYTES = 10  # a coin in version 1


@dataclass(frozen=True, slots=True)
class Transaction:
    """The first nine fields: what is signed. `gas_price` multiplies the chain's price of this type.
    Raises Malformed when made from anything else."""

    nonce: int
    chain_id: int
    gas_price: int
    gas_coin: int
    data: Data
    payload: bytes = b""
    service_data: bytes = b""
    signature_type: int = MULTI

    def __post_init__(self) -> None:
        if not (
            0 <= self.nonce <= NONCE_MAX
            and 1 <= self.chain_id <= CHAIN_ID_MAX
            and 0 <= self.gas_price <= GAS_PRICE_MAX
            and 0 <= self.gas_coin <= COIN_MAX
        ):
            raise Malformed("transaction.range", "a number of the transaction is out of its range")
        if len(self.payload) > PAYLOAD_BYTES_MAX:
            raise Malformed("transaction.payload", f"a payload is at most {PAYLOAD_BYTES_MAX} bytes")
        if len(self.service_data) > SERVICE_BYTES_MAX:
            raise Malformed("transaction.service_data", f"service data is at most {SERVICE_BYTES_MAX} bytes")
        if self.signature_type not in (SINGLE, MULTI):
            raise Malformed("transaction.signature_type", "a signature is of type 1 (single) or 2 (multisig)")

    @property
    def type(self) -> int:
        return code_of(self.data)

    @property
    def network(self) -> NetworkId:
        return network_of_chain(self.chain_id)

    def preimage(self) -> bytes:
        """The RLP of the nine fields: a draft, and what is hashed for signing."""
        return rlp.encode(self.fields())

    def digest(self) -> bytes:
        """The 32 bytes every signer signs, whichever multisig the transaction is then sent from."""
        return keccak256(self.preimage())

    def fields(self) -> list[bytes]:
        return [
            rlp.number(self.nonce),
            rlp.number(self.chain_id),
            rlp.number(self.gas_price),
            rlp.number(self.gas_coin),
            rlp.number(self.type),
            encode_data(self.data),
            self.payload,
            self.service_data,
            rlp.number(self.signature_type),
        ]


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """`signed` is of the kind that `transaction.signature_type` announces."""

    transaction: Transaction
    signed: SignatureData

    def __post_init__(self) -> None:
        kind = SINGLE if isinstance(self.signed, SingleSignature) else MULTI
        if kind != self.transaction.signature_type:
            raise Malformed("transaction.signature_type", "the signature is not of the type it announces")

    def encoded(self) -> bytes:
        """The bytes a node takes. Raises Malformed when they are more than it takes."""
        return sealed(self.transaction.preimage(), self.signed)

    def signers(self) -> tuple[str, ...]:
        """The accounts that signed, in the order of their signatures. Raises Malformed."""
        return signature.signers(self.transaction.digest(), self.signed.signatures)

    def sender(self) -> str:
        """The account the transaction acts for. For a multisig only what its bytes claim: nothing signed
        covers it. Raises Malformed."""
        match self.signed:
            case SingleSignature():
                return self.signers()[0]
            case MultiSignature(address, _):
                return address


def parse_preimage(raw: bytes) -> Transaction:
    """The transaction behind nine fields. Raises Malformed."""
    return _built(_fields_of(raw, _PREIMAGE_FIELDS))


def parse_signed(raw: bytes) -> SignedTransaction:
    """The transaction behind ten fields; its signatures are read, not yet recovered. Raises Malformed."""
    fields = _fields_of(raw, _SIGNED_FIELDS)
    transaction = _built(fields)
    return SignedTransaction(transaction, signature.parse_data(transaction.signature_type, _bytes(fields[9])))


def sealed(preimage: bytes, signed: SignatureData) -> bytes:
    """The bytes a node takes, from nine fields that `Transaction` wrote or that were parsed, and a signature
    of the type they announce. Raises Malformed when they are more than a node takes."""
    raw = rlp.extended(preimage, signature.encode_data(signed))
    if len(raw) > RAW_BYTES_MAX:
        raise _too_long()
    return raw


def transaction_hash(raw: bytes) -> str:
    """Mt and SHA-256 of the signed bytes: how nodes name this message. Anyone can give the same payment
    another hash (the order of signatures), so track payments by sender, nonce and signed hash."""
    return "Mt" + sha256(raw).hexdigest()


def is_signed(raw: bytes) -> bool:
    """Whether these bytes have the ten fields of a signed transaction. Raises Malformed on no list."""
    items = rlp.decode(raw)
    return isinstance(items, list) and len(items) == _SIGNED_FIELDS


def _fields_of(raw: bytes, count: int) -> list[rlp.Item]:
    if len(raw) > RAW_BYTES_MAX:
        raise _too_long()
    fields = rlp.decode(raw)
    if not isinstance(fields, list) or len(fields) != count:
        held = len(fields) if isinstance(fields, list) else "no"
        raise Malformed("transaction.fields", f"a transaction has exactly {count} fields here, not {held}")
    if isinstance(fields[3], bytes) and len(fields[3]) == _SYMBOL_BYTES:
        raise Malformed(
            "transaction.version",
            "this is a transaction of Minter's version 1, which names coins by symbol; no node takes it "
            "since version 1.2 of the network: make it again with coin ids (version 2)",
        )
    return fields


def _built(fields: list[rlp.Item]) -> Transaction:
    return Transaction(
        nonce=rlp.parse_number(fields[0], 64),
        chain_id=rlp.parse_number(fields[1], 8),
        gas_price=rlp.parse_number(fields[2], 32),
        gas_coin=rlp.parse_number(fields[3], 32),
        data=parse_data(rlp.parse_number(fields[4], 8), _bytes(fields[5])),
        payload=_bytes(fields[6]),
        service_data=_bytes(fields[7]),
        signature_type=rlp.parse_number(fields[8], 8),
    )


def _bytes(item: rlp.Item) -> bytes:
    if not isinstance(item, bytes):
        raise Malformed("transaction.fields", "a field of the transaction is a list where bytes must stand")
    return item


def _too_long() -> Malformed:
    return Malformed("transaction.size", f"a transaction is at most {RAW_BYTES_MAX} bytes")
