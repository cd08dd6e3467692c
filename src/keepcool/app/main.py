"""App's books as its process and its commands open them. Commands import this beside no more than they need:
the process itself is `serving`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app import config, keys
from keepcool.app.books import postings
from keepcool.app.config import AppSettings
from keepcool.app.keys import ApiKey, Former
from keepcool.app.storage import main as storage
from keepcool.app.store import Store
from keepcool.core.errors import Breach

T = TypeVar("T")


def with_books(file: Path, work: Callable[[Connection], T]) -> T:
    """One transaction in the database of the App this configuration is for, running or not."""
    store = storage.shared(config.load(file), file.resolve().parent, made=True)
    try:
        store.create_tables()
        return store.transact(work)
    finally:
        store.close()


def rotate_api_key(file: Path, name: str, overlap_ms: int) -> tuple[ApiKey, str]:
    """The key and its new text, shown once; the text before counts for so long."""
    now_ms, entropy = SystemClock().now_ms(), SystemEntropy()
    return with_books(
        file,
        lambda tx: keys.rotate(tx, name=name, overlap_ms=overlap_ms, now_ms=now_ms, entropy=entropy),
    )


def api_keys(file: Path) -> tuple[list[ApiKey], list[Former]]:
    """All keys, and the texts that still count beside them."""
    now_ms = SystemClock().now_ms()
    return with_books(file, lambda tx: (keys.listed(tx), keys.formers(tx, now_ms)))


@contextlib.contextmanager
def opened_store(settings: AppSettings, beside: Path, *, alone: bool = False) -> Iterator[Store]:
    """Raises Conflict `books.locked` when another App has the file; `alone`: when any has the database."""
    store = storage.alone(settings, beside) if alone else storage.own(settings, beside)
    try:
        store.create_tables()
        refuse_wrong_books(store)
        yield store
    finally:
        store.close()


def refuse_wrong_books(store: Store) -> None:
    """Raises Breach when a balance is not the sum of its entries: somebody has edited the database."""
    for one in store.look(postings.check_books)[:1]:
        raise Breach(
            "books.differ",
            f"the ledger's {one.what} ({one.asset}) says {one.stored}, its entries {one.computed}; App does "
            "not start on edited books: restore the last backup",
        )
