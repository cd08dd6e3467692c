"""Payments that signers remember and the books do not: made before the books were lost, or after the backup
they were restored from was taken.

Law: a payment is noted in the database transaction that first sees it on a chain, and booked once.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

# `digest`: the first that was signed; `transaction`: what carried it out. `stage`: see
# `payments.Stage`. `paid_out`: all its outputs, where the chain has such.
payment = Table(
    "recalled_payment",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("network", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("transaction", String(66), nullable=False),
    Column("source", String(64), nullable=False),
    Column("intent", String(64), nullable=False),
    Column("intent_bytes", LargeBinary, nullable=False),
    Column("remembered_by", String(32), nullable=False),
    Column("signed_at_s", BigInteger, nullable=False),
    Column("paid_out", Units, nullable=False),
    Column("fee", Units, nullable=True),  # once it is booked
    Column("stage", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("network", "digest"),
    Index("recalled_payment_stage", "network", "stage"),
    sqlite_autoincrement=True,
)

# `wallet`: out of whose balance it was booked, NULL while that is open; `withdrawal`: the one it has paid.
output = Table(
    "recalled_output",
    metadata,
    Column("payment", _ROW_ID, ForeignKey("recalled_payment.number"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    Column("wallet", String(64), nullable=True, index=True),
    Column("withdrawal", String(64), nullable=True),
    PrimaryKeyConstraint("payment", "place"),
)
