"""The coins a draft spends, proven by the whole transactions that made them.

Laws: an amount is what the previous transaction says whose id the input names, never what a PSBT says beside
it; that holds for witness inputs too, whose digest covers one amount and not the others (two drafts with
one lie each would burn the difference). Nothing is built from a previous transaction but one output: it may
have thousands.
"""

from __future__ import annotations

from typing import NamedTuple

from keepcool.chains.bitcoin.compact import Reader
from keepcool.chains.bitcoin.psbt import PsbtInput
from keepcool.chains.bitcoin.transaction import AMOUNT_LIMIT, Outpoint, TxOutput, check_flag, hash256
from keepcool.core.errors import Malformed


class Previous(NamedTuple):
    """A previous transaction as far as one coin goes: `stripped` are the bytes its id covers, `output` is
    the one asked for, None where it has none, `highest` the highest of all its amounts."""

    txid: bytes
    stripped: bytes
    output: TxOutput | None
    highest: int


class ProvenCoin(NamedTuple):
    """A coin and the previous transaction it was read from."""

    output: TxOutput
    previous: Previous


def proven_coin(outpoint: Outpoint, stated: PsbtInput) -> ProvenCoin:
    """The output that `outpoint` names, out of the previous transaction the PSBT carries. Raises Malformed
    when it is missing, is another transaction, or a witness_utxo beside it says otherwise."""
    if stated.previous_tx is None:
        raise Malformed(
            "psbt.previous_missing",
            f"the whole transaction that made {outpoint} is missing: without it an amount is only claimed",
        )
    previous = read_previous(stated.previous_tx, outpoint.position)
    if previous.txid != outpoint.txid:
        raise Malformed("psbt.previous_txid", f"the transaction given for {outpoint} is another one")
    if previous.output is None:
        raise Malformed("psbt.previous_index", f"{outpoint} names an output that its transaction has not")
    _check_witness_utxo(outpoint, stated.witness_utxo, previous.output)
    return ProvenCoin(previous.output, previous)


def _check_witness_utxo(outpoint: Outpoint, claimed: TxOutput | None, output: TxOutput) -> None:
    if claimed is None:
        return
    if claimed.amount_sat != output.amount_sat:
        raise Malformed(
            "psbt.witness_utxo_amount",
            f"{outpoint} holds {output.amount_sat}, and the PSBT claims {claimed.amount_sat}: a lie about "
            "an amount burns the difference as fee",
        )
    if claimed.script != output.script:
        raise Malformed("psbt.witness_utxo_script", f"{outpoint} pays to another script than the PSBT claims")


def read_previous(raw: bytes, position: int) -> Previous:
    """Raises Malformed (`previous.…`, `transaction.…`) on bytes that are not one transaction to the last."""
    reader = Reader(raw, "previous", "a previous transaction")
    reader.take(4)
    marked = raw[4:5] == b"\x00"
    if marked:
        reader.take(1)
        check_flag(reader.number(1))
    start = reader.at
    inputs = reader.size()
    _skip_inputs(reader, inputs)
    output, highest = _outputs(reader, position)
    end = reader.at
    if marked:
        _skip_witness(reader, inputs)
    reader.take(4)
    reader.end()
    if not inputs:
        raise Malformed("previous.empty", "a previous transaction has no inputs")
    stripped = raw[:4] + raw[start:end] + raw[-4:] if marked else raw
    return Previous(hash256(stripped), stripped, output, highest)


def strip(raw: bytes) -> bytes:
    """The form that drafts carry: without witness, and without the part of an extension block a node of
    Litecoin may add (MWEB). What stands between outputs and locktime is dropped unread; the id proves the
    rest. Raises Malformed on bytes that do not even begin as a transaction."""
    reader = Reader(raw, "previous", "a previous transaction")
    reader.take(4)
    marked = raw[4:5] == b"\x00"
    start = 6 if marked else 4
    reader.take(start - 4)
    _skip_inputs(reader, reader.size())
    _outputs(reader, 0)
    end = reader.at
    reader.take(4)
    return raw[:4] + raw[start:end] + raw[-4:]


def _skip_inputs(reader: Reader, count: int) -> None:
    _bounded(reader, count, 41)
    data, end = reader.data, len(reader.data)
    for _ in range(count):
        after = reader.at + 36
        if after < end and data[after] < 0xFD and after + data[after] + 5 <= end:
            reader.at = after + data[after] + 5
            continue
        reader.take(36)
        reader.sized()
        reader.take(4)


def _outputs(reader: Reader, position: int) -> tuple[TxOutput | None, int]:
    count, number = reader.size(), int.from_bytes
    _bounded(reader, count, 9)
    found, highest = None, 0
    for place in range(count):
        amount, script = number(reader.take(8), "little"), reader.sized()
        if amount >= AMOUNT_LIMIT:
            raise Malformed("previous.amount", "a previous transaction has an amount that no coin has")
        highest = max(highest, amount)
        if place == position:
            found = TxOutput(amount, script)
    return found, highest


def _skip_witness(reader: Reader, inputs: int) -> None:
    items = 0
    for _ in range(inputs):
        count = reader.size()
        _bounded(reader, count, 1)
        items += count
        for _ in range(count):
            reader.sized()
    if not items:
        raise Malformed("previous.witness", "a previous transaction announces a witness and carries none")


def _bounded(reader: Reader, count: int, bytes_each: int) -> None:
    """No loop is longer than its input."""
    if count * bytes_each > reader.left:
        raise Malformed("previous.truncated", "a previous transaction ends too early: bytes are missing")
