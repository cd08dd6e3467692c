"""API keys are rotated with an overlap, and say when they were used last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for column in ("rotated_at_ms", "used_at_ms"):
        op.add_column("api_key", sa.Column(column, sa.BigInteger, nullable=True))
    op.create_table(
        "api_key_former",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(40), sa.ForeignKey("api_key.id"), nullable=False),
        sa.Column("ends_at_ms", sa.BigInteger, nullable=False),
        sa.Column("used_at_ms", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_api_key_former_key", "api_key_former", ["key"])
