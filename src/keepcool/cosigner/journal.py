"""The journal at work: entries are staged in memory, committed together, and unlearned when that fails.

Laws: memories are rebuilt from the verified chain at start and know an entry from the moment it is
staged, so two requests at once see each other; a batch is staged without a pause, so its entries stand
together; whatever fails to commit is unlearned, newest first, with everything chained to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from keepcool.core.errors import Breach
from keepcool.core.journal import EMPTY, Head, next_head
from keepcool.core.parties import Service
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row
from keepcool.ports.signer_store import (
    Change,
    Claim,
    ClaimedIntent,
    EntryRow,
    Heard,
    RecordRow,
    SealedKey,
    SignerStore,
    WaitingDraft,
)
from keepcool.wire.replay import replayed


@dataclass(frozen=True, slots=True)
class Asked:
    """The envelope a change answers to: stored with the change, so that it acts once."""

    envelope: str
    keep_until_ms: int
    requester: Service


class Memory(Protocol):
    """What is kept of the journal in memory: told every entry in order, untold the newest first."""

    def learn(self, entry: Entry) -> None: ...

    def unlearn(self, entry: Entry) -> None: ...


@dataclass(slots=True, eq=False)
class Batch:
    """Entries staged together. Use inside `Journal.batch`; then await `settled()`."""

    journal: Journal
    asked: Asked | None
    start: Head
    entries: list[Entry] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    intents: list[ClaimedIntent] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    keys: list[SealedKey] = field(default_factory=list)
    waiting: list[WaitingDraft] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    stored: asyncio.Future[None] | None = None

    def add(self, row: Row, *, claims: Sequence[Claim] = (), intents: Sequence[ClaimedIntent] = ()) -> Entry:
        """Stage an entry: every memory knows it at once. Claims name the entry's own sequence."""
        entry = self.journal.staged(row)
        self.entries.append(entry)
        self.claims += claims
        self.intents += intents
        return entry

    @property
    def next_sequence(self) -> int:
        return self.start.sequence + len(self.entries) + 1

    async def settled(self) -> None:
        """Returns when all of it is on disk. Raises what the store says: then none of it happened."""
        if self.stored is not None:
            await asyncio.shield(self.stored)


class Journal:
    """Open with `Journal.opened`. One event loop, one process."""

    def __init__(self, store: SignerStore, memories: Sequence[Memory]) -> None:
        self._store, self._memories = store, tuple(memories)
        self._staged = self._committed = EMPTY
        self._latest_ms = 0
        self._pending: list[Batch] = []
        self._heard: dict[str, int] = {}
        self._open = False

    @classmethod
    def opened(cls, store: SignerStore, memories: Sequence[Memory]) -> Journal:
        """Walks the whole chain. Raises Breach at the first entry that is not what it should be."""
        journal = cls(store, memories)
        for entry in walk(store):
            journal._learn(entry)
        journal._committed = journal._staged
        journal._heard = {heard.envelope: heard.keep_until_ms for heard in store.heard()}
        return journal

    @property
    def committed(self) -> Head:
        """The newest entry that is on disk: all that may be stated to others."""
        return self._committed

    def now_ms(self, clock_ms: int) -> int:
        """The largest time ever seen: a clock that goes back re-opens no window and no expiry."""
        self._latest_ms = max(self._latest_ms, clock_ms)
        return self._latest_ms

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash of a committed entry, None where there is none."""
        if sequence == self._committed.sequence:
            return self._committed.hash
        if sequence == EMPTY.sequence:
            return EMPTY.hash
        row = self._store.entry(sequence) if sequence < self._committed.sequence else None
        return None if row is None else row.head.hash

    @contextmanager
    def batch(self, asked: Asked | None = None) -> Iterator[Batch]:
        """Stage entries without awaiting anything inside. They are enqueued for commit when the block
        ends and unlearned when it raises. Raises Malformed `wire.replayed` on an envelope heard before."""
        if self._open:
            raise RuntimeError("a batch is staged without a pause; another one is open")
        if asked is not None and asked.envelope in self._heard:
            raise replayed()
        batch, self._open = Batch(self, asked, self._staged), True
        try:
            yield batch
            self._enqueue(batch)
        except BaseException:
            self._unlearn(batch)
            raise
        finally:
            self._open = False

    def staged(self, row: Row) -> Entry:
        """Chain and learn an entry. For `Batch.add`."""
        if not self._open:
            raise RuntimeError("entries are staged in a batch")
        body, head = entries.encode(row), self._staged
        entry = Entry(next_head(head, body), head.hash, row.kind, row.at_s, body)
        self._learn(entry)
        return entry

    def _learn(self, entry: Entry) -> None:
        for memory in self._memories:
            memory.learn(entry)
        self._staged = entry.head
        self._latest_ms = max(self._latest_ms, entry.at_s * 1000)

    def _unlearn(self, batch: Batch) -> None:
        for entry in reversed(batch.entries):
            for memory in reversed(self._memories):
                memory.unlearn(entry)
        self._staged = batch.start

    def _enqueue(self, batch: Batch) -> None:
        change = self._change(batch)
        if change == Change(forget_before_ms=change.forget_before_ms):
            return
        batch.stored = asyncio.ensure_future(self._store.commit(change))
        self._pending.append(batch)
        if batch.asked is not None:
            self._heard[batch.asked.envelope] = batch.asked.keep_until_ms
        batch.stored.add_done_callback(lambda done: self._settle(batch, done))

    def _change(self, batch: Batch) -> Change:
        self._forget()
        asked = batch.asked
        return Change(
            entries=tuple(EntryRow(one.head, one.previous, one.body) for one in batch.entries),
            claims=tuple(batch.claims),
            intents=tuple(batch.intents),
            heard=() if asked is None else (Heard(asked.envelope, asked.keep_until_ms),),
            records=tuple(batch.records),
            keys=tuple(batch.keys),
            waiting=tuple(batch.waiting),
            ended=tuple(batch.ended),
            forget_before_ms=self._latest_ms,
        )

    def _settle(self, batch: Batch, done: asyncio.Future[None]) -> None:
        if done.cancelled() or done.exception() is not None:
            if batch.asked is not None:
                self._heard.pop(batch.asked.envelope, None)
            self._rewind(batch)
            return
        if batch in self._pending:
            self._pending.remove(batch)
        if batch.entries:
            self._committed = batch.entries[-1].head

    def _rewind(self, batch: Batch) -> None:
        """Unlearn a failed batch and all staged after it: those are chained to it and fail as well."""
        if batch not in self._pending:
            return
        while self._pending:
            last = self._pending.pop()
            self._unlearn(last)
            if last is batch:
                return

    def _forget(self) -> None:
        # ids arrive roughly in the order of their expiry, so the oldest stand first
        while self._heard:
            oldest = next(iter(self._heard))
            if self._heard[oldest] >= self._latest_ms:
                return
            del self._heard[oldest]


def walk(store: SignerStore) -> Iterator[Entry]:
    """Every entry, verified. Raises Breach `journal.broken` naming the first bad sequence."""
    head = EMPTY
    for row in store.entries():
        if row.head.sequence != head.sequence + 1 or row.previous != head.hash:
            raise _broken(head.sequence + 1, "is missing or out of place")
        if next_head(head, row.body) != row.head:
            raise _broken(row.head.sequence, "was altered")
        head = row.head
        yield entries.read(row.head, row.previous, row.body)


def _broken(sequence: int, what: str) -> Breach:
    return Breach(
        "journal.broken",
        f"journal entry {sequence} {what}: nothing is signed; restore the journal from a true copy",
        sequence=sequence,
    )
