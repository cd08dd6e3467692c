"""Properties of the block scanner: it sees exactly what a slow reader of the same bytes sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.network_table import BITCOIN_REGTEST
from keepcool.chains.bitcoin.scanning import (
    Hit,
    Paid,
    Watch,
    body_of,
    merkle_root,
    prove,
    scan,
    scan_transaction,
    txid_of,
)
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_FINAL,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    encode_outpoint,
    encode_stripped,
    hash256,
    parse_transaction,
    shown,
)
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples

pytestmark = pytest.mark.slow

OURS = [b"\x00\x20" + bytes([n]) * 32 for n in range(3)] + [b"\xa9\x14" + b"o" * 20 + b"\x87"]
COINS = [Outpoint(bytes([n]) * 32, n) for n in range(1, 4)]
COINBASE = Transaction(
    1, (TxInput(Outpoint(bytes(32), 0xFFFFFFFF), SEQUENCE_FINAL, b"mined"),), (TxOutput(9, b"\x51"),), 0
)
SCRIPTS = st.one_of(
    st.sampled_from(OURS),
    st.binary(max_size=40),
    st.binary(min_size=32, max_size=32).map(lambda h: b"\x00\x20" + h),
    st.sampled_from([b"\x6a" * size for size in (252, 253, 300, 70_000)]),
)
OUTPOINTS = st.one_of(
    st.sampled_from(COINS),
    st.builds(Outpoint, st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1)),
)
WITNESSES = st.lists(
    st.one_of(st.binary(max_size=80), st.sampled_from([b"w" * 253, b"w" * 66_000])), max_size=3
).map(tuple)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    segwit = draw(st.booleans())
    inputs = [
        TxInput(
            draw(OUTPOINTS),
            SEQUENCE_FINAL,
            draw(st.one_of(st.binary(max_size=30), st.sampled_from([b"s" * 254]))),
            draw(WITNESSES) if segwit else (),
        )
        for _ in range(draw(st.integers(1, 3)))
    ] * draw(st.sampled_from([1, 1, 1, 253]))
    amounts = st.integers(0, 2**63 - 1)
    count = draw(st.one_of(st.integers(1, 4), st.sampled_from([260])))
    some = draw(st.lists(st.builds(TxOutput, amounts, SCRIPTS), min_size=1, max_size=4))
    outputs = [some[number % len(some)] for number in range(count)]
    return Transaction(
        draw(st.integers(0, 2**32 - 1)), tuple(inputs), tuple(outputs), draw(st.integers(0, 9))
    )


def watched() -> Watch:
    return Watch(set(OURS), {encode_outpoint(one) for one in COINS})


def block_of(some: list[Transaction]) -> tuple[bytes, str]:
    root = merkle_root([one.txid for one in some])
    header = bytes(4) + b"p" * 32 + root + bytes(12)
    return header + compact(len(some)) + b"".join(map(encode, some)), shown(hash256(header))


def slow(some: list[Transaction]) -> list[Hit]:
    """Transaction by transaction, with objects for everything."""
    known = {encode_outpoint(one) for one in COINS}
    hits = []
    for place, tx in enumerate(some):
        read = parse_transaction(encode(tx))
        outputs = enumerate(read.outputs)
        paid = tuple(Paid(vout, one.amount_sat, one.script) for vout, one in outputs if one.script in OURS)
        spent = [encode_outpoint(one.outpoint) for one in read.inputs]
        ours = tuple(one for one in spent if one in known)
        known |= {encode_outpoint(Outpoint(read.txid, one.vout)) for one in paid}
        if paid or ours:
            hits.append(Hit(place, encode_stripped(read), paid, ours))
    return hits


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(transactions(), max_size=4, unique_by=lambda one: one.txid), st.booleans())
def test_the_scanner_sees_what_a_slow_reader_sees(some: list[Transaction], chained: bool) -> None:
    """Every output and every spending of ours and none else, also of coins made in the same block."""
    if chained and some:
        parent = some[-1]
        some = [*some, Transaction(2, (TxInput(Outpoint(parent.txid, 0), 0),), (TxOutput(1, b"x"),), 0)]
    every = [COINBASE, *some]
    raw, block_hash = block_of(every)
    found = scan(raw, watched(), BITCOIN_REGTEST, block_hash)
    prove(raw, BITCOIN_REGTEST)
    assert list(found.hits) == slow(every)
    assert [hit.txid for hit in found.hits] == [shown(every[hit.place].txid) for hit in found.hits]
    assert (found.transactions, found.previous) == (len(every), (b"p" * 32).hex())


@settings(max_examples=examples(20), deadline=None)
@given(transactions())
def test_ids_are_those_of_the_reader(tx: Transaction) -> None:
    """A transaction by itself has the id the reader gives it, and its body's id forgets every signature."""
    raw = encode(tx)
    assert txid_of(raw) == shown(tx.txid)
    bare = replace(tx, inputs=tuple(replace(one, script=b"", witness=()) for one in tx.inputs))
    assert body_of(raw) == body_of(encode(bare)) == shown(bare.txid)
    hit = scan_transaction(raw, watched())
    assert [hit] == [replace(one, place=0) for one in slow([tx])] if hit else not slow([tx])


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_no_other_bytes_pass_for_a_block(data: st.DataObject) -> None:
    """Cut off anywhere, lengthened, or changed in any byte beyond the witness, it is refused and never
    crashes."""
    tx = data.draw(transactions())
    raw, block_hash = block_of(
        [COINBASE, replace(tx, inputs=tuple(replace(i, witness=()) for i in tx.inputs))]
    )
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    for lie in (raw[:at], raw + b"\0", changed):
        try:
            scan(lie, watched(), BITCOIN_REGTEST, block_hash)
            prove(lie, BITCOIN_REGTEST)
        except Malformed:
            continue
        raise AssertionError("a block that is none was read")
