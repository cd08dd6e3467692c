"""API keys: 256 random bits, shown once, kept as their SHA-256, with scopes.

A key of that size needs no slow hash: there is nothing to guess. The hash is looked up, so no
comparison of secrets happens here. A rotated key is the same key with another text: what it asked for under
one Idempotency-Key stays asked for once, whichever text asks again; the text before counts until its end.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Row, String, Table, select

from keepcool.app.store import metadata
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.ports.system import Entropy

PREFIX = "kc_"
NAME_CHARS_MAX = 64
OVERLAP_MS_MAX = 90 * 86_400_000
_USED_EVERY_MS = 60_000  # when it was used last is noted no more often

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(NAME_CHARS_MAX), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger, nullable=True),
    Column("rotated_at_ms", BigInteger, nullable=True),
    Column("used_at_ms", BigInteger, nullable=True),
)

# Texts a key had before, while they still count.
former_text = Table(
    "api_key_former",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("key", String(40), ForeignKey("api_key.id"), nullable=False, index=True),
    Column("ends_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger, nullable=True),
)


class Scope(StrEnum):
    """READ: sees everything. USERS: makes users. WALLETS: makes wallets and their addresses. WITHDRAW: moves
    money. SUPPORT: sees, stops withdrawals, suspends and resumes. AUDITOR: sees, and has the books checked.
    ACCOUNTANT: what an auditor may; credits dust, proposes corrections and approves those of others. ADMIN:
    may all, and like everybody else approves no correction of his own."""

    READ = "read"
    USERS = "users"
    WALLETS = "wallets"
    WITHDRAW = "withdraw"
    SUPPORT = "support"
    AUDITOR = "auditor"
    ACCOUNTANT = "accountant"
    ADMIN = "admin"


_ALSO = {
    Scope.SUPPORT: frozenset({Scope.READ}),
    Scope.AUDITOR: frozenset({Scope.READ}),
    Scope.ACCOUNTANT: frozenset({Scope.READ, Scope.AUDITOR}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    scopes: frozenset[Scope]
    created_at_ms: int
    revoked_at_ms: int | None
    rotated_at_ms: int | None = None
    used_at_ms: int | None = None

    def may(self, scope: Scope) -> bool:
        return any(scope is one or scope in _ALSO.get(one, ()) for one in self.scopes)


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    known = {scope.value: scope for scope in Scope}
    chosen = [name.strip() for name in names if name.strip()]
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise Malformed("api_key.scopes", f"scopes are some of {', '.join(known)}")
    return frozenset(known[name] for name in chosen)


def create(
    tx: Connection, *, name: str, scopes: frozenset[Scope], now_ms: int, entropy: Entropy
) -> tuple[ApiKey, str]:
    """The key and its text, which exists nowhere else. Raises Conflict while the name is in use."""
    if not name.strip() or len(name) > NAME_CHARS_MAX:
        raise Malformed("api_key.name", f"a key's name has 1 to {NAME_CHARS_MAX} characters")
    in_use = select(api_key.c.id).where(api_key.c.name == name, api_key.c.revoked_at_ms.is_(None))
    if tx.execute(in_use).first():
        raise Conflict("api_key.name_used", f"there is a key named {name}; revoke it or choose another name")
    text = _text(entropy)
    key = ApiKey(f"key_{entropy(8).hex()}", name, scopes, now_ms, None)
    tx.execute(
        api_key.insert().values(
            id=key.id,
            name=name,
            hash=_hash(text),
            scopes=",".join(sorted(scopes)),
            created_at_ms=now_ms,
        )
    )
    return key, text


def recognise(tx: Connection, text: str, now_ms: int) -> ApiKey:
    """As `known`, and notes that it was used."""
    key, unnoted = known(tx, text, now_ms)
    if unnoted:
        note_use(tx, text, now_ms)
    return key


def note_use(tx: Connection, text: str, now_ms: int) -> None:
    digest, used = _hash(text), {"used_at_ms": now_ms}
    if not tx.execute(api_key.update().where(api_key.c.hash == digest).values(**used)).rowcount:
        tx.execute(former_text.update().where(former_text.c.hash == digest).values(**used))


def known(tx: Connection, text: str, now_ms: int) -> tuple[ApiKey, bool]:
    """The key, and whether its use should be noted again. Raises Refused `auth.key` for one that is unknown,
    revoked or rotated away; they look the same."""
    digest = _hash(text)
    row = tx.execute(select(api_key).where(api_key.c.hash == digest)).one_or_none()
    used_at_ms = None if row is None else row.used_at_ms
    if row is None:
        former = tx.execute(select(former_text).where(former_text.c.hash == digest)).one_or_none()
        if former is not None and now_ms < former.ends_at_ms:
            row = tx.execute(select(api_key).where(api_key.c.id == former.key)).one()
            used_at_ms = former.used_at_ms
    if row is None or row.revoked_at_ms is not None:
        raise Refused("auth.key", "this API key is not known, or no longer")
    return _key(row), used_at_ms is None or now_ms - used_at_ms >= _USED_EVERY_MS


def rotate(
    tx: Connection, *, name: str, overlap_ms: int, now_ms: int, entropy: Entropy
) -> tuple[ApiKey, str]:
    """A new text for the key, which is told nowhere else; the one before counts for so long, and no older one
    longer than that. Raises Conflict for no such key, Malformed for an overlap that is none."""
    if not 0 <= overlap_ms <= OVERLAP_MS_MAX:
        raise Malformed("api_key.overlap", f"an overlap lasts up to {OVERLAP_MS_MAX // 86_400_000} days")
    row, text, ends = _in_use(tx, name), _text(entropy), now_ms + overlap_ms
    mine = former_text.c.key == row.id
    tx.execute(former_text.delete().where(mine, former_text.c.ends_at_ms <= now_ms))
    tx.execute(former_text.update().where(mine, former_text.c.ends_at_ms > ends).values(ends_at_ms=ends))
    former = {"hash": row.hash, "key": row.id, "ends_at_ms": ends, "used_at_ms": row.used_at_ms}
    tx.execute(former_text.insert().values(**former))
    changed = {"hash": _hash(text), "rotated_at_ms": now_ms, "used_at_ms": None}
    tx.execute(api_key.update().where(api_key.c.id == row.id).values(**changed))
    return _key(_in_use(tx, name)), text


@dataclass(frozen=True, slots=True)
class Former:
    """A text that still counts beside its key's newest."""

    key: str
    ends_at_ms: int
    used_at_ms: int | None


def formers(tx: Connection, now_ms: int) -> list[Former]:
    """What still counts, the first to end first."""
    ends = former_text.c.ends_at_ms
    rows = tx.execute(select(former_text).where(ends > now_ms).order_by(ends, former_text.c.hash))
    return [Former(row.key, row.ends_at_ms, row.used_at_ms) for row in rows]


def listed(tx: Connection) -> list[ApiKey]:
    return [_key(row) for row in tx.execute(select(api_key).order_by(api_key.c.created_at_ms, api_key.c.id))]


def revoke(tx: Connection, *, name: str, now_ms: int) -> ApiKey:
    row = _in_use(tx, name)
    tx.execute(former_text.delete().where(former_text.c.key == row.id))
    tx.execute(api_key.update().where(api_key.c.id == row.id).values(revoked_at_ms=now_ms))
    return _key(tx.execute(select(api_key).where(api_key.c.id == row.id)).one())


def _in_use(tx: Connection, name: str) -> Row[tuple[object, ...]]:
    mine = (api_key.c.name == name, api_key.c.revoked_at_ms.is_(None))
    row = tx.execute(select(api_key).where(*mine)).one_or_none()
    if row is None:
        raise Conflict("api_key.not_found", f"there is no key in use named {name}")
    return row


def _text(entropy: Entropy) -> str:
    return PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode("ascii")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    scopes = frozenset(Scope(name) for name in row.scopes.split(","))
    return ApiKey(
        row.id, row.name, scopes, row.created_at_ms, row.revoked_at_ms, row.rotated_at_ms, row.used_at_ms
    )
