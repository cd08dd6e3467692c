"""The ledger's tables. Postings and entries are append-only: triggers (migrations/first) refuse UPDATE,
DELETE and REPLACE, whoever asks. Balance rows are a cache, provably the sum of the entries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from keepcool.app.store import Units, metadata

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

posting = Table(
    "posting",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("wallet", String(64), nullable=True, index=True),
    Column("reference", String, nullable=False),  # canonical JSON of text to text
    Column("digest", String(64), nullable=False),  # of kind and lines: one key, one content
    sqlite_autoincrement=True,
)

entry = Table(
    "entry",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("posting", _ROW_ID, ForeignKey("posting.id"), nullable=False, index=True),
    Column("account", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("sign", Integer, nullable=False),  # +1 debit, -1 credit
    Column("units", Units, nullable=False),
    Column("balance", Units, nullable=False),  # of the account afterwards, on its own side
    Index("entry_account", "account", "asset", "id"),
    sqlite_autoincrement=True,
)

balance_row = Table(
    "balance",
    metadata,
    Column("account", String(120), primary_key=True),
    Column("asset", String(200), primary_key=True),
    Column("units", Units, nullable=False),
)
