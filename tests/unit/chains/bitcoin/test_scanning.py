"""The block scanner against blocks of every form: extension blocks, merged mining, payloads, lies."""

from __future__ import annotations

import pytest

from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.network_table import DASH, DOGECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.scanning import (
    Hit,
    Watch,
    merkle_root,
    prove,
    scan,
    scan_transaction,
    stripped_of,
    txid_of,
)
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_FINAL,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    hash256,
    shown,
)
from keepcool.core.errors import Malformed

OURS = b"\x00\x20" + b"o" * 32
MINTED = TxInput(Outpoint(bytes(32), 0xFFFFFFFF), SEQUENCE_FINAL, b"mined")
COINBASE = encode(Transaction(1, (MINTED,), (TxOutput(9, b"\x51"),), 0))
PAYMENT = encode(
    Transaction(2, (TxInput(Outpoint(b"s" * 32, 1), SEQUENCE_FINAL, b"sig"),), (TxOutput(7, OURS),), 0)
)


def block_of(*transactions: bytes, ids: list[bytes] | None = None, version: bytes = bytes(4)) -> bytes:
    root = merkle_root(ids or [hash256(stripped_of(one)) for one in transactions])
    return version + bytes(32) + root + bytes(12) + compact(len(transactions)) + b"".join(transactions)


def scanned(raw: bytes, network: Network = LITECOIN_REGTEST) -> tuple[Hit, ...]:
    hits = scan(raw, Watch({OURS}), network, shown(hash256(raw[:80]))).hits
    prove(raw, network)
    return hits


def with_flags(raw: bytes, flags: int, beyond: bytes) -> bytes:
    """A transaction that announces more than its outputs."""
    return raw[:4] + bytes([0, flags]) + raw[4:-4] + beyond + raw[-4:]


def test_a_block_that_ends_in_an_extension_block_is_read() -> None:
    """Litecoin: the last transaction bears the flag 8 and an empty part; the extension block follows. What it
    pays out is told to be pegged."""
    hogex = with_flags(PAYMENT, 8, b"\0")
    (plain, pegged) = scanned(block_of(COINBASE, PAYMENT[:-4] + b"\1\0\0\0", hogex) + b"\1" + b"mweb" * 50)
    assert (plain.pegged, pegged.pegged) == (False, True)
    assert pegged.txid == txid_of(PAYMENT) == txid_of(hogex)


def test_an_extension_without_its_flag_is_refused() -> None:
    """Bytes may follow a block only where its last transaction announces them."""
    with pytest.raises(Malformed, match=r"block\.trailing"):
        scanned(block_of(COINBASE, PAYMENT) + b"\1mweb")


@pytest.mark.parametrize("flags", [2, 4, 9 | 16, 0x80])
def test_a_form_nobody_knows_is_refused(flags: int) -> None:
    """Unknown flags may hide outputs: the block is not read past them."""
    ids = [hash256(COINBASE), hash256(PAYMENT)]
    with pytest.raises(Malformed, match=r"block\.flags"):
        scanned(block_of(COINBASE, with_flags(PAYMENT, flags, b""), ids=ids))


def test_a_pooled_transaction_with_a_part_in_the_extension_block_is_read() -> None:
    """In the pool such a part is still attached; outputs and id are those of the transaction without it."""
    hit = scan_transaction(with_flags(PAYMENT, 8, b"\1" + b"part" * 9), Watch({OURS}))
    assert hit is not None
    assert (hit.txid, hit.paid[0].amount_sat) == (txid_of(PAYMENT), 7)


def test_merged_mining_puts_a_proof_behind_the_header() -> None:
    """Dogecoin: the proof is passed over where the header announces it, and nowhere else."""
    proof = COINBASE + bytes(32) + b"\2" + bytes(64) + bytes(4) + b"\1" + bytes(32) + bytes(4) + bytes(80)
    plain = block_of(COINBASE, PAYMENT, version=b"\x04\x01\x62\x00")
    merged = plain[:80] + proof + plain[80:]
    assert len(scanned(merged, DOGECOIN)) == 1
    for raw, network in ((merged, LITECOIN_REGTEST), (plain, DOGECOIN)):
        with pytest.raises(Malformed, match="block"):
            scanned(raw, network)


def test_payloads_are_part_of_a_transaction() -> None:
    """Dash: a transaction of version 3 with a type ends in a payload that its id covers."""
    special = b"\x03\x00\x05\x00" + PAYMENT[4:] + b"\x03pay"
    ids = [hash256(COINBASE), hash256(special)]
    (hit,) = scanned(block_of(COINBASE, special, ids=ids), DASH)
    assert (hit.txid, hit.body) == (shown(hash256(special)), shown(hash256(special)))
    with pytest.raises(Malformed, match="block"):
        scanned(block_of(COINBASE, special, ids=ids))


def test_a_node_invents_and_hides_nothing() -> None:
    """The header covers every transaction: one more, one less, another order or one told twice is refused."""
    other = PAYMENT[:-4] + b"\2\0\0\0"
    ids = [hash256(one) for one in (COINBASE, PAYMENT, other)]
    assert len(scanned(block_of(COINBASE, PAYMENT, other))) == 2
    for lie in ((COINBASE, PAYMENT), (COINBASE, other, PAYMENT), (COINBASE, PAYMENT, other, PAYMENT)):
        with pytest.raises(Malformed, match=r"block\.root"):
            scanned(block_of(*lie, ids=ids))
    twice = block_of(COINBASE, PAYMENT, other, other, ids=ids)
    with pytest.raises(Malformed, match=r"block\.twice"):
        scanned(twice)


def test_another_block_than_asked_for_is_refused() -> None:
    """The hash is that of these bytes, except where a network hashes in a way of its own."""
    raw = block_of(COINBASE, PAYMENT)
    with pytest.raises(Malformed, match=r"block\.hash"):
        scan(raw, Watch({OURS}), LITECOIN_REGTEST, "00" * 32)
    assert len(scan(raw, Watch({OURS}), DASH, "00" * 32).hits) == 1


def test_a_block_begins_with_what_mints_its_reward() -> None:
    """Otherwise two ids side by side could pass for a transaction of 64 bytes."""
    with pytest.raises(Malformed, match=r"block\.coinbase"):
        scanned(block_of(PAYMENT))
    assert scanned(block_of(COINBASE)) == ()


@pytest.mark.parametrize("count", [b"\xff" * 9, b"\xfe\xff\xff\xff\xff", b"\xfd\x01\x00", b"\xfd"])
def test_counts_beyond_the_bytes_end_at_once(count: bytes) -> None:
    """A count that promises more than there is makes no long loop; one written too long is none."""
    raw = block_of(COINBASE)[:80]
    for lie in (raw + count + COINBASE, raw + b"\1" + COINBASE[:4] + count + COINBASE[5:]):
        with pytest.raises(Malformed, match="block"):
            scanned(lie)


def test_every_beginning_of_a_block_is_refused() -> None:
    """Cut off at any byte, a block is none."""
    raw = block_of(COINBASE, with_flags(PAYMENT, 1, b"\2\1a\xfd\x00\x01" + b"w" * 256))
    assert len(scanned(raw)) == 1
    for end in range(len(raw)):
        with pytest.raises(Malformed, match="block"):
            scan(raw[:end], Watch({OURS}), LITECOIN_REGTEST, shown(hash256(raw[:80])))
