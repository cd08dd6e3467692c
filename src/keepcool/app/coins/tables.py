"""Addresses, coins, the transactions that made them, what spent them, and who holds which.

Laws: all of it changes in one database transaction with the block, or the sight of the pool, that showed it;
a coin is one outpoint and has one row for ever; hashes are hex in the order people write them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from keepcool.app.store import metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
_HASH = String(64)
_ID = String(64)

# `source`: the wallet whose record gives the script; `wallet`: whose deposits come in there, NULL for change
# and for what is a pool's own. `holder`: the batch an address of change is reserved for; `used`: a coin has
# lain there.
address = Table(
    "coin_address",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", _ID, nullable=False),
    Column("script", LargeBinary, nullable=False),
    Column("source", _ID, nullable=False),
    Column("wallet", _ID, nullable=True),
    Column("cosigner", Integer, nullable=False),
    Column("change", Integer, nullable=False),
    Column("index", BigInteger, key="leaf", nullable=False),  # a row has a method `index`
    Column("holder", _ID, nullable=True),
    Column("used", Boolean, nullable=False),
    UniqueConstraint("network", "script"),
    UniqueConstraint("source", "cosigner", "change", "leaf"),
    Index("coin_address_of", "network", "number"),
    Index("coin_address_wallet", "wallet"),
    Index("coin_address_free", "source", "cosigner", "change", "used", "holder"),
    sqlite_autoincrement=True,
)

# `height` and `block_hash` are NULL while it is in the pool alone; `matures`: the first block that may spend
# it. `own`: made by a draft of ours. `gone`: what made it is in no block and no pool any more.
coin = Table(
    "coin",
    metadata,
    Column("network", _ID, nullable=False),
    Column("txid", _HASH, nullable=False),
    Column("vout", BigInteger, nullable=False),
    Column("source", _ID, nullable=False),
    Column("wallet", _ID, nullable=True),
    Column("cosigner", Integer, nullable=False),
    Column("change", Integer, nullable=False),
    Column("index", BigInteger, key="leaf", nullable=False),  # a row has a method `index`
    Column("amount_sat", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=True),
    Column("block_hash", _HASH, nullable=True),
    Column("matures", BigInteger, nullable=False),
    Column("coinbase", Boolean, nullable=False),
    Column("own", Boolean, nullable=False),
    Column("dust", Boolean, nullable=False),
    Column("frozen", Boolean, nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("spent_by", _HASH, nullable=True),
    Column("spent_height", BigInteger, nullable=True),  # NULL while the spending is in the pool alone
    Column("seen_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("network", "txid", "vout"),
    Index("coin_spendable", "source", "spent_by", "gone", "amount_sat"),
    Index("coin_unspent", "source", "spent_height", "gone", "height", "amount_sat"),
    Index("coin_unspent_of", "network", "spent_height", "gone", "height", "amount_sat"),
    Index("coin_at", "network", "height"),
    Index("coin_spent_at", "network", "spent_height"),
    Index("coin_spent_by", "network", "spent_by"),
    Index(
        "coin_dust",
        "network",
        "dust",
        "spent_height",
        sqlite_where=text("dust"),
        postgresql_where=text("dust"),
    ),
)

# Whole transactions that made coins of ours, compressed: drafts carry them, signers prove amounts by them.
transaction = Table(
    "coin_transaction",
    metadata,
    Column("network", _ID, nullable=False),
    Column("txid", _HASH, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("network", "txid"),
)

# Up to which block coins were looked through whose transactions are needed no more.
forgotten = Table(
    "coin_transaction_forgotten",
    metadata,
    Column("network", _ID, primary_key=True),
    Column("height", BigInteger, nullable=False),
)

lease = Table(
    "coin_lease",
    metadata,
    Column("network", _ID, nullable=False),
    Column("txid", _HASH, nullable=False),
    Column("vout", BigInteger, nullable=False),
    Column("holder", _ID, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("network", "txid", "vout"),
    Index("coin_lease_of", "holder"),
)

# What App has drafted, by the id of its body: its transaction without any signature. Written before a signer
# is asked, so a spending that is not explained here is nobody's of ours.
draft = Table(
    "coin_draft",
    metadata,
    Column("network", _ID, nullable=False),
    Column("body", _HASH, nullable=False),
    Column("source", _ID, nullable=False),
    Column("holder", _ID, nullable=False),
    PrimaryKeyConstraint("network", "body"),
    Index("coin_draft_of", "holder"),
)

# Transactions that spend coins of ours, one row each. `height` NULL: in the pool alone. `gone`: in neither.
spending = Table(
    "coin_spending",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", _ID, nullable=False),
    Column("txid", _HASH, nullable=False),
    Column("body", _HASH, nullable=False),
    Column("holder", _ID, nullable=True),  # of the draft that explains it
    Column("height", BigInteger, nullable=True),
    Column("block_hash", _HASH, nullable=True),
    Column("gone", Boolean, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    UniqueConstraint("network", "txid"),
    Index("coin_spending_of", "holder"),
    Index("coin_spending_at", "network", "height"),
    sqlite_autoincrement=True,
)
