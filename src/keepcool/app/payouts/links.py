"""Signing links: whoever has one may read one withdrawal's intent and hand in the owner's signature of it.

Laws: a link moves nothing by itself, the signature it carries proves itself; 256 random bits, shown once and
kept as their SHA-256; it ends with its time, and a few of them live for a withdrawal at once.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, String, Table, func, select

from keepcool.app.store import metadata
from keepcool.core.errors import Conflict, Refused
from keepcool.ports.system import Entropy

PREFIX = "kcl_"
LIVE_MAX, LIFETIME_S_MAX = 20, 604_800

signing_link = Table(
    "signing_link",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("withdrawal", String(64), ForeignKey("withdrawal.id"), nullable=False, index=True),
    Column("expires_at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Link:
    """`text` exists nowhere else."""

    text: str
    expires_at_ms: int


def make(tx: Connection, withdrawal: str, *, lifetime_s: int, now_ms: int, entropy: Entropy) -> Link:
    """Raises Conflict when too many live already."""
    tx.execute(signing_link.delete().where(signing_link.c.expires_at_ms <= now_ms))
    counted = select(func.count()).select_from(signing_link).where(signing_link.c.withdrawal == withdrawal)
    if int(tx.execute(counted).scalar_one()) >= LIVE_MAX:
        raise Conflict("link.too_many", f"{LIVE_MAX} links of this withdrawal live already; use one of them")
    text = PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode("ascii")
    link = Link(text, now_ms + min(lifetime_s, LIFETIME_S_MAX) * 1000)
    row = {"hash": _hash(text), "withdrawal": withdrawal, "expires_at_ms": link.expires_at_ms}
    tx.execute(signing_link.insert().values(**row))
    return link


def opened(tx: Connection, text: str, now_ms: int) -> str:
    """The withdrawal it is for. Raises Refused on one that is unknown or over; the two look the same."""
    query = select(signing_link).where(signing_link.c.hash == _hash(text))
    row = tx.execute(query).one_or_none()
    if row is None or row.expires_at_ms <= now_ms:
        raise Refused("auth.link", "this link is not known, or no longer: ask for a new one")
    return str(row.withdrawal)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
