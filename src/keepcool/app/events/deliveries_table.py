"""Deliveries that failed: to be tried again, or given up. Those that were taken leave no row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table

from keepcool.app.store import metadata

delivery = Table(
    "webhook_delivery",
    metadata,
    Column("webhook", String(40), nullable=False),
    Column("event", BigInteger, nullable=False),  # its cursor
    Column("dead", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),  # what the receiver answered last
    Column("problem", String, nullable=False),
    Column("first_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("webhook", "event"),
    Index("webhook_delivery_due", "webhook", "dead", "due_ms"),
)
