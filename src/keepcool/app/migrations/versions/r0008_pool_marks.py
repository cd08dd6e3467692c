"""High and low water of pools' other assets, beside the network's coin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from keepcool.app.store import Units

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "pool_marks",
        sa.Column("pool", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("high", Units, nullable=False),
        sa.Column("low", Units, nullable=False),
        sa.Column("target", Units, nullable=False),
        sa.Column("harbor", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("pool", "asset"),
    )
