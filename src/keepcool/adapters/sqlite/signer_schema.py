"""A signer's tables, and connections that keep their word.

Laws: WAL with `synchronous=FULL` (a commit is on disk); journal rows cannot be changed or deleted, not
even by this program; positions up to 2**63 - 1, amounts only inside entry bodies.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    seq INTEGER PRIMARY KEY, prev BLOB NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS claim (
    network TEXT NOT NULL, space TEXT NOT NULL, position INTEGER NOT NULL, digest BLOB NOT NULL,
    seq INTEGER NOT NULL REFERENCES entry (seq),
    PRIMARY KEY (network, space, position, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intent (
    intent TEXT PRIMARY KEY, hash TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (
    envelope TEXT PRIMARY KEY, keep_until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS heard_until ON heard (keep_until_ms);
CREATE TABLE IF NOT EXISTS record (
    wallet TEXT PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS attestation (
    wallet TEXT NOT NULL REFERENCES record (wallet), service TEXT NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (wallet, service)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealed_key (
    wallet TEXT NOT NULL, network TEXT NOT NULL, purpose TEXT NOT NULL, public_key TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (wallet, network, purpose)) STRICT;
CREATE TABLE IF NOT EXISTS witness (
    service TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY, intent TEXT NOT NULL, draft TEXT NOT NULL, body BLOB NOT NULL,
    at_s INTEGER NOT NULL, until_s INTEGER NOT NULL, UNIQUE (intent, draft)) STRICT;
CREATE INDEX IF NOT EXISTS waiting_until ON waiting (until_s);
CREATE TABLE IF NOT EXISTS waiting_size (
    one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO waiting_size VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS waiting_grows AFTER INSERT ON waiting
    BEGIN UPDATE waiting_size SET bytes = bytes + length(NEW.body) + 256; END;
CREATE TRIGGER IF NOT EXISTS waiting_shrinks AFTER DELETE ON waiting
    BEGIN UPDATE waiting_size SET bytes = bytes - length(OLD.body) - 256; END;
CREATE TRIGGER IF NOT EXISTS entry_is_never_changed BEFORE UPDATE ON entry
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_is_never_deleted BEFORE DELETE ON entry
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


def create_file(file: Path) -> None:
    """The database file, readable by its owner alone (its WAL inherits the mode)."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def connect(file: Path, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
    """The one writing connection, with its tables made."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=factory)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    return connection


def connect_reader(file: Path) -> sqlite3.Connection:
    """A connection that sees what is committed and can change nothing."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA busy_timeout=5000")
    return connection
