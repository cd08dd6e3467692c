"""A signer's store on SQLite (port `ports.signer_store`).

Laws: one process holds the file's lock for as long as it lives; one thread writes (`group_commit`);
reads go through a connection that cannot write and sees only what is committed.
"""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from keepcool.adapters.sqlite import signer_schema
from keepcool.adapters.sqlite.group_commit import GROUP_MAX, QUEUE_MAX, GroupCommit
from keepcool.core.effects import Slot
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.journal import Head, HeadStatement
from keepcool.core.parties import Service
from keepcool.ports.signer_store import Change, Claim, EntryRow, Heard, RecordRow, SealedKey, WaitingDraft

_PAGE = 1000
_first = itemgetter(0)
_ENTRY = "SELECT seq, prev, hash, body FROM entry"
_RECORD = (
    "SELECT record.wallet, revision, record, service, signature FROM record"
    " LEFT JOIN attestation ON attestation.wallet = record.wallet"
)
_KEY = "SELECT wallet, network, purpose, public_key, sealed FROM sealed_key"
_PER_STATEMENT = 100


class SqliteSignerStore:
    """Open with `open_store`."""

    def __init__(self, writer: GroupCommit, reader: sqlite3.Connection, lock: Any) -> None:
        self._writer, self._reader, self._lock = writer, reader, lock

    def commit(self, change: Change) -> asyncio.Future[None]:
        return self._writer.submit(change)

    def entries(self, after: int = 0) -> Iterator[EntryRow]:
        while page := self._all(f"{_ENTRY} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", after):
            yield from (_entry(row) for row in page)
            after = page[-1][0]

    def entry(self, sequence: int) -> EntryRow | None:
        rows = self._all(f"{_ENTRY} WHERE seq = ?", sequence)
        return _entry(rows[0]) if rows else None

    def claims(self) -> Iterator[Claim]:
        for network, space, position, digest, sequence in self._all(
            "SELECT network, space, position, digest, seq FROM claim ORDER BY seq"
        ):
            yield Claim(Slot(NetworkId(network), space, position), digest, sequence)

    def heard(self) -> Iterator[Heard]:
        rows = self._all("SELECT envelope, keep_until_ms FROM heard ORDER BY keep_until_ms")
        return (Heard(envelope, keep_until_ms) for envelope, keep_until_ms in rows)

    def record(self, wallet: WalletId) -> RecordRow | None:
        rows = self._all(f"{_RECORD} WHERE record.wallet = ?", wallet)
        return _record(rows) if rows else None

    def records_of(self, wallets: Sequence[WalletId]) -> list[RecordRow | None]:
        if len(wallets) == 1:
            return [self.record(wallets[0])]
        found: dict[str, RecordRow] = {}
        for at in range(0, len(wallets), _PER_STATEMENT):
            some = wallets[at : at + _PER_STATEMENT]
            places = ", ".join("?" * len(some))
            rows = self._all(f"{_RECORD} WHERE record.wallet IN ({places}) ORDER BY record.wallet", *some)
            found |= {wallet: _record(list(of_one)) for wallet, of_one in groupby(rows, key=_first)}
        return [found.get(wallet) for wallet in wallets]

    def records(self, after: str, limit: int) -> Sequence[RecordRow]:
        wanted = "(SELECT wallet FROM record WHERE wallet > ? ORDER BY wallet LIMIT ?)"
        rows = self._all(f"{_RECORD} WHERE record.wallet IN {wanted} ORDER BY record.wallet", after, limit)
        return [_record(list(some)) for _, some in groupby(rows, key=_first)]

    def record_count(self) -> int:
        return int(self._all("SELECT count(*) FROM record")[0][0])

    def keys(self, wanted: Sequence[tuple[str, str, str]]) -> list[SealedKey | None]:
        return [
            key
            for at in range(0, len(wanted), _PER_STATEMENT)
            for key in self._keys(wanted[at : at + _PER_STATEMENT])
        ]

    def sealed_keys(self, after: tuple[str, str, str], limit: int) -> list[SealedKey]:
        rows = self._all(
            f"{_KEY} WHERE (wallet, network, purpose) > (?, ?, ?) ORDER BY wallet, network, purpose LIMIT ?",
            *after,
            limit,
        )
        return [SealedKey(*row) for row in rows]

    def witnessed(self, service: Service) -> HeadStatement | None:
        rows = self._all("SELECT seq, hash, signature FROM witness WHERE service = ?", service.value)
        return HeadStatement(service, Head(rows[0][0], rows[0][1]), rows[0][2]) if rows else None

    def waiting(self, intent_hash: str, most: int = 100) -> list[WaitingDraft]:
        rows = self._all(
            "SELECT intent, draft, body, at_s, until_s FROM waiting WHERE intent = ?"
            " ORDER BY number DESC LIMIT ?",
            intent_hash,
            most,
        )
        return [WaitingDraft(*row) for row in reversed(rows)]

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._lock.close()

    def _keys(self, wanted: Sequence[tuple[str, str, str]]) -> list[SealedKey | None]:
        places = ", ".join(["(?, ?, ?)"] * len(wanted))
        values = [value for place in wanted for value in place]
        rows = self._all(f"{_KEY} WHERE (wallet, network, purpose) IN (VALUES {places})", *values)
        found = {row[:3]: SealedKey(*row) for row in rows}
        return [found.get(place) for place in wanted]

    def _all(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        try:
            return self._reader.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Breach(
                "journal.unreadable", f"the signer's database cannot be read ({error}); restore it"
            ) from error


def open_store(
    file: Path,
    *,
    queue_max: int = QUEUE_MAX,
    group_max: int = GROUP_MAX,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> SqliteSignerStore:
    """The store in `file`, made when missing. Raises Conflict when another process has it open, Breach
    when the file is no database. `factory` is the class of the writing connection."""
    signer_schema.create_file(file)
    lock = _locked(file)
    try:
        writer = GroupCommit(signer_schema.connect(file, factory), queue_max, group_max)
        return SqliteSignerStore(writer, signer_schema.connect_reader(file), lock)
    except sqlite3.Error as error:
        lock.close()
        raise Breach("journal.unreadable", f"{file.name} cannot be opened ({error}); restore it") from error


def _locked(file: Path) -> Any:
    lock = (file.parent / f"{file.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Conflict(
            "journal.locked", f"another process has {file.name} open; a signer runs once: stop the other"
        ) from error
    return lock


def _record(rows: Sequence[tuple[Any, ...]]) -> RecordRow:
    """From the rows of one wallet, one per attestation."""
    attestations = {Service(row[3]): row[4] for row in rows if row[3] is not None}
    return RecordRow(WalletId(rows[0][0]), rows[0][1], rows[0][2], attestations)


def _entry(row: tuple[Any, ...]) -> EntryRow:
    return EntryRow(Head(row[0], row[2]), row[1], row[3])
