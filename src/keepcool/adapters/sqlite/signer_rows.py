"""Writes one `Change` into an open transaction, or raises Conflict and names what contradicts it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from keepcool.core.errors import Conflict
from keepcool.core.journal import EMPTY, Head, HeadStatement
from keepcool.ports.signer_store import (
    Change,
    Claim,
    ClaimedIntent,
    EntryRow,
    Heard,
    RecordRow,
    Resealed,
    SealedKey,
    WaitingDraft,
)

WAITING_BYTES_MAX = 256 * 1024 * 1024
WAITING_DRAFTS_MAX = 32  # of one intent
_AT_ONCE = 16
_ROWS_PER_STATEMENT = (100, 25, 5, 1)  # a few sizes, so that SQLite keeps them prepared


def stored_head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    return EMPTY if row is None else Head(row[0], row[1])


def write(connection: sqlite3.Connection, head: Head, change: Change) -> Head:
    """The head after this change. Raises Conflict; the caller then rolls back to before it."""
    head = _add_entries(connection, head, change.entries)
    _add_intents(connection, change.intents)
    _add_claims(connection, change.claims)
    _add_heard(connection, change.heard, change.forget_before_ms)
    for record in change.records:
        _put_record(connection, record)
    _add_keys(connection, change.keys)
    for resealed in change.resealed:
        _reseal(connection, resealed)
    for statement in change.witnessed:
        _put_witnessed(connection, statement)
    if change.waiting or change.ended:
        _put_waiting(connection, change.waiting, change.ended)
    return head


def _add_entries(connection: sqlite3.Connection, head: Head, rows: Sequence[EntryRow]) -> Head:
    for row in rows:
        if row.previous != head.hash or row.head.sequence != head.sequence + 1:
            raise Conflict("journal.head_moved", "the journal has moved on; ask again")
        head = row.head
    values = [(row.head.sequence, row.previous, row.head.hash, row.body) for row in rows]
    _insert(connection, "INSERT INTO entry (seq, prev, hash, body) VALUES ", values)
    return head


def _add_claims(connection: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    rows = [(c.slot.network, c.slot.space, c.slot.position, c.digest, c.sequence) for c in claims]
    try:
        _insert(connection, "INSERT INTO claim VALUES ", rows)
    except sqlite3.IntegrityError as error:
        raise Conflict("journal.claimed", "this transaction was signed before; ask again") from error


def _add_intents(connection: sqlite3.Connection, intents: Sequence[ClaimedIntent]) -> None:
    rows = [(one.intent, one.hash) for one in intents]
    if _insert(connection, "INSERT OR IGNORE INTO intent VALUES ", rows) == len(rows):
        return
    for one in intents:
        (stored,) = connection.execute("SELECT hash FROM intent WHERE intent = ?", (one.intent,)).fetchone()
        if stored != one.hash:
            raise Conflict("journal.intent", "this intent id stands for other bytes already; use a new one")


def _add_heard(connection: sqlite3.Connection, heard: Sequence[Heard], forget_before_ms: int) -> None:
    if forget_before_ms:
        connection.execute("DELETE FROM heard WHERE keep_until_ms < ?", (forget_before_ms,))
    try:
        connection.executemany(
            "INSERT INTO heard VALUES (?, ?)", [(h.envelope, h.keep_until_ms) for h in heard]
        )
    except sqlite3.IntegrityError as error:
        raise Conflict("wire.replayed", "this message was heard before; ask in a new envelope") from error


def _put_record(connection: sqlite3.Connection, new: RecordRow) -> None:
    found = connection.execute(
        "SELECT revision, record FROM record WHERE wallet = ?", (new.wallet,)
    ).fetchone()
    if found is not None and (new.revision, new.record) != found:
        if new.revision <= found[0]:
            raise Conflict("registry.revision", "a wallet's record changes only by a newer revision")
        connection.execute("DELETE FROM attestation WHERE wallet = ?", (new.wallet,))
    connection.execute(
        "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (wallet) DO UPDATE"
        " SET revision = excluded.revision, record = excluded.record",
        (new.wallet, new.revision, new.record),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO attestation VALUES (?, ?, ?)",
        [(new.wallet, service.value, signature) for service, signature in new.attestations.items()],
    )


def _add_keys(connection: sqlite3.Connection, keys: Sequence[SealedKey]) -> None:
    rows = [(key.wallet, key.network, key.purpose, key.public_key, key.sealed) for key in keys]
    try:
        connection.executemany("INSERT INTO sealed_key VALUES (?, ?, ?, ?, ?)", rows)
    except sqlite3.IntegrityError as error:
        raise Conflict("keys.exists", "this wallet has its key already; a key is never replaced") from error


def _reseal(connection: sqlite3.Connection, new: Resealed) -> None:
    key = new.key
    done = connection.execute(
        "UPDATE sealed_key SET sealed = ? WHERE wallet = ? AND network = ? AND purpose = ?"
        " AND public_key = ? AND sealed = ?",
        (key.sealed, key.wallet, key.network, key.purpose, key.public_key, new.before),
    )
    if done.rowcount != 1:
        raise Conflict("keys.changed", "this key was sealed anew meanwhile; ask again")


def _insert(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
    """How many of these rows are new. Many rows a statement: each statement gives up the interpreter's
    lock, and the journal's thread would wait for it again behind whatever the service is computing."""
    done, at = 0, 0
    for size in _ROWS_PER_STATEMENT:
        while len(rows) - at >= size:
            some = rows[at : at + size]
            one = f"({', '.join('?' * len(some[0]))})"
            flat = [value for row in some for value in row]
            done += connection.execute(statement + ", ".join([one] * size), flat).rowcount
            at += size
    return done


def _put_witnessed(connection: sqlite3.Connection, statement: HeadStatement) -> None:
    # An older head never replaces a newer one: that is what a restored backup would want.
    connection.execute(
        "INSERT INTO witness VALUES (?, ?, ?, ?) ON CONFLICT (service) DO UPDATE SET seq = excluded.seq,"
        " hash = excluded.hash, signature = excluded.signature WHERE excluded.seq > witness.seq",
        (statement.service.value, statement.head.sequence, statement.head.hash, statement.signature),
    )


def _put_waiting(
    connection: sqlite3.Connection, drafts: Sequence[WaitingDraft], ended: Sequence[str]
) -> None:
    for one in drafts:
        connection.execute(
            "INSERT OR IGNORE INTO waiting (intent, draft, body, at_s, until_s) VALUES (?, ?, ?, ?, ?)",
            (one.intent_hash, one.draft_hash, one.draft, one.at_s, one.until_s),
        )
        connection.execute(
            "DELETE FROM waiting WHERE number IN"
            " (SELECT number FROM waiting WHERE intent = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (one.intent_hash, WAITING_DRAFTS_MAX),
        )
    connection.executemany("UPDATE waiting SET until_s = 0 WHERE intent = ?", [(one,) for one in ended])
    if drafts:
        _bound_waiting(connection, max(one.at_s for one in drafts))


def _bound_waiting(connection: sqlite3.Connection, now_s: int) -> None:
    """What has ended goes first, the oldest before the others; then what waits, the oldest first."""
    while _waiting_bytes(connection) > WAITING_BYTES_MAX:
        oldest = "SELECT number FROM waiting WHERE until_s <= ? ORDER BY until_s, number LIMIT ?"
        some = connection.execute(oldest, (now_s, _AT_ONCE)).fetchall()
        if not some:
            some = connection.execute("SELECT number FROM waiting ORDER BY number LIMIT 1").fetchall()
        for (number,) in some:
            connection.execute("DELETE FROM waiting WHERE number = ?", (number,))
            if _waiting_bytes(connection) <= WAITING_BYTES_MAX:
                return


def _waiting_bytes(connection: sqlite3.Connection) -> int:
    (size,) = connection.execute("SELECT bytes FROM waiting_size").fetchone()
    return int(size)
