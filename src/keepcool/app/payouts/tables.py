"""The payouts' tables. Every row is written before the step it stands for is taken: a crash leaves a row
that says what may have happened, and the service goes on from there."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("wallet", String(64), ForeignKey("wallet.id"), nullable=False),
    Column("network", String(64), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("to_wallet", String(64), nullable=True),
    Column("fee_max", Units, nullable=False),  # native base units
    Column("external_id", String(128), nullable=True, unique=True),
    Column("metadata", String, nullable=False),
    Column("voids", String(64), nullable=True, index=True),  # the withdrawal whose slot this burns
    Column("outputs", String, nullable=True),  # JSON of [recipient, units], where there are several
    Column("fee_asset", String(200), nullable=True),  # where the wallet itself pays its fee
    Column("batch", String(64), nullable=True, index=True),  # the withdrawal that carries it with others
    Column("state", String(16), nullable=False),
    Column("state_json", String, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("intent", LargeBinary, nullable=True),
    Column("draft", LargeBinary, nullable=True),
    Column("digest", String(64), nullable=True, index=True),
    Column("slot", BigInteger, nullable=True),  # nonce of the wallet's account
    Column("expires_at_s", BigInteger, nullable=True),
    Column("drafted_at_block", BigInteger, nullable=True),
    Column("tries", Integer, nullable=False),
    Column("try_after_ms", BigInteger, nullable=False),
    Column("problem", String, nullable=True),  # what the last try met; public text
    Column("transaction", String(66), nullable=True, index=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index("withdrawal_open", "network", "open", "state", "number"),
    Index("withdrawal_wallet", "wallet", "open", "number"),
    sqlite_autoincrement=True,
)

# What each signer said of a withdrawal's draft, last.
signer_answer = Table(
    "signer_answer",
    metadata,
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), primary_key=True),
    Column("signer", String(16), primary_key=True),
    Column("outcome", String(16), nullable=False),  # asked | signed | denied | needs_review
    Column("signature", LargeBinary, nullable=True),
    Column("verdicts", String, nullable=False),  # JSON list of [rule, outcome, reason]
    Column("policy", String(128), nullable=False),
    Column("sequence", BigInteger, nullable=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),  # when a delay it named ends, 0: none
)

# What people signed. It holds for the bytes of one intent, and for no other the withdrawal gets later.
evidence = Table(
    "withdrawal_evidence",
    metadata,
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), primary_key=True),
    Column("intent", String(64), primary_key=True),  # its hash
    Column("kind", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("proof", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

purse = Table(
    "purse",
    metadata,
    Column("network", String(64), primary_key=True),
    Column("address", String(128), nullable=False),
    Column("balance", Units, nullable=False),  # at the block reconciled last
    Column("reconciled_block", BigInteger, nullable=False),
    Column("low", Boolean, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

# Every attempt of every nonce of the purse. `raw` is stored before it is sent.
purse_transaction = Table(
    "purse_transaction",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("account", String(128), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("wallet", String(64), nullable=False),
    Column("withdrawal", String(64), nullable=True, index=True),
    Column("unsigned", LargeBinary, nullable=False),
    Column("raw", LargeBinary, nullable=True),
    Column("hash", String(66), nullable=True, unique=True),
    Column("fee_max", Units, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("replaced_by", _ROW_ID, nullable=True),
    Column("block", BigInteger, nullable=True),
    Column("block_hash", String(66), nullable=True),
    Column("succeeded", Boolean, nullable=True),
    Column("fee_paid", Units, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("first_sent_at_ms", BigInteger, nullable=True),
    Column("sent_at_ms", BigInteger, nullable=True),
    Column("problem", String, nullable=True),
    UniqueConstraint("network", "account", "nonce", "unsigned"),
    Index("purse_transaction_stage", "network", "stage", "nonce"),
    sqlite_autoincrement=True,
)

# What a wallet has paid in fees itself: one row for each block that took something.
wallet_fee = Table(
    "wallet_fee",
    metadata,
    Column("key", String(64), primary_key=True),  # of one inclusion
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), nullable=False, index=True),
    Column("units", Units, nullable=False),
    Column("held", Units, nullable=False),  # of them, taken out of what was held for fees
)

journal_head = Table(
    "journal_head",
    metadata,
    Column("signer", String(16), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

payout_event = Table(
    "payout_event",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False, index=True),
    Column("network", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("text", String, nullable=False),
    sqlite_autoincrement=True,
)
