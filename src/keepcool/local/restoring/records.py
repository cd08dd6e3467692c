"""A signer's copy of the registry, read from its file: also beside the running service, also without it.

Law: read, never written; what is read counts only as far as each record leads to its own address.
"""

from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

from keepcool.adapters.sqlite.signer_schema import connect_reader
from keepcool.core.errors import Refused
from keepcool.core.registry import WalletRecord, parse_record


def of_signer(config: Path, service: str) -> list[WalletRecord]:
    """In the order of their ids. Raises Refused when the files are not there or not a signer's."""
    try:
        data = tomllib.loads(config.read_text(encoding="utf-8"))["data"]
        file = config.resolve().parent / str(data) / f"{service}.sqlite"
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise Refused("restore.config", f"{config} is no configuration of a signer: {error}") from error
    return of_database(file)


def of_database(file: Path) -> list[WalletRecord]:
    """Of a signer's database, or a copy of one. Raises Refused when it is none."""
    if not file.is_file():
        raise Refused("restore.registry", f"there is no database {file}")
    try:
        with closing(connect_reader(file)) as connection:
            rows = connection.execute("SELECT record FROM record ORDER BY wallet").fetchall()
    except sqlite3.Error as error:
        raise Refused("restore.registry", f"{file} is no database of a signer: {error}") from error
    return [parse_record(bytes(record)) for (record,) in rows]
