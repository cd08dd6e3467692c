"""EIP-1559 transactions of a plain account (type 2), unsigned and signed.

Laws: one transaction has one spelling; no contract is created and no access list carried, so nothing hides
there; sizes are bounded; the sender is recovered from a low-s signature. EIP-1559, EIP-2718, EIP-2, EIP-2028,
EIP-2681.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains import publickeys, rlp
from keepcool.chains.evm.address import parse_address, raw_of, signer_of, to_checksum
from keepcool.chains.evm.assets import network_of_chain
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from keepcool.core.money import UNITS_LIMIT

TYPE_BYTE = b"\x02"
DATA_BYTES_MAX = 96 * 1024
RAW_BYTES_MAX = 128 * 1024  # what nodes accept into their pool
_U64 = 2**64
_GAS_PLAIN, _GAS_ZERO_BYTE, _GAS_OTHER_BYTE = 21_000, 4, 16  # EIP-2028; later forks only ask for more


@dataclass(frozen=True, slots=True)
class Transaction:
    """`to` in EIP-55, amounts in wei, `gas` the limit. Raises Malformed when made from anything else."""

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas: int
    to: str
    value: int
    data: bytes

    def __post_init__(self) -> None:
        network_of_chain(self.chain_id)
        parse_address(self.to)
        for number, limit in (
            (self.nonce, _U64 - 1),  # EIP-2681
            (self.gas, _U64),
            (self.max_fee_per_gas, UNITS_LIMIT),
            (self.max_priority_fee_per_gas, UNITS_LIMIT),
            (self.value, UNITS_LIMIT),
        ):
            if type(number) is not int or not 0 <= number < limit:
                raise Malformed("transaction.range", "a number of the transaction is out of its range")
        if self.max_priority_fee_per_gas > self.max_fee_per_gas:
            raise Malformed(
                "transaction.fees", "the priority fee is higher than the whole fee; nodes refuse that"
            )
        if self.gas * self.max_fee_per_gas >= UNITS_LIMIT:
            raise Malformed("transaction.fees", "gas times fee is beyond 2**256")
        if type(self.data) is not bytes or len(self.data) > DATA_BYTES_MAX:
            raise Malformed("transaction.data", f"call data is at most {DATA_BYTES_MAX} bytes")

    @property
    def fee_wei_max(self) -> int:
        return self.gas * self.max_fee_per_gas

    @property
    def gas_least(self) -> int:
        """The limit below which no block takes these bytes, whatever they pay."""
        zeros = self.data.count(0)
        return _GAS_PLAIN + zeros * _GAS_ZERO_BYTE + (len(self.data) - zeros) * _GAS_OTHER_BYTE

    def unsigned_payload(self) -> bytes:
        """0x02 and the RLP of nine fields: what is hashed for signing."""
        return TYPE_BYTE + rlp.encode(self._fields())

    def digest(self) -> bytes:
        """The 32 bytes the account signs."""
        return keccak256(self.unsigned_payload())

    def with_signature(self, signature: bytes) -> bytes:
        """The raw signed transaction. `signature` is r, s, v (27 or 28). Raises Malformed on any other."""
        publickeys.recover(self.digest(), signature)
        r, s = (rlp.number(int.from_bytes(half, "big")) for half in (signature[:32], signature[32:64]))
        return TYPE_BYTE + rlp.encode([*self._fields(), rlp.number(signature[64] - 27), r, s])

    def _fields(self) -> list[object]:
        return [
            rlp.number(self.chain_id),
            rlp.number(self.nonce),
            rlp.number(self.max_priority_fee_per_gas),
            rlp.number(self.max_fee_per_gas),
            rlp.number(self.gas),
            raw_of(self.to),
            rlp.number(self.value),
            self.data,
            [],
        ]


def parse_unsigned(payload: bytes) -> Transaction:
    """The transaction behind an unsigned payload. Raises Malformed."""
    return _built(_fields_of(payload, 9))


def parse_signed(raw: bytes) -> tuple[Transaction, str]:
    """The transaction and its sender (EIP-55). Raises Malformed, also on a signature with a high s."""
    fields = _fields_of(raw, 12)
    tx = _built(fields[:9])
    parity, r, s = (
        rlp.parse_number(fields[9], 8),
        rlp.parse_number(fields[10], 256),
        rlp.parse_number(fields[11], 256),
    )
    signature = publickeys.signature65(r.to_bytes(32, "big"), s.to_bytes(32, "big"), parity)
    return tx, signer_of(tx.digest(), signature)


def is_signed(raw: bytes) -> bool:
    """Whether a type-2 transaction carries a signature (twelve fields). Raises Malformed when it is neither
    an unsigned nor a signed one."""
    fields = _decoded(raw)
    if len(fields) not in (9, 12):
        raise Malformed("transaction.form", "an EIP-1559 transaction has 9 fields unsigned and 12 signed")
    return len(fields) == 12


def transaction_hash(raw: bytes) -> bytes:
    """The id of a raw signed transaction (32 bytes)."""
    return keccak256(raw)


def _fields_of(raw: bytes, count: int) -> list[rlp.Item]:
    fields = _decoded(raw)
    if len(fields) != count:
        raise Malformed(
            "transaction.form", f"expected a transaction of {count} fields, this one has {len(fields)}"
        )
    return fields


def _decoded(raw: bytes) -> list[rlp.Item]:
    if len(raw) > RAW_BYTES_MAX:
        raise Malformed("transaction.size", f"a transaction is at most {RAW_BYTES_MAX} bytes")
    if raw[:1] != TYPE_BYTE:
        raise Malformed("transaction.type", "only EIP-1559 transactions (type 2) are accepted")
    fields = rlp.decode(raw[1:])
    if not isinstance(fields, list):
        raise Malformed("transaction.form", "a transaction is a list of fields")
    return fields


def _built(fields: list[rlp.Item]) -> Transaction:
    to, data, access = fields[5], fields[7], fields[8]
    if access != []:
        raise Malformed("transaction.access_list", "an access list is not accepted")
    if not isinstance(to, bytes) or len(to) != 20:
        raise Malformed(
            "transaction.to", "a transaction calls an address of 20 bytes; creating contracts is refused"
        )
    if not isinstance(data, bytes):
        raise Malformed("transaction.form", "call data is bytes")
    return Transaction(
        chain_id=rlp.parse_number(fields[0], 64),
        nonce=rlp.parse_number(fields[1], 64),
        max_priority_fee_per_gas=rlp.parse_number(fields[2], 256),
        max_fee_per_gas=rlp.parse_number(fields[3], 256),
        gas=rlp.parse_number(fields[4], 64),
        to=to_checksum(to),
        value=rlp.parse_number(fields[6], 256),
        data=data,
    )
