"""What a restore has found so far, in one file: it goes on where it was interrupted.

Laws: coins and the height they were read at are committed together; what a power cut takes is read again;
the file belongs to one set of descriptors and says so; it holds public data alone. SQLite, one writer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keepcool.core.errors import Conflict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pass (
  number INTEGER PRIMARY KEY, spans TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  done INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS block (height INTEGER PRIMARY KEY, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS made (txid TEXT PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS coin (
  txid TEXT NOT NULL, vout INTEGER NOT NULL, track INTEGER NOT NULL, at INTEGER NOT NULL,
  amount_sat INTEGER NOT NULL, height INTEGER NOT NULL, coinbase INTEGER NOT NULL, spent_height INTEGER,
  PRIMARY KEY (txid, vout)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS coin_track ON coin (track, at);
"""
_ONE_MORE = """
INSERT INTO fact VALUES ('unread', '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value + 1 AS TEXT)
"""
_HASHES_KEPT = 500


@dataclass(frozen=True, slots=True)
class Pass:
    """One reading of blocks `first` to `last` for `spans` of (track, first index, end). `done`: the last
    block that was read, below `first` at the beginning."""

    number: int
    spans: tuple[tuple[int, int, int], ...]
    first: int
    last: int
    done: int


@dataclass(frozen=True, slots=True)
class FoundCoin:
    """A coin on a derived address."""

    txid: str
    vout: int
    track: int
    index: int
    amount_sat: int
    height: int
    coinbase: bool


class Store:
    """Methods commit before they return, unless they are called within `together`. One caller at a time, from
    whatever thread."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def claim(self, whose: str) -> None:
        """Raises Conflict when the file holds a restore of other descriptors."""
        self._db.execute("INSERT OR IGNORE INTO fact VALUES ('descriptors', ?)", (whose,))
        if self._fact("descriptors") != whose:
            raise Conflict(
                "restore.state", "this state file belongs to other descriptors; name another with --state"
            )

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within is written together."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def passes(self) -> list[Pass]:
        rows = self._db.execute("SELECT number, spans, first, last, done FROM pass ORDER BY number")
        return [
            Pass(number, tuple((one[0], one[1], one[2]) for one in json.loads(spans)), first, last, done)
            for number, spans, first, last, done in rows
        ]

    def add_pass(self, spans: Sequence[tuple[int, int, int]], first: int, last: int) -> Pass:
        cursor = self._db.execute(
            "INSERT INTO pass (spans, first, last, done) VALUES (?, ?, ?, ?)",
            (json.dumps(spans), first, last, first - 1),
        )
        return Pass(int(cursor.lastrowid or 0), tuple(spans), first, last, first - 1)

    def read(self, of: Pass, height: int, block_hash: str, *, trusted: bool = False) -> None:
        """Block `height` was read in this pass; `trusted`: it was left unread, for what its filter says."""
        if trusted:
            self._db.execute(_ONE_MORE)
        self._db.execute("UPDATE pass SET done = ? WHERE number = ?", (height, of.number))
        self._db.execute("INSERT OR REPLACE INTO block VALUES (?, ?)", (height, block_hash))
        self._db.execute("DELETE FROM block WHERE height = ?", (height - _HASHES_KEPT,))

    def hashes(self) -> list[tuple[int, str]]:
        """Of the blocks read last, the highest first."""
        rows = self._db.execute(
            "SELECT height, hash FROM block ORDER BY height DESC LIMIT ?", (_HASHES_KEPT,)
        )
        return [(int(height), str(found)) for height, found in rows]

    def undo(self, above: int) -> None:
        """Forgets what blocks above this height told."""
        with self.together():
            self._db.execute("DELETE FROM coin WHERE height > ?", (above,))
            self._db.execute("UPDATE coin SET spent_height = NULL WHERE spent_height > ?", (above,))
            self._db.execute("DELETE FROM block WHERE height > ?", (above,))
            self._db.execute("DELETE FROM pass WHERE first > ?", (above,))
            self._db.execute("UPDATE pass SET done = min(done, ?), last = min(last, ?)", (above, above))

    def forget(self) -> None:
        """All coins found so far."""
        self._db.execute("DELETE FROM coin")
        self._db.execute("DELETE FROM made")

    def add(self, coins: Iterable[FoundCoin], made: Iterable[tuple[str, bytes]]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO coin VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                (one.txid, one.vout, one.track, one.index, one.amount_sat, one.height, int(one.coinbase))
                for one in coins
            ],
        )
        self._db.executemany("INSERT OR IGNORE INTO made VALUES (?, ?)", list(made))

    def unread(self) -> int:
        """How many blocks were left unread, in all passes."""
        return int(self._fact("unread") or 0)

    def spend(self, outpoints: Iterable[tuple[str, int]], height: int) -> None:
        self._db.executemany(
            "UPDATE coin SET spent_height = ? WHERE txid = ? AND vout = ?",
            [(height, txid, vout) for txid, vout in outpoints],
        )

    def coins(self) -> list[FoundCoin]:
        """The coins that are there."""
        rows = self._db.execute(
            "SELECT txid, vout, track, at, amount_sat, height, coinbase FROM coin "
            "WHERE spent_height IS NULL ORDER BY track, at, height, txid, vout"
        )
        return [
            FoundCoin(txid, vout, track, at, amount_sat, height, bool(coinbase))
            for txid, vout, track, at, amount_sat, height, coinbase in rows
        ]

    def used(self) -> dict[int, int]:
        """By track the highest index that was ever paid to."""
        return dict(self._db.execute("SELECT track, max(at) FROM coin GROUP BY track").fetchall())

    def raw(self, txid: str) -> bytes:
        """The transaction that made a coin. Raises Conflict when it is not kept here."""
        found = self._db.execute("SELECT raw FROM made WHERE txid = ?", (txid,)).fetchone()
        if found is None:
            raise Conflict("restore.made", f"the transaction {txid} is not in the state file; scan again")
        return bytes(found[0])

    def _fact(self, name: str) -> str:
        found = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""
