"""Whose keys pay for a wallet: its own, or those of the pool it lies in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from keepcool.app.pools import rows
from keepcool.core.ids import WalletId


def source_of(tx: Connection, wallet: WalletId) -> WalletId:
    """The wallet whose record is signed for: the pool's for its member, else the wallet itself."""
    member = rows.find_member(tx, wallet)
    return wallet if member is None else member.pool


def sources_of(tx: Connection, wallets: Iterable[WalletId]) -> Mapping[WalletId, WalletId]:
    """The same of many at once."""
    some = list(dict.fromkeys(wallets))
    members = rows.members_of(tx, some)
    return {one: members[one].pool if one in members else one for one in some}
