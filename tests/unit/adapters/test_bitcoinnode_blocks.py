"""Raw blocks held against their headers: every form of the family, and the tricks that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.adapters.bitcoinnode import blocks, transactions
from keepcool.adapters.bitcoinnode.blocks import check_block, merkle_root, transaction_ids
from keepcool.chains.bitcoin.compact import compact, sized
from keepcool.chains.bitcoin.network_table import BITCOIN, DASH, DOGECOIN, LITECOIN
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import (
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    encode_stripped,
    hash256,
    shown,
)

GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617f"
    "c81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000"
    "000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e6365"
    "6c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a010000"
    "00434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c"
    "384df7ba0b8d578a4c702b6bf11d5fac00000000"
)  # Bitcoin's block 0


def transaction(number: int, *, witness: bool = False) -> Transaction:
    items = (b"sig" * number, b"key") if witness else ()
    one = TxInput(Outpoint(hash256(bytes([number])), number), 0xFFFFFFFF, b"\x51" * number, items)
    return Transaction(2, (one,), (TxOutput(number * 1000, b"\x51"), TxOutput(7, b"")), number)


def block(parts: list[bytes], root: bytes, extra: bytes = b"", version: int = 4) -> tuple[bytes, str]:
    """A block of these serialised transactions, and its hash."""
    header = version.to_bytes(4, "little") + bytes(32) + root + bytes(12)
    return header + extra + compact(len(parts)) + b"".join(parts), hash256(header)[::-1].hex()


def of(*made: Transaction) -> tuple[bytes, str]:
    return block([encode(one) for one in made], merkle_root([one.txid for one in made]))


def refused(raw: bytes, block_hash: str, network: Network = BITCOIN) -> str:
    with pytest.raises(ValueError, match=r".") as problem:
        check_block(raw, block_hash, network)
    return str(problem.value)


def test_the_first_block_of_all_is_itself() -> None:
    """Bitcoin's genesis block, byte for byte, under its own hash and no other."""
    check_block(GENESIS, BITCOIN.genesis, BITCOIN)
    assert refused(GENESIS, LITECOIN.genesis) == "another block"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 254])
def test_a_block_proves_its_transactions(count: int) -> None:
    """Of any number, with witnesses and without; an id is changed by nothing but its own transaction."""
    made = [transaction(number % 200 + 1, witness=number % 3 == 0) for number in range(count)]
    made = [replace(one, locktime=number) for number, one in enumerate(made)]
    raw, block_hash = of(*made)
    check_block(raw, block_hash, BITCOIN)
    assert transaction_ids(raw, BITCOIN) == [one.txid for one in made]


def test_a_repeated_end_is_no_block() -> None:
    """CVE-2012-2459: the last transactions once more give the same root, and are refused."""
    made = [transaction(number) for number in (1, 2, 3)]
    raw, block_hash = of(*made)
    doubled = raw[:80] + compact(4) + b"".join(map(encode, [*made, made[-1]]))
    assert refused(doubled, block_hash) == "a block that repeats transactions"


def test_every_truncation_is_refused() -> None:
    """No block that ends too early is one, wherever it ends."""
    raw, block_hash = of(transaction(1, witness=True), transaction(2))
    for size in range(len(raw)):
        refused(raw[:size], block_hash)


def test_long_scripts_and_witnesses_are_measured_rightly() -> None:
    """At every boundary of the compact spelling: 252, 253, 65535 and 65536 bytes, in each place."""
    for size in (252, 253, 254, 65_535, 65_536):
        for part in ("script", "output", "witness"):
            script = bytes(size if part == "script" else 0)
            output = bytes(size if part == "output" else 0)
            items = (bytes(size), b"") if part == "witness" else ()
            one = TxInput(Outpoint(bytes(32), 1), 5, script, items)
            made = Transaction(2, (one,) * 3, (TxOutput(1, output),) * 3, 9)
            raw, block_hash = of(made, transaction(7))
            check_block(raw, block_hash, BITCOIN)


def test_counts_beyond_the_block_end_quickly() -> None:
    """A count of inputs, items or bytes that no block could hold is refused, not tried."""
    for at, huge in ((80, b"\xff" * 9), (85, b"\xfe\xff\xff\xff\xff"), (122, b"\xff" * 9)):
        raw, block_hash = of(transaction(1))
        refused(raw[:at] + huge + raw[at:], block_hash)


def test_an_extension_is_passed_over_and_not_believed() -> None:
    """Litecoin's last transaction of a block carries an empty mark (flag 8), and the extension block follows;
    a transaction with a part of one is none of a block's."""
    plain, hogex = transaction(1, witness=True), transaction(2)
    stripped = encode_stripped(hogex)
    marked = stripped[:4] + b"\x00\x08" + stripped[4:-4] + b"\x00" + stripped[-4:]
    root = merkle_root([plain.txid, hogex.txid])
    raw, block_hash = block([encode(plain), marked], root)
    check_block(raw + b"\x01 an extension block", block_hash, LITECOIN)
    assert transactions.within(raw, shown(hogex.txid), LITECOIN) == stripped
    assert transactions.within(raw, "ab" * 32, LITECOIN) is None
    part = stripped[:4] + b"\x00\x08" + stripped[4:-4] + b"\x01part" + stripped[-4:]
    assert transactions.checked(part, shown(hogex.txid), LITECOIN) is None
    with pytest.raises(blocks.Extended):
        transaction_ids(block([part], root)[0], LITECOIN)


def test_a_header_mined_with_another_network_is_passed_over() -> None:
    """Dogecoin's proof of work: a coinbase, two branches, a header stand before the transactions; elsewhere
    the same bit of the version means nothing."""
    made = transaction(3)
    parent = encode(transaction(9)) + bytes(32) + compact(2) + bytes(64) + bytes(4)
    parent += compact(1) + bytes(32) + bytes(4) + bytes(80)
    raw, block_hash = block([encode(made)], made.txid, parent, version=0x620104)
    check_block(raw, block_hash, DOGECOIN)
    refused(raw, block_hash, BITCOIN)
    plain, plain_hash = block([encode(made)], made.txid, version=0x20000104)
    check_block(plain, plain_hash, BITCOIN)


def test_a_payload_is_part_of_a_transaction_where_there_are_payloads() -> None:
    """Dash: version 3 with a type carries a payload that the id covers; its block's hash is not checked."""
    made = replace(transaction(4), version=0x00050003)
    raw_one = encode(made) + sized(b"coinbase payload")
    raw, _ = block([raw_one], hash256(raw_one))
    check_block(raw, "ab" * 32, DASH)
    refused(raw, "ab" * 32, replace(DASH, payloads=False))
    assert transactions.checked(raw_one, hash256(raw_one)[::-1].hex(), DASH) == raw_one


def test_a_transaction_is_whole_and_its_own() -> None:
    """Nothing after it, nothing missing, no other id."""
    raw, txid = encode(transaction(5, witness=True)), shown(transaction(5).txid)
    assert transactions.checked(raw, txid, BITCOIN) == raw
    for wrong, name in ((raw + b"\x00", txid), (raw[:-1], txid), (raw, "ab" * 32)):
        with pytest.raises(ValueError, match="transaction"):
            transactions.checked(wrong, name, BITCOIN)
