"""What survives a stop: blocks, accounts, coins, in one SQLite file. The mempool does not, as on a node.

Law: a block and all it changed are one database transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keepcool.devnet.ledger import Account, Coin, Ledger, Owners

_TABLES = """
CREATE TABLE IF NOT EXISTS blocks (height INTEGER PRIMARY KEY, hash TEXT NOT NULL, time_ms INTEGER NOT NULL,
    events TEXT NOT NULL, before TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS txs (height INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL,
    raw BLOB NOT NULL, code INTEGER NOT NULL, log TEXT NOT NULL, tags TEXT NOT NULL, gas INTEGER NOT NULL,
    PRIMARY KEY (height, place)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS txs_hash ON txs (hash);
CREATE TABLE IF NOT EXISTS marks (name TEXT NOT NULL, value TEXT NOT NULL, height INTEGER NOT NULL,
    place INTEGER NOT NULL, PRIMARY KEY (name, value, height, place)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (address BLOB PRIMARY KEY, account TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coins (id INTEGER PRIMARY KEY, coin TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class StoredTx:
    """A transaction in a block, and what became of it there."""

    height: int
    place: int
    hash: bytes
    raw: bytes
    code: int
    log: str
    tags: Mapping[str, str]
    gas: int


@dataclass(frozen=True, slots=True)
class Block:
    height: int
    hash: str
    time_ms: int
    events: Sequence[Mapping[str, str]]


class Store:
    """`file` None keeps everything in memory."""

    def __init__(self, file: Path | None) -> None:
        self._db = sqlite3.connect(":memory:" if file is None else file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        self._db.close()

    def tip(self) -> Block | None:
        row = self._db.execute("SELECT height FROM blocks ORDER BY height DESC LIMIT 1").fetchone()
        return None if row is None else self.block(row[0])

    def block(self, height: int) -> Block | None:
        row = self._db.execute(
            "SELECT height, hash, time_ms, events FROM blocks WHERE height = ?", (height,)
        ).fetchone()
        return None if row is None else Block(row[0], row[1], row[2], json.loads(row[3]))

    def transactions(self, height: int) -> list[StoredTx]:
        return self._txs("WHERE height = ? ORDER BY place", (height,))

    def transaction(self, tx_hash: bytes) -> StoredTx | None:
        """The last of them: a failed one may be in a later block again."""
        found = self._txs("WHERE hash = ? ORDER BY height DESC LIMIT 1", (tx_hash,))
        return found[0] if found else None

    def marked(self, wanted: Sequence[tuple[str, str]], limit: int, offset: int) -> list[StoredTx]:
        """Transactions that have all these tags, newest first."""
        part = "(height, place) IN (SELECT height, place FROM marks WHERE name = ? AND value = ?)"
        where = " AND ".join([part] * len(wanted))
        values = [text for pair in wanted for text in pair]
        order = "ORDER BY height DESC, place DESC LIMIT ? OFFSET ?"
        return self._txs(f"WHERE {where} {order}", (*values, limit, offset))

    def append(
        self,
        block: Block,
        txs: Sequence[tuple[StoredTx, Sequence[tuple[str, str]]]],
        before: Mapping[bytes, Account],
        ledger: Ledger,
    ) -> None:
        old = json.dumps({address.hex(): _written(account) for address, account in before.items()})
        row = (block.height, block.hash, block.time_ms, json.dumps(list(block.events)), old)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", row)
            for tx, marks in txs:
                self._add(tx, marks)
            self._db.executemany(
                "INSERT OR REPLACE INTO accounts VALUES (?, ?)",
                [(address, json.dumps(_written(ledger.account(address)))) for address in before],
            )
            coins = [(coin.id, json.dumps(asdict(coin))) for coin in ledger.coins.values()]
            self._db.executemany("INSERT OR REPLACE INTO coins VALUES (?, ?)", coins)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def fill(self, ledger: Ledger, keep: int) -> None:
        """The state of the newest block, and the changes of the last `keep`."""
        for address, text in self._db.execute("SELECT address, account FROM accounts"):
            ledger.accounts[address] = _read(json.loads(text))
        for (text,) in self._db.execute("SELECT coin FROM coins"):
            raw = json.loads(text)
            pool = None if raw["pool"] is None else (raw["pool"][0], raw["pool"][1])
            ledger.put_coin(Coin(raw["id"], raw["symbol"], pool))
        recent = "SELECT height, before FROM blocks ORDER BY height DESC LIMIT ?"
        for height, text in reversed(self._db.execute(recent, (keep,)).fetchall()):
            before = {bytes.fromhex(one): _read(raw) for one, raw in json.loads(text).items()}
            ledger.remember(height, before)

    def _add(self, tx: StoredTx, marks: Sequence[tuple[str, str]]) -> None:
        row = (tx.height, tx.place, tx.hash, tx.raw, tx.code, tx.log, json.dumps(dict(tx.tags)), tx.gas)
        self._db.execute("INSERT INTO txs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.executemany(
            "INSERT OR IGNORE INTO marks VALUES (?, ?, ?, ?)",
            [(name, value, tx.height, tx.place) for name, value in marks],
        )

    def _txs(self, rest: str, values: Sequence[object]) -> list[StoredTx]:
        query = f"SELECT height, place, hash, raw, code, log, tags, gas FROM txs {rest}"  # noqa: S608
        return [
            StoredTx(height, place, tx_hash, raw, code, log, json.loads(tags), gas)
            for height, place, tx_hash, raw, code, log, tags, gas in self._db.execute(query, tuple(values))
        ]


def _written(account: Account) -> dict[str, Any]:
    owners = account.owners
    return {
        "nonce": account.nonce,
        "balances": {str(coin): str(pip) for coin, pip in account.balances.items()},
        "owners": None
        if owners is None
        else [owners.threshold, list(owners.weights), [one.hex() for one in owners.addresses]],
    }


def _read(raw: Mapping[str, Any]) -> Account:
    balances = {int(coin): int(pip) for coin, pip in raw["balances"].items()}
    if raw["owners"] is None:
        return Account(raw["nonce"], balances)
    threshold, weights, addresses = raw["owners"]
    owners = Owners(threshold, tuple(weights), tuple(bytes.fromhex(one) for one in addresses))
    return Account(raw["nonce"], balances, owners)
