"""Whose keys pay for a wallet: its own, or those of the pool it lies in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from keepcool.app.pools import rows
from keepcool.app.pools.tables import pool
from keepcool.core.ids import WalletId

_AT_ONCE = 500


def source_of(tx: Connection, wallet: WalletId) -> WalletId:
    """The wallet whose record is signed for: the pool's for its member, else the wallet itself."""
    member = rows.find_member(tx, wallet)
    return wallet if member is None else member.pool


def pools_among(tx: Connection, wallets: Sequence[WalletId]) -> frozenset[WalletId]:
    """Those that are a pool's own."""
    found = set[WalletId]()
    for start in range(0, len(wallets), _AT_ONCE):
        query = select(pool.c.id).where(pool.c.id.in_(wallets[start : start + _AT_ONCE]))
        found |= {WalletId(name) for name in tx.execute(query).scalars()}
    return frozenset(found)


def sources_of(tx: Connection, wallets: Iterable[WalletId]) -> Mapping[WalletId, WalletId]:
    """The same of many at once."""
    some = list(dict.fromkeys(wallets))
    members = rows.members_of(tx, some)
    return {one: members[one].pool if one in members else one for one in some}
