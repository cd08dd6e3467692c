"""App's database beside a running App, for a local command's short transaction (a new API key)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, create_engine, event

from keepcool.adapters.sqlite.books import _begin, _configure
from keepcool.core.errors import Unavailable


def open_beside(file: Path) -> Engine:
    """Without the lock that makes App the only one; SQLite's own write lock still holds. Raises
    Unavailable when there is no such database: it is App's first start that makes it."""
    if not file.is_file():
        raise Unavailable("books.missing", f"{file} is not there yet; start App once")
    engine = create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine
