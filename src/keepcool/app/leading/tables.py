"""Who leads. One row, written by whoever begins to lead, read in every transaction of its work."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from keepcool.app.store import metadata

# `epoch` grows with every new leader.
leader = Table(
    "leader",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("name", String(200), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)
