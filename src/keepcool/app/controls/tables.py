"""The controls' tables: what is suspended, what API keys are limited to, corrections that two keys make."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, UniqueConstraint

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
ACTIVE = "1"

suspension = Table(
    "suspension",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # user | asset | network
    Column("subject", String(200), nullable=False),
    Column("deposits", String(16), nullable=False),  # credit | hold
    Column("reason", String(500), nullable=False),
    Column("by", String(80), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("active", String(1), nullable=True),  # null once it has ended
    Column("ended_reason", String(500), nullable=True),
    Column("ended_by", String(80), nullable=True),
    Column("ended_at_ms", BigInteger, nullable=True),
    UniqueConstraint("kind", "subject", "active"),
    sqlite_autoincrement=True,
)

# What differs for one API key from what is configured for all.
key_limit = Table(
    "api_key_limit",
    metadata,
    Column("api_key", String(40), primary_key=True),
    Column("requests_per_s", Integer, nullable=True),
    Column("requests_burst", Integer, nullable=True),
    Column("withdrawals_per_minute", Integer, nullable=True),
    Column("networks", String, nullable=False),  # JSON list of CIDRs; empty: from anywhere
)

# One row for each payment a key has asked for in the last minute: a restart forgets none.
key_payment = Table(
    "api_key_payment",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("api_key", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("api_key_payment_of", "api_key", "at_ms"),
    sqlite_autoincrement=True,
)

correction = Table(
    "correction",
    metadata,
    Column("number", _ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False, index=True),  # proposed | applied | rejected
    Column("source", String(120), nullable=False),  # account the units leave
    Column("target", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("units", Units, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("reference", String(200), nullable=False),
    Column("digest", String(64), nullable=False),  # of what was proposed, to the letter
    Column("proposed_by", String(40), nullable=False),  # id of the API key
    Column("proposed_name", String(80), nullable=False),  # and its name
    Column("proposed_person", String(80), nullable=False),
    Column("proposed_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("decided_by", String(40), nullable=True),
    Column("decided_name", String(80), nullable=True),
    Column("decided_person", String(80), nullable=True),
    Column("decided_reason", String(500), nullable=True),
    Column("decided_at_ms", BigInteger, nullable=True),
    Column("posting", _ROW_ID, nullable=True),
    sqlite_autoincrement=True,
)
