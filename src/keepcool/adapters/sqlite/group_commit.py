"""Many changes, one fsync: whatever waits while the disk works is committed together next.

Laws: one write at a time, in the order changes came in; a change that contradicts what is stored fails
alone; once the disk has broken its word nothing is written any more. A small group is written where the
loop stands as long as the disk is prompt: waking a thread and being woken costs more than the write. Large
groups, and every group after a slow write, go to a thread. See docs/decisions/0006.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from keepcool.adapters.sqlite import signer_rows
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Unavailable
from keepcool.ports.signer_store import LOST, Change

QUEUE_MAX = 2048
GROUP_MAX = 256
SMALL_MAX, PROMPT_S = 8, 0.002
# Errors after which SQLite has rolled back and the file is as before: anything else is a broken disk.
_CLEAN = {"SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_NOMEM", "SQLITE_READONLY", "SQLITE_CANTOPEN"}
_CLEAN_BEFORE_COMMIT = {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHMSIZE"}


class GroupCommit:
    """Owns the writing connection and a thread for it. `submit` belongs to one event loop at a time."""

    def __init__(
        self, connection: sqlite3.Connection, queue_max: int = QUEUE_MAX, group_max: int = GROUP_MAX
    ) -> None:
        self._connection, self._queue_max, self._group_max = connection, queue_max, group_max
        self._head = signer_rows.stored_head(connection)
        self._waiting: deque[tuple[Change, asyncio.Future[None]]] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._lost: Breach | None = None
        self._prompt = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def submit(self, change: Change) -> asyncio.Future[None]:
        """Enqueued now. Raises Unavailable when too many wait, Breach once the disk is not to be trusted."""
        if self._lost is not None:
            raise _again(self._lost)
        if len(self._waiting) >= self._queue_max:
            raise Unavailable("journal.busy", "too much waits for the disk; ask again later")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        return done

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._connection.close()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_max))]
            changes = [change for change, _ in group]
            if self._prompt and _small(changes):
                outcomes = self._write(changes)
            else:
                outcomes = await loop.run_in_executor(self._thread, self._write, changes)
            for (_, done), outcome in zip(group, outcomes, strict=True):
                _settle(done, outcome)

    def _write(self, group: Sequence[Change]) -> list[KeepcoolError | None]:
        if self._lost is not None:
            return [_again(self._lost) for _ in group]
        before, committing, begin_s = self._head, False, time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._write_one(change) for change in group]
            committing = True
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._head = before
            failure = self._failed(error, committing=committing)
            self._prompt = False
            return [_again(failure) for _ in group]
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it was
            self._head, self._prompt = before, False
            self._rolled_back()
            self._lost = Breach(
                LOST, f"the journal cannot be written ({type(error).__name__}): this signer stops"
            )
            return [_again(self._lost) for _ in group]
        self._prompt = time.monotonic() - begin_s <= PROMPT_S
        return outcomes

    def _write_one(self, change: Change) -> KeepcoolError | None:
        self._connection.execute("SAVEPOINT one")
        try:
            self._head, outcome = signer_rows.write(self._connection, self._head, change), None
        except Conflict as conflict:
            self._connection.execute("ROLLBACK TO one")
            outcome = conflict
        self._connection.execute("RELEASE one")
        return outcome

    def _failed(self, error: sqlite3.Error, *, committing: bool) -> KeepcoolError:
        name = getattr(error, "sqlite_errorname", "")
        clean = name in _CLEAN or (name in _CLEAN_BEFORE_COMMIT and not committing)
        if clean and self._rolled_back():
            return Unavailable(
                "journal.unwritable",
                f"the journal cannot be written ({name}): nothing was signed; make room on the disk",
            )
        self._lost = Breach(
            LOST,
            f"the disk broke its word ({name or type(error).__name__}): this signer stops; check the disk",
        )
        return self._lost

    def _rolled_back(self) -> bool:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return False
        return True


def _small(changes: Sequence[Change]) -> bool:
    rows = sum(len(one.entries) + len(one.records) + len(one.keys) + len(one.waiting) for one in changes)
    rows += sum(len(one.resealed) for one in changes)
    return len(changes) + rows <= SMALL_MAX


def _again(error: KeepcoolError) -> KeepcoolError:
    """Each waiter raises an exception object of its own, or their tracebacks grow into one another."""
    return type(error)(error.code, error.public)


def _settle(done: asyncio.Future[None], outcome: KeepcoolError | None) -> None:
    if done.done():
        return
    if outcome is None:
        done.set_result(None)
    else:
        done.set_exception(outcome)
