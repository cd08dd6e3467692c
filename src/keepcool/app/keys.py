"""API keys: 256 random bits, shown once, kept as their SHA-256, with scopes.

A key of that size needs no slow hash: there is nothing to guess. The hash is looked up, so no
comparison of secrets happens here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Connection, Row, String, Table, select

from keepcool.app.store import metadata
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.ports.system import Entropy

PREFIX = "kc_"
NAME_CHARS_MAX = 64

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(NAME_CHARS_MAX), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger, nullable=True),
)


class Scope(StrEnum):
    """READ: sees everything. USERS: makes users. WALLETS: makes wallets. WITHDRAW: moves money. ADMIN: may
    all."""

    READ = "read"
    USERS = "users"
    WALLETS = "wallets"
    WITHDRAW = "withdraw"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    scopes: frozenset[Scope]
    created_at_ms: int
    revoked_at_ms: int | None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


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
    text = PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode("ascii")
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


def recognise(tx: Connection, text: str) -> ApiKey:
    """Raises Refused `auth.key` for a key unknown or revoked; the two look the same."""
    row = tx.execute(select(api_key).where(api_key.c.hash == _hash(text))).one_or_none()
    if row is None or row.revoked_at_ms is not None:
        raise Refused("auth.key", "this API key is not known, or no longer")
    return _key(row)


def listed(tx: Connection) -> list[ApiKey]:
    return [_key(row) for row in tx.execute(select(api_key).order_by(api_key.c.created_at_ms, api_key.c.id))]


def revoke(tx: Connection, *, name: str, now_ms: int) -> ApiKey:
    row = tx.execute(
        select(api_key).where(api_key.c.name == name, api_key.c.revoked_at_ms.is_(None))
    ).one_or_none()
    if row is None:
        raise Conflict("api_key.not_found", f"there is no key in use named {name}")
    tx.execute(api_key.update().where(api_key.c.id == row.id).values(revoked_at_ms=now_ms))
    return _key(tx.execute(select(api_key).where(api_key.c.id == row.id)).one())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    scopes = frozenset(Scope(name) for name in row.scopes.split(","))
    return ApiKey(row.id, row.name, scopes, row.created_at_ms, row.revoked_at_ms)
