"""What App keeps of the keys that open wallets' hot keys at Keeper.

Laws: a key is stored before Keeper hears of it; `key` is null where the user alone has it; `next` stands
while a change that App drew itself is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, insert, select, update

from keepcool.app.store import metadata

_AT_ONCE = 100

request_key = Table(
    "request_key",
    metadata,
    Column("wallet", String(64), primary_key=True),
    Column("key", LargeBinary(32), nullable=True),
    Column("next", LargeBinary(32), nullable=True),
    Column("at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one wallet; both None: the user has its key."""

    wallet: str
    key: bytes | None
    following: bytes | None

    def __repr__(self) -> str:
        return f"Kept({self.wallet!r})"


def of(tx: Connection, wallets: Iterable[str]) -> dict[str, Kept]:
    """Those that have one, or whose user has."""
    names, found = list(dict.fromkeys(wallets)), dict[str, Kept]()
    for at in range(0, len(names), _AT_ONCE):
        some = names[at : at + _AT_ONCE]
        for row in tx.execute(select(request_key).where(request_key.c.wallet.in_(some))):
            found[row.wallet] = Kept(row.wallet, row.key, row.next)
    return found


def put(tx: Connection, wallets: Sequence[str], keys: Sequence[bytes], at_ms: int) -> None:
    """Keys of wallets that have none yet."""
    rows = [
        {"wallet": wallet, "key": key, "next": None, "at_ms": at_ms}
        for wallet, key in zip(wallets, keys, strict=True)
    ]
    if rows:
        tx.execute(insert(request_key), rows)


def will_be(tx: Connection, wallet: str, key: bytes) -> None:
    """Another key is on its way to Keeper."""
    tx.execute(update(request_key).where(request_key.c.wallet == wallet).values(next=key))


def is_now(tx: Connection, wallet: str, key: bytes | None, at_ms: int) -> None:
    """Keeper took it: kept here, or by the user alone (None)."""
    changed = update(request_key).where(request_key.c.wallet == wallet)
    tx.execute(changed.values(key=key, next=None, at_ms=at_ms))
