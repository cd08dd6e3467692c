"""Copies of App's database: one moment of it, proven whole, and put back or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from keepcool.adapters.sqlite import copies
from keepcool.adapters.sqlite.books import open_books
from keepcool.app.store import Store
from keepcool.core.errors import Conflict, Refused, Unavailable

ROWS = 400


def made(folder: Path) -> Path:
    """A database with a table of pairs, each written in one transaction."""
    file = folder / "books.sqlite"
    with closing(sqlite3.connect(file)) as books, books:
        books.execute("PRAGMA journal_mode=WAL")
        books.execute("CREATE TABLE pair (number INTEGER PRIMARY KEY, left TEXT, right TEXT)")
        books.executemany(
            "INSERT INTO pair (left, right) VALUES (?, ?)", [(str(one), str(one)) for one in range(ROWS)]
        )
    return file


def pairs(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as books:
        return list(books.execute("SELECT left, right FROM pair ORDER BY number"))


def nothing(_: Path) -> None: ...


def test_a_copy_is_one_moment_while_others_write(tmp_path: Path) -> None:
    """Beside a writer that never pauses, a copy is whole, has everything from before it was begun, and every
    pair in it was written together; sha256sum agrees."""
    file, copy, stop = made(tmp_path), tmp_path / "copy", threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as books:
            number = ROWS
            while not stop.is_set():
                books.execute("BEGIN IMMEDIATE")
                books.execute("INSERT INTO pair (left) VALUES (?)", (str(number),))
                books.execute("UPDATE pair SET right = left WHERE right IS NULL")
                books.execute("COMMIT")
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        digest = copies.take(file, copy)
    finally:
        stop.set()
        writer.join()
    assert copies.check_copy(copy) == digest
    found = pairs(copy)
    assert len(found) >= ROWS
    assert all(left == right for left, right in found)
    said = subprocess.run(
        ["sha256sum", "-c", "copy.sha256"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout) == (0, "copy: OK\n")
    assert copy.stat().st_mode & 0o077 == 0


def test_nothing_is_copied_over_what_is_there(tmp_path: Path) -> None:
    """A copy that is there stays, unless it is to be replaced; without a database there is none."""
    file, copy = made(tmp_path), tmp_path / "copy"
    copy.write_text("precious")
    with pytest.raises(Conflict, match=r"backup\.exists"):
        copies.take(file, copy)
    assert copy.read_text() == "precious"
    copies.take(file, copy, force=True)
    assert len(pairs(copy)) == ROWS
    with pytest.raises(Unavailable, match=r"books\.missing"):
        copies.take(tmp_path / "nowhere", tmp_path / "other")


@pytest.mark.parametrize("harm", ["a byte", "its end", "its digest", "no digest"])
def test_a_copy_that_is_not_what_was_taken_is_refused(tmp_path: Path, harm: str) -> None:
    """One byte, a missing end, a digest of something else, none at all."""
    copy = tmp_path / "copy"
    copies.take(made(tmp_path), copy)
    whole = copy.read_bytes()
    match harm:
        case "a byte":
            copy.write_bytes(whole[:5_000] + bytes([whole[5_000] ^ 1]) + whole[5_001:])
        case "its end":
            copy.write_bytes(whole[:-1])
        case "its digest":
            copies.digest_file(copy).write_text("00" * 32 + "  copy\n")
        case "no digest":
            copies.digest_file(copy).unlink()
    with pytest.raises(Refused, match=r"backup\."):
        copies.check_copy(copy)


def test_what_is_no_database_is_refused_whatever_its_digest(tmp_path: Path) -> None:
    """A true digest of a text, and of a database with a torn page, prove nothing."""
    text, torn = tmp_path / "text", tmp_path / "torn"
    copies.take(made(tmp_path), torn)
    text.write_text("no database at all" * 100)
    torn.write_bytes(torn.read_bytes()[:4096] + bytes(4096) + torn.read_bytes()[8192:])
    for one in (text, torn):
        with pytest.raises(Refused, match=r"backup\.damaged"):
            copies.check_whole(one)


def test_a_copy_is_put_back_whole_and_what_was_there_is_kept(tmp_path: Path) -> None:
    """Later rows are gone from the database and lie in what was kept, also those its log of writes had."""
    file, copy = made(tmp_path), tmp_path / "copy"
    copies.take(file, copy)
    books = sqlite3.connect(file)
    books.execute("INSERT INTO pair (left, right) VALUES ('later', 'later')")
    books.commit()  # and not closed: it lies in the log alone
    with pytest.raises(Conflict, match=r"restore\.exists"):
        copies.put_back(copy, file, nothing)
    kept = copies.put_back(copy, file, nothing, force=True)
    assert kept is not None
    assert (len(pairs(file)), pairs(kept)[-1]) == (ROWS, ("later", "later"))
    books.close()


def test_what_the_check_refuses_replaces_nothing(tmp_path: Path) -> None:
    """The database is what it was, and nothing is left beside it."""
    file, copy = made(tmp_path), tmp_path / "copy"
    copies.take(file, copy)
    before = sorted(one.name for one in tmp_path.iterdir())

    def refuse(partial: Path) -> None:
        assert len(pairs(partial)) == ROWS
        raise Refused("books.differ", "edited")

    with pytest.raises(Refused, match=r"books\.differ"):
        copies.put_back(copy, file, refuse, force=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_nobody_puts_anything_under_a_running_app(tmp_path: Path) -> None:
    """While App has its database nothing is put in its place, and inside no App starts."""
    file = tmp_path / "app.sqlite"
    store = Store(open_books(file))
    store.create_tables()
    with pytest.raises(Conflict, match=r"books\.locked"), copies.nobody_has(file):
        raise AssertionError("an App runs")
    store.close()
    with copies.nobody_has(file), pytest.raises(Conflict, match=r"books\.locked"):
        open_books(file)
