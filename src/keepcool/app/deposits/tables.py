"""What the follower remembers: where it stands, the last blocks' hashes, what came in, and what it found
wrong. All of it changes in one database transaction with the ledger."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
_HASH = String(64)

deposit = Table(
    "deposit",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sender", String(128), nullable=True),
    Column("transaction", String(128), nullable=True, index=True),
    Column("position", BigInteger, nullable=False),  # of the log or transaction in its block
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", _HASH, nullable=False),
    Column("units", Units, nullable=False),
    Column("confirmed", Units, nullable=False),  # by the balance; at most `units`
    Column("posted", Boolean, nullable=False),  # whether the ledger holds it now
    Column("round", Integer, nullable=False),  # how often it has vanished after it was posted
    Column("state", String(16), nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("decided_at_ms", BigInteger, nullable=True),
    Index("deposit_of_wallet", "wallet", "asset", "block_number"),
    Index("deposit_at", "network", "block_number"),
    Index("deposit_in_state", "network", "state", "block_number"),
    sqlite_autoincrement=True,
)

cursor = Table(
    "deposit_cursor",
    metadata,
    Column("network", String(64), primary_key=True),
    Column("scanned", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("swept", BigInteger, nullable=False),  # the last wallet the sweep has looked at
)

block = Table(
    "deposit_block",
    metadata,
    Column("network", String(64), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", _HASH, nullable=False),
    PrimaryKeyConstraint("network", "number"),
)

touch = Table(
    "deposit_touch",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("executed", _HASH, nullable=False),  # the SafeTx's hash, or empty
    Index("touch_at", "network", "block_number"),
    Index("touch_of_wallet", "wallet", "block_number"),
)

outflow = Table(
    "deposit_outflow",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("key", _HASH, nullable=False),  # of one inclusion, as in touch.executed
    Column("wallet", String(64), nullable=False),
    Column("digest", _HASH, nullable=False),  # what the owners signed
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    UniqueConstraint("key", "asset"),
)

# What a Minter wallet of ours has sent, as blocks show it: one row for each inclusion.
spending = Table(
    "deposit_spending",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("key", _HASH, nullable=False, unique=True),  # as in outflow
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("digest", _HASH, nullable=False, index=True),  # what the owners signed
    Column("transaction", _HASH, nullable=False),
    Column("height", BigInteger, nullable=False),
    Column("block_hash", _HASH, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("log", String, nullable=False),
    Column("fee", Units, nullable=False),
    Column("fee_asset", String(200), nullable=False),
    Column("accounted", Boolean, nullable=False),  # whether the payouts have taken note of it
    Index("spending_open", "network", "accounted", "number"),
    Index("spending_of_wallet", "wallet", "nonce"),
    sqlite_autoincrement=True,
)

# What went from addresses of a pool on an EVM chain to its treasury, as blocks show it: one row for each log.
# `borne`: the treasury's own balance has confirmed it.
passage = Table(
    "deposit_passage",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=False),  # whose address it left
    Column("treasury", String(64), nullable=False),  # the pool's own wallet
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),  # as they left
    Column("arrived", Units, nullable=False),  # of them, at the treasury
    Column("block_number", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),  # of the log in its block
    Column("borne", Boolean, nullable=False),
    UniqueConstraint("network", "block_number", "position"),
    Index("passage_of_wallet", "wallet", "asset", "block_number"),
    Index("passage_to", "treasury", "asset", "block_number"),
    sqlite_autoincrement=True,
)

# What lies at addresses of a pool and was not swept, by the balances confirmed last.
lying = Table(
    "deposit_lying",
    metadata,
    Column("wallet", String(64), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("pool", String(64), nullable=False),
    Column("units", Units, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),  # sweeps since then that did not take it
    Column("tried_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("wallet", "asset"),
    Index("lying_in", "pool", "asset"),
)

settlement = Table(
    "deposit_settlement",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("units", Units, nullable=False),  # the balance at that block
    UniqueConstraint("wallet", "asset", "block_number"),
    Index("settlement_at", "network", "block_number"),
)

event = Table(
    "deposit_event",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("network", String(64), nullable=False),
    Column("wallet", String(64), nullable=True),
    Column("code", String(64), nullable=False),
    Column("text", String, nullable=False),
    Column("freezes", String(16), nullable=False),
    Column("thawed_at_ms", BigInteger, nullable=True),
    Index("event_freezing", "network", "freezes", "thawed_at_ms"),
    sqlite_autoincrement=True,
)
