"""Wallets made ahead, the accounts that make them, and what those accounts have sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

creator = Table(
    "spare_creator",
    metadata,
    Column("network", String(64), primary_key=True),
    Column("address", String(128), primary_key=True),
    Column("place", Integer, nullable=False),  # 0 is the purse that is topped up
)

spare = Table(
    "spare_wallet",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),  # of the wallet it becomes
    Column("network", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("address", String(128), nullable=True),
    Column("record", LargeBinary, nullable=True),  # the first revision, reserved
    Column("given_for", String(64), nullable=True, unique=True),  # the id under which a wallet was asked for
    Column("created_at_ms", BigInteger, nullable=False),
    Index("spare_in_stage", "network", "stage", "number"),
    sqlite_autoincrement=True,
)

errand = Table(
    "creator_transaction",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("account", String(128), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("purpose", String(16), nullable=False),  # create | spread | cancel
    Column("wallet", String(64), nullable=True, index=True),
    Column("gas_price", Integer, nullable=False),
    Column("unsigned", LargeBinary, nullable=False),  # empty for a create, which Keeper builds
    Column("raw", LargeBinary, nullable=True),
    Column("hashes", String, nullable=False),  # of every version ever signed, parted by spaces
    Column("stage", String(16), nullable=False),
    Column("block", BigInteger, nullable=True),
    Column("fee", Units, nullable=True),
    Column("posted", Boolean, nullable=False),  # whether the ledger holds its fee
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("problem", String, nullable=True),
    UniqueConstraint("network", "account", "nonce"),
    Index("errand_in_stage", "network", "stage"),
    sqlite_autoincrement=True,
)
