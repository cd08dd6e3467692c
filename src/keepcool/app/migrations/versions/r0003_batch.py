"""Which batch carries a withdrawal out together with others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("withdrawal", sa.Column("batch", sa.String(64), nullable=True))
    op.create_index("ix_withdrawal_batch", "withdrawal", ["batch"])
