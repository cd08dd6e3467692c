"""The tables of batches. Every row is written before the step it stands for is taken: intent, drafts and the
leases of their coins before a signer is asked, signatures before they are combined, final transactions before
one of them is sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
_TXID = String(64)

# One intent and the transaction that carries it out, whichever of its rungs that becomes.
batch = Table(
    "payout_batch",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),  # of its intent
    Column("network", String(64), nullable=False),
    Column("source", String(64), nullable=False),  # the wallet of the record whose coins it spends
    Column("purpose", String(16), nullable=False),  # pay | burn | lift | gather
    Column("stage", String(16), nullable=False),  # drafted | signed | sent | confirmed | ended
    Column("intent", LargeBinary, nullable=False),
    Column("fee_max", Units, nullable=False),
    Column("parent", String(64), nullable=True, index=True),  # the batch that is burnt or lifted
    Column("sent_rung", Integer, nullable=True),  # the highest that was ever handed out
    Column("transaction", _TXID, nullable=True),  # what is in a block now
    Column("height", BigInteger, nullable=True),
    Column("block_hash", _TXID, nullable=True),
    Column("outdone_by", _TXID, nullable=True),  # what has spent its coins instead
    Column("undone", Integer, nullable=False),  # how often what it had booked as final was taken back
    Column("tainted", Boolean, nullable=False),  # ended, and its coins are to be burnt before they are used
    Column("expires_at_s", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("try_after_ms", BigInteger, nullable=False),
    Column("problem", String, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=True),  # the highest rung, first
    Column("updated_at_ms", BigInteger, nullable=False),
    Index("payout_batch_stage", "network", "stage", "number"),
    Index("payout_batch_source", "source", "stage"),
    Index("payout_batch_height", "network", "stage", "height"),
    sqlite_autoincrement=True,
)

# The withdrawals a batch pays, or the voids it carries out. A withdrawal may have had other batches before.
member = Table(
    "payout_batch_member",
    metadata,
    Column("batch", String(64), ForeignKey("payout_batch.id"), nullable=False),
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), nullable=False, index=True),
    Column("fee_part", Integer, nullable=False),  # its outputs: so many parts of the fee are its own
    PrimaryKeyConstraint("batch", "withdrawal"),
)

# The coins a batch spends, all of them in every rung.
spent = Table(
    "payout_batch_input",
    metadata,
    Column("batch", String(64), ForeignKey("payout_batch.id"), nullable=False),
    Column("network", String(64), nullable=False),
    Column("txid", _TXID, nullable=False),
    Column("vout", Integer, nullable=False),
    Column("amount_sat", BigInteger, nullable=False),
    PrimaryKeyConstraint("batch", "txid", "vout"),
    Index("payout_batch_input_coin", "network", "txid", "vout"),
)

# One batch at rising fees. `raw` is stored before any rung is sent.
rung = Table(
    "payout_rung",
    metadata,
    Column("batch", String(64), ForeignKey("payout_batch.id"), nullable=False),
    Column("place", Integer, nullable=False),  # 0 is the cheapest
    Column("draft", LargeBinary, nullable=False),
    Column("fee_sat", BigInteger, nullable=False),
    Column("vsize", Integer, nullable=False),
    Column("body", _TXID, nullable=False, index=True),  # the id of the draft without any signature
    Column("txid", _TXID, nullable=True, index=True),  # once signed; the body's where witnesses sign
    Column("raw", LargeBinary, nullable=True),
    Column("dropped", String, nullable=True),  # why it is not to be sent
    Column("sent_at_ms", BigInteger, nullable=True),
    PrimaryKeyConstraint("batch", "place"),
)

# What each signer said of each rung, last.
rung_answer = Table(
    "payout_rung_answer",
    metadata,
    Column("batch", String(64), ForeignKey("payout_batch.id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("signer", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),  # asked | signed | denied | needs_review
    Column("signatures", LargeBinary, nullable=True),  # 65 bytes for each input
    Column("verdicts", String, nullable=False),  # JSON list of [rule, outcome, reason]
    Column("policy", String(128), nullable=False),
    Column("sequence", BigInteger, nullable=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),  # when a delay it named ends, 0: none
    PrimaryKeyConstraint("batch", "place", "signer"),
)

# Withdrawals that wait together after a batch of theirs was given up: those of one part are drafted as one.
part = Table(
    "payout_part",
    metadata,
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), primary_key=True),
    Column("part", String(80), nullable=False),
)
