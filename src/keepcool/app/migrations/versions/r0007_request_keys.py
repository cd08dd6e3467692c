"""Keys that open wallets' hot keys at Keeper, as far as App keeps them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "request_key",
        sa.Column("wallet", sa.String(64), primary_key=True),
        sa.Column("key", sa.LargeBinary(32), nullable=True),
        sa.Column("next", sa.LargeBinary(32), nullable=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
