"""What operators have suspended, what API keys are limited to, corrections that two keys make."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from keepcool.app.store import Units

revision = "0004"
down_revision = "0003"
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _suspensions()
    _limits()
    _corrections()


def _suspensions() -> None:
    op.create_table(
        "suspension",
        sa.Column("number", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("deposits", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("active", sa.String(1), nullable=True),
        sa.Column("ended_reason", sa.String(500), nullable=True),
        sa.Column("ended_by", sa.String(80), nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("kind", "subject", "active"),
        sqlite_autoincrement=True,
    )


def _limits() -> None:
    op.create_table(
        "api_key_limit",
        sa.Column("api_key", sa.String(40), primary_key=True),
        sa.Column("requests_per_s", sa.Integer, nullable=True),
        sa.Column("requests_burst", sa.Integer, nullable=True),
        sa.Column("withdrawals_per_minute", sa.Integer, nullable=True),
        sa.Column("networks", sa.String, nullable=False),
    )
    op.create_table(
        "api_key_payment",
        sa.Column("number", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("api_key", sa.String(40), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("api_key_payment_of", "api_key_payment", ["api_key", "at_ms"])


def _corrections() -> None:
    op.create_table(
        "correction",
        sa.Column("number", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("target", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("units", Units, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("proposed_by", sa.String(40), nullable=False),
        sa.Column("proposed_name", sa.String(80), nullable=False),
        sa.Column("proposed_person", sa.String(80), nullable=False),
        sa.Column("proposed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.String(40), nullable=True),
        sa.Column("decided_name", sa.String(80), nullable=True),
        sa.Column("decided_person", sa.String(80), nullable=True),
        sa.Column("decided_reason", sa.String(500), nullable=True),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=True),
        sa.Column("posting", _ROW_ID, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_correction_state", "correction", ["state"])
