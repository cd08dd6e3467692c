"""Pools, ranges of addresses as both signers attested them, and to whom each address was given.

Laws: an address is attested before it has a row here, and given to one wallet for ever; a pool's ledger
transfers are never changed.
"""

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
    UniqueConstraint,
)

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
_ID = String(64)
_ADDRESS = String(128)

# `id`: the pool's own wallet. Marks are base units of the network's coin; 0 for high: nothing is swept.
# Those of other assets stand in `asset_marks`.
pool = Table(
    "pool",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", _ID, ForeignKey("wallet.id"), nullable=False, unique=True),
    Column("network", _ID, nullable=False, index=True),
    Column("high", Units, nullable=False),
    Column("low", Units, nullable=False),
    Column("target", Units, nullable=False),
    Column("harbor", _ADDRESS, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

asset_marks = Table(
    "pool_marks",
    metadata,
    Column("pool", _ID, nullable=False),
    Column("asset", String(200), nullable=False),
    Column("high", Units, nullable=False),
    Column("low", Units, nullable=False),
    Column("target", Units, nullable=False),
    Column("harbor", _ADDRESS, nullable=True),
    PrimaryKeyConstraint("pool", "asset"),
)

# A wallet whose address is one of a pool's. `place` (its index) is NULL while it waits for one.
member = Table(
    "pool_member",
    metadata,
    Column("wallet", _ID, ForeignKey("wallet.id"), primary_key=True),
    Column("pool", _ID, nullable=False),
    Column("place", BigInteger, nullable=True),
    Index("pool_member_of", "pool", "place"),
)

# `source`: the wallet whose record gives the addresses. One statement of both signers for all of them.
address_range = Table(
    "address_range",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("source", _ID, ForeignKey("wallet.id"), nullable=False),
    Column("change", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("keeper_signature", LargeBinary, nullable=False),
    Column("cooler_signature", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("source", "change", "first"),
    sqlite_autoincrement=True,
)

# `way`: what proves the address within its range, 32 bytes a step. `wallet` NULL: in stock. `burnt`: may have
# been given to somebody by an App of which this one was restored; never given again.
attested_address = Table(
    "attested_address",
    metadata,
    Column("source", _ID, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("network", _ID, nullable=False),
    Column("cosigner", Integer, nullable=False),
    Column("address", _ADDRESS, nullable=False),
    Column("script", LargeBinary, nullable=False),
    Column("range", _ROW_ID, ForeignKey("address_range.number"), nullable=False),
    Column("way", LargeBinary, nullable=False),
    Column("wallet", _ID, nullable=True),
    Column("burnt", Boolean, nullable=False),
    Column("given_at_ms", BigInteger, nullable=True),
    PrimaryKeyConstraint("source", "place"),
    UniqueConstraint("network", "address"),
    Index("attested_address_wallet", "wallet", "place"),
)

IN_STOCK = attested_address.c.wallet.is_(None) & attested_address.c.burnt.is_(False)
# of the stock alone: the lowest address of it is found at once, however many were given
Index(
    "attested_address_stock",
    attested_address.c.source,
    attested_address.c.place,
    sqlite_where=IN_STOCK,
    postgresql_where=IN_STOCK,
)

# Between two wallets of one pool: no transaction, no fee.
ledger_transfer = Table(
    "ledger_transfer",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("pool", _ID, nullable=False, index=True),
    Column("from_wallet", _ID, ForeignKey("wallet.id"), nullable=False, index=True),
    Column("to_wallet", _ID, ForeignKey("wallet.id"), nullable=False, index=True),
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    Column("external_id", String(128), nullable=True, unique=True),
    Column("metadata", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Surplus on its way to the harbor: a withdrawal of the pool's own, for which the ledger lends it the users'
# coins. `lent` covers amount and fee; `ended` once the books say what came of it.
sweep = Table(
    "pool_sweep",
    metadata,
    Column("withdrawal", _ID, primary_key=True),
    Column("pool", _ID, nullable=False),
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    Column("lent", Units, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("pool_sweep_open", "pool", "ended"),
    Index("pool_sweep_newest", "pool", "at_ms"),
)
