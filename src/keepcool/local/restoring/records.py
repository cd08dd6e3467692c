"""A signer's copy of the registry, and how far addresses were attested: from its file, also while it runs.

Law: read, never written; what is read counts only as far as each record leads to its own address.
"""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepcool.adapters.sqlite.signer_schema import connect_reader
from keepcool.core.errors import Refused
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord, parse_record

_RANGES = """SELECT body FROM entry WHERE instr(body, CAST('"kind":"addresses"' AS BLOB)) > 0"""


class _Range(msgspec.Struct, frozen=True):
    """What a journal entry says of addresses that were attested."""

    wallet: str
    cosigner: int
    change: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Copy:
    """`records` in the order of their ids; `issued` by (wallet, cosigner, change) the highest index that the
    signer's journal has attested."""

    records: Sequence[WalletRecord]
    issued: Mapping[tuple[WalletId, int, int], int]


def of_signer(config: Path, service: str) -> Copy:
    """Raises Refused when the files are not there or not a signer's."""
    try:
        data = tomllib.loads(config.read_text(encoding="utf-8"))["data"]
        file = config.resolve().parent / str(data) / f"{service}.sqlite"
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise Refused("restore.config", f"{config} is no configuration of a signer: {error}") from error
    return of_database(file)


def of_database(file: Path) -> Copy:
    """Of a signer's database, or a copy of one. Raises Refused when it is none."""
    if not file.is_file():
        raise Refused("restore.registry", f"there is no database {file}")
    try:
        with closing(connect_reader(file)) as connection:
            rows = connection.execute("SELECT record FROM record ORDER BY wallet").fetchall()
            ranges = connection.execute(_RANGES).fetchall()
        return Copy([parse_record(bytes(record)) for (record,) in rows], _issued(body for (body,) in ranges))
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise Refused("restore.registry", f"{file} is no database of a signer: {error}") from error


def _issued(bodies: Iterable[bytes]) -> dict[tuple[WalletId, int, int], int]:
    found: dict[tuple[WalletId, int, int], int] = {}
    for one in (msgspec.json.decode(body, type=_Range) for body in bodies):
        place = (WalletId(one.wallet), one.cosigner, one.change)
        found[place] = max(found.get(place, 0), one.first + one.count - 1)
    return found
