"""A transaction: read strictly, written in its one form, and its id.

Laws: what is read writes back to the same bytes; an id never covers a witness; amounts are whole numbers
below 2**63 and no coin's own limit is known here (one Dogecoin output may exceed all the bitcoins there
will ever be). BIP-144.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from keepcool.chains.bitcoin.compact import Reader, compact, sized, sized_all
from keepcool.core.errors import Malformed

AMOUNT_LIMIT = 2**63
SEQUENCE_FINAL, SEQUENCE_LOCKTIME, SEQUENCE_REPLACEABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_AREA = "transaction"
_BARE = struct.Struct("<32sIBI")  # an input with an empty script: outpoint, length, sequence
_NUMBER = struct.Struct("<I").pack


@dataclass(frozen=True, slots=True)
class Outpoint:
    """A coin: the output `position` of the transaction `txid` (32 bytes in the order of the wire)."""

    txid: bytes
    position: int

    def __str__(self) -> str:
        return f"{shown(self.txid)}:{self.position}"


@dataclass(frozen=True, slots=True)
class TxInput:
    """`script` and `witness` are empty while unsigned."""

    outpoint: Outpoint
    sequence: int
    script: bytes = b""
    witness: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TxOutput:
    amount_sat: int
    script: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    version: int
    inputs: tuple[TxInput, ...]
    outputs: tuple[TxOutput, ...]
    locktime: int

    @property
    def txid(self) -> bytes:
        """In the order of the wire; `shown` gives the one people use."""
        return hash256(encode_stripped(self))

    @property
    def has_witness(self) -> bool:
        return any(one.witness for one in self.inputs)

    @property
    def weight(self) -> int:
        """BIP-141: three times the stripped size plus the whole."""
        return 3 * len(encode_stripped(self)) + len(encode(self))

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)

    @property
    def replaceable(self) -> bool:
        """It signals that it may be replaced (BIP-125)."""
        return any(one.sequence <= SEQUENCE_REPLACEABLE for one in self.inputs)


def hash256(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def shown(txid: bytes) -> str:
    """The id as people write it: hexadecimal, backwards."""
    return txid[::-1].hex()


def encode(tx: Transaction) -> bytes:
    """The bytes that are broadcast: with the witness where there is one."""
    if not tx.has_witness:
        return encode_stripped(tx)
    witness = b"".join(compact(len(one.witness)) + sized_all(one.witness) for one in tx.inputs)
    return _version(tx) + b"\x00\x01" + _body(tx) + witness + tx.locktime.to_bytes(4, "little")


def encode_stripped(tx: Transaction) -> bytes:
    """The bytes the id covers: without any witness."""
    return _version(tx) + _body(tx) + tx.locktime.to_bytes(4, "little")


def encode_output(output: TxOutput) -> bytes:
    return output.amount_sat.to_bytes(8, "little") + sized(output.script)


def encode_outpoint(outpoint: Outpoint) -> bytes:
    return outpoint.txid + _NUMBER(outpoint.position)


def parse_transaction(raw: bytes) -> Transaction:
    """Raises Malformed (`transaction.…`) on anything but a whole transaction with inputs and outputs."""
    reader = Reader(raw, _AREA, "the transaction")
    version = reader.number(4)
    marked = raw[4:5] == b"\x00"
    if marked:
        reader.take(1)
        check_flag(reader.number(1))
    inputs, outputs = _inputs(reader), _outputs(reader)
    if marked:
        inputs = tuple(_witnessed(reader, one) for one in inputs)
    tx = Transaction(version, inputs, outputs, reader.number(4))
    reader.end()
    if not inputs or not outputs:
        raise Malformed("transaction.empty", "a transaction has inputs and outputs")
    if marked and not tx.has_witness:
        raise Malformed("transaction.witness", "the transaction announces a witness and carries none")
    return tx


def parse_stripped(raw: bytes) -> Transaction:
    """A transaction in the form without witness, as drafts carry it; it may have no inputs or outputs.
    Raises Malformed."""
    reader = Reader(raw, _AREA, "the transaction")
    tx = Transaction(reader.number(4), _inputs(reader), _outputs(reader), reader.number(4))
    reader.end()
    return tx


def parse_output(raw: bytes) -> TxOutput:
    """An output by itself. Raises Malformed."""
    reader = Reader(raw, _AREA, "the output")
    output = _output(reader)
    reader.end()
    return output


def check_flag(flag: int) -> None:
    """The byte after the marker. Raises Malformed on all but 1, saying what is meant."""
    if flag & 8:  # Litecoin's extension blocks; the id does not cover what follows from it
        raise Malformed(
            "transaction.extension",
            "the transaction carries a part of an extension block (MWEB): hand over its form without it",
        )
    if flag != 1:
        raise Malformed("transaction.flag", "the transaction announces a form nobody knows, or has no inputs")


def _version(tx: Transaction) -> bytes:
    return tx.version.to_bytes(4, "little")


def _body(tx: Transaction) -> bytes:
    inputs = b"".join(
        [encode_outpoint(one.outpoint) + sized(one.script) + _NUMBER(one.sequence) for one in tx.inputs]
    )
    outputs = b"".join(map(encode_output, tx.outputs))
    return compact(len(tx.inputs)) + inputs + compact(len(tx.outputs)) + outputs


def _inputs(reader: Reader) -> tuple[TxInput, ...]:
    return tuple([_input(reader) for _ in range(_count(reader, 41))])


def _outputs(reader: Reader) -> tuple[TxOutput, ...]:
    return tuple([_output(reader) for _ in range(_count(reader, 9))])


def _input(reader: Reader) -> TxInput:
    if reader.left >= _BARE.size and not reader.data[reader.at + 36]:
        txid, position, _, sequence = _BARE.unpack(reader.take(_BARE.size))
        return TxInput(Outpoint(txid, position), sequence)
    outpoint = Outpoint(reader.take(32), reader.number(4))
    script = reader.sized()
    return TxInput(outpoint, reader.number(4), script)


def _output(reader: Reader) -> TxOutput:
    amount = reader.number(8)
    if amount >= AMOUNT_LIMIT:
        raise Malformed("transaction.amount", "an amount is below 2**63; this one would be read as negative")
    return TxOutput(amount, reader.sized())


def _witnessed(reader: Reader, one: TxInput) -> TxInput:
    items = tuple([reader.sized() for _ in range(_count(reader, 1))])
    return TxInput(one.outpoint, one.sequence, one.script, items)


def _count(reader: Reader, bytes_each: int) -> int:
    """A count that the bytes at hand can hold: no loop is longer than its input."""
    count = reader.size()
    if count * bytes_each > reader.left:
        raise Malformed("transaction.truncated", "the transaction ends too early: bytes are missing")
    return count
