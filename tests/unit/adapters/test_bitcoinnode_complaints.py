"""The words of nodes of the Core family, sorted: each is real, from the named node's own source or mouth."""

from __future__ import annotations

from decimal import Decimal

import pytest

from keepcool.adapters.bitcoinnode import answers, complaints
from keepcool.adapters.jsonrpc.calls import Complaint
from keepcool.ports.bitcoinnode import Why

WORDS = {
    "txn-mempool-conflict": Why.CONFLICT,
    "insufficient fee, rejecting replacement 1d; new feerate 0.00001 <= old feerate 0.00002": Why.FEE,
    "insufficient fee": Why.FEE,
    "mempool min fee not met, 141 < 1000": Why.FEE,
    "min relay fee not met": Why.FEE,
    "66: min relay fee not met": Why.FEE,
    "66: insufficient priority": Why.FEE,
    "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)": Why.OTHER,
    "mempool full": Why.POOL_FULL,
    "too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]": Why.POOL_FULL,
    "bad-txns-inputs-missingorspent": Why.SPENT,
    "Missing inputs": Why.SPENT,
    "missing-inputs": Why.SPENT,
    "non-final": Why.NOT_YET,
    "64: non-BIP68-final": Why.NOT_YET,
    "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 3": Why.NOT_YET,
    "mandatory-script-verify-flag-failed (Signature must be zero)": Why.OTHER,
    "scriptsig-not-pushonly": Why.OTHER,
    "dust": Why.OTHER,
}


@pytest.mark.parametrize(("words", "why"), WORDS.items())
def test_a_reason_is_sorted(words: str, why: Why) -> None:
    """What the payer must do follows from the words, whatever the node."""
    assert complaints.why(words) is why


@pytest.mark.parametrize(
    ("code", "message", "known"),
    [
        (-27, "Transaction already in block chain", True),
        (-27, "transaction already in utxo set", True),
        (-26, "txn-already-in-mempool", True),
        (-26, "18: txn-already-known", True),
        (-26, "txn-mempool-conflict", False),
        (-25, "Missing inputs", False),
    ],
)
def test_what_a_node_has_already_is_no_refusal(code: int, message: str, known: bool) -> None:
    """Sent twice is sent."""
    assert complaints.is_known(Complaint(code, message)) is known


def test_what_is_absent_is_told_from_what_is_broken() -> None:
    """An unknown transaction and a height beyond the tip are answers; a pruned block and an I/O error are
    not."""
    gone = "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain queries."
    assert complaints.is_absent_transaction(Complaint(-5, gone))
    assert complaints.is_absent_transaction(Complaint(-1, "Transaction not found."))
    assert not complaints.is_absent_transaction(Complaint(-1, "Can't read block from disk"))
    assert complaints.is_absent_block(Complaint(-8, "Block height out of range"))
    assert not complaints.is_absent_block(Complaint(-1, "Block not available (pruned data)"))
    assert complaints.error("n", Complaint(-1, "Block not available (pruned data)")).code == "node.pruned"
    assert complaints.is_misasked(Complaint(-1, 'getrawtransaction "txid" ( verbose )'))
    assert not complaints.is_misasked(Complaint(-5, gone))


def test_a_nodes_words_are_cut_and_printable() -> None:
    """What a node says reaches logs and people: no line breaks, no escape, no novel."""
    told = complaints.rejection("n", "bad\x1b[31m\n" + "x" * 10_000, Why.OTHER)
    assert told.public.isprintable()
    assert len(told.public) < 300


def test_amounts_are_decimals_and_nothing_else() -> None:
    """Every satoshi counts, and what no amount can be is refused."""
    assert answers.satoshi(Decimal("20999999.97690000")) == 2_099_999_997_690_000
    assert answers.satoshi(Decimal("0.00000001")) == 1
    for wrong in ("0.000000001", "-0.1", "1e30", "NaN", "Infinity", "1e-400"):
        with pytest.raises(ValueError, match="no amount"):
            answers.satoshi(Decimal(wrong))


def test_a_coin_is_never_deeper_than_its_chain() -> None:
    """Confirmations count from the tip that the node states with them."""
    raw = answers.parsed(
        b'{"bestblock":"ab","confirmations":3,"value":1.5,"scriptPubKey":{"hex":"51"},"coinbase":true}',
        answers.RawUnspent,
    )
    assert raw.read(10).height == 8
    with pytest.raises(ValueError, match="deeper"):
        raw.read(1)
