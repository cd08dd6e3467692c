"""What goes from users' addresses of a pool on an EVM chain to its treasury, and what lies there unswept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from keepcool.app.store import Units

revision = "0006"
down_revision = "0005"
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "deposit_passage",
        sa.Column("number", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("wallet", sa.String(64), nullable=False),
        sa.Column("treasury", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("units", Units, nullable=False),
        sa.Column("arrived", Units, nullable=False),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("borne", sa.Boolean, nullable=False),
        sa.UniqueConstraint("network", "block_number", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index("passage_of_wallet", "deposit_passage", ["wallet", "asset", "block_number"])
    op.create_index("passage_to", "deposit_passage", ["treasury", "asset", "block_number"])
    op.create_table(
        "deposit_lying",
        sa.Column("wallet", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("pool", sa.String(64), nullable=False),
        sa.Column("units", Units, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("wallet", "asset"),
    )
    op.create_index("lying_in", "deposit_lying", ["pool", "asset"])
