"""A full block against a million watched scripts, the memory they take, a start with a million addresses."""

from __future__ import annotations

import os
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median

from sqlalchemy import Connection

from bench.measure import Figure
from keepcool.adapters.sqlite.books import open_books
from keepcool.app.deposits.bitcoin.watched import Watched
from keepcool.app.store import Store
from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.scanning import HEADER_BYTES, Watch, merkle_root, scan
from keepcool.chains.bitcoin.transaction import (
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    hash256,
    shown,
)

WATCHED, TXS, OURS, ROUNDS = 1_000_000, 4_000, 100, 9
_FILL = """
WITH RECURSIVE counted (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i + 1 < ?)
INSERT INTO coin_address (network, script, source, wallet, cosigner, change, "index", holder, used)
SELECT ?, randomblob(34), 'pool', 'w' || i, 0, 0, i, NULL, 0 FROM counted
"""


def blocks() -> list[Figure]:
    scripts, bytes_each = _watched()
    raw = _block(list(scripts)[:OURS])
    block_hash = shown(hash256(raw[:HEADER_BYTES]))
    times = []
    for _ in range(ROUNDS):
        watch = Watch(scripts)
        begin = time.perf_counter()
        found = scan(raw, watch, LITECOIN_REGTEST, block_hash)
        times.append(time.perf_counter() - begin)
        if sum(len(hit.paid) for hit in found.hits) != OURS:
            raise RuntimeError("a deposit was not found")
    took_ms, loaded_s = median(times) * 1000, _loaded()
    size = f"{len(raw) / 1e6:.2f} MB, two inputs and outputs each"
    return [
        Figure(
            f"a block of {TXS:,} against {WATCHED:,} scripts", took_ms, "ms", size, "<= 10 ms", took_ms <= 10
        ),
        Figure("memory per watched script", bytes_each, "B", "", "<= 150 B", bytes_each <= 150),
        Figure(f"start with {WATCHED:,} addresses", loaded_s, "s", "", "<= 15 s", loaded_s <= 15),
    ]


def _watched() -> tuple[set[bytes], float]:
    tracemalloc.start()
    try:
        scripts = {b"\x00\x20" + os.urandom(32) for _ in range(WATCHED)}
        return scripts, tracemalloc.get_traced_memory()[0] / WATCHED
    finally:
        tracemalloc.stop()


def _block(ours: list[bytes]) -> bytes:
    """Of transactions as common payments are: two inputs with a witness, two outputs."""
    minted = TxInput(Outpoint(bytes(32), 0xFFFFFFFF), 0xFFFFFFFF, b"\x01\x02\x03")
    txs = [Transaction(2, (minted,), (TxOutput(50, b"\x00\x20" + os.urandom(32)),), 0)]
    txs += [_paying(ours[number] if number < len(ours) else _script()) for number in range(TXS - 1)]
    header = bytes(36) + merkle_root([tx.txid for tx in txs]) + bytes(12)
    return header + compact(len(txs)) + b"".join(map(encode, txs))


def _paying(script: bytes) -> Transaction:
    stack = (os.urandom(71), os.urandom(33))
    spent = tuple(TxInput(Outpoint(os.urandom(32), 1), 0xFFFFFFFD, b"", stack) for _ in range(2))
    return Transaction(2, spent, (TxOutput(1_000, script), TxOutput(2_000, _script())), 0)


def _script() -> bytes:
    return b"\x00\x20" + os.urandom(32)


def _loaded() -> float:
    """From a database file to everything watched."""
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as folder:
        store = Store(open_books(Path(folder) / "books.sqlite"))
        store.create_tables()
        store.transact(_filled)
        begin, watched = time.perf_counter(), Watched(LITECOIN_REGTEST.id)
        while not store.transact(watched.refresh):
            pass
        took = time.perf_counter() - begin
        store.close()
    if len(watched.watch.scripts) != WATCHED:
        raise RuntimeError("an address was not read")
    return took


def _filled(tx: Connection) -> None:
    """Made by SQLite itself; the indexes that are not read here are left out."""
    for name in ("coin_address_wallet", "coin_address_free"):
        tx.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    tx.exec_driver_sql(_FILL, (WATCHED, LITECOIN_REGTEST.id))
