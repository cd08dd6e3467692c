"""Books of a hundred thousand wallets: copied, put back, and out of the signers, on SQLite and on PostgreSQL.

`python -m bench.restoring [WALLETS]`. Each wallet has a record of a real one's size with two attestations, a
deposit and its ledger entries. Putting back is the whole of it: digests, the engine's own check, missing
steps of the schema, and the ledger recomputed from its entries. Out of the signers: see `bench.registries`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, insert
from tests.fixtures.postgres import live_postgres

from bench.measure import Figure, printed
from bench.registries import from_signers
from keepcool.adapters.postgres import dumps
from keepcool.adapters.postgres.books import open_alone
from keepcool.adapters.sqlite import copies
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.app.books import ledger, people, postings, registry
from keepcool.app.store import Store
from keepcool.core.ids import AssetId, UserId, WalletId

WALLETS, _LOT = 100_000, 1_000
NETWORK, OWNER = "eip155:1", UserId("usr_1")
ETH = AssetId(f"{NETWORK}/slip44:60")


def restoring(wallets: int = WALLETS) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        copied = [*_on_sqlite(Path(folder), wallets), *_on_postgres(Path(folder), wallets)]
    return copied + from_signers(wallets)


def _on_sqlite(folder: Path, wallets: int) -> list[Figure]:
    file, copy = folder / "books.sqlite", folder / "sqlite.backup"
    with closing(Store(open_books(file))) as store:
        _fill(store, wallets)
        taken_s = _timed(lambda: copies.take(file, copy))

    def check(partial: Path) -> None:
        with closing(Store(open_beside(partial))) as store:
            _prepared(store)

    def put_back() -> None:
        copies.check_copy(copy)
        with copies.nobody_has(folder / "again.sqlite"):
            copies.put_back(copy, folder / "again.sqlite", check)

    return _figures("SQLite", copy, taken_s, _timed(put_back))


def _on_postgres(folder: Path, wallets: int) -> list[Figure]:
    copy = folder / "postgresql.backup"
    with live_postgres(durable=True) as live:
        source, target = live.server(live.fresh()), live.server(live.empty())
        with closing(Store(open_alone(source))) as store:
            _fill(store, wallets)
            taken_s = _timed(lambda: dumps.take(source, copy))
        engine = open_alone(target)
        with closing(Store(engine)) as store:
            put_s = _timed(lambda: dumps.put_back(target, engine, copy, lambda: _prepared(store)))
    return _figures("PostgreSQL", copy, taken_s, put_s)


def _figures(engine: str, copy: Path, taken_s: float, put_s: float) -> list[Figure]:
    return [
        Figure(f"{engine}: the books are copied", taken_s, "s"),
        Figure(f"{engine}: the copy", copy.stat().st_size / 1_000_000, "MB"),
        Figure(f"{engine}: the copy is put back and checked", put_s, "s"),
    ]


def _prepared(store: Store) -> None:
    store.create_tables()
    wrong = store.transact(postings.check_books)
    if wrong:
        raise RuntimeError(f"the books differ: {wrong[0]}")


def _fill(store: Store, wallets: int) -> None:
    store.create_tables()
    store.transact(lambda tx: people.create_user(tx, user=OWNER, external_id=None, about={}, now_ms=1))
    for start in range(0, wallets, _LOT):
        store.transact(partial(_lot, numbers=range(start, min(start + _LOT, wallets))))


def _lot(tx: Connection, numbers: range) -> None:
    tx.execute(insert(registry.wallet), [_row(number) for number in numbers])
    some = [(f"d{number}", WalletId(f"wal_{number}"), 10**18 + number) for number in numbers]
    ledger.credit_deposits(tx, some, ETH, 1)


def _row(number: int) -> dict[str, object]:
    return {
        "id": f"wal_{number}",
        "user": OWNER,
        "network": NETWORK,
        "profile": "safe-1.5.0-l1",
        "user_key": "",
        "policy_class": "",
        "external_id": None,
        "metadata": "{}",
        "created_at_ms": 1,
        "stage": registry.Stage.REGISTERED.value,
        "address": f"0x{number:040x}",
        "record": os.urandom(620),
        "keeper_attestation": os.urandom(64),
        "cooler_attestation": os.urandom(64),
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    wallets = int(sys.argv[1]) if len(sys.argv) > 1 else WALLETS
    how = f"{wallets:,} wallets, each with a deposit; repeat: python -m bench.restoring {wallets}"
    printed("Books that come back", restoring(wallets), how)
    return 0


if __name__ == "__main__":
    sys.exit(main())
