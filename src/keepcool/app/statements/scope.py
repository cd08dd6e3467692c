"""Whose statement: the ledger accounts it is about.

An owner's (a user, a wallet) is about what is his: available, held, and what a vanished deposit left him
short. A keeper of books' (a pool, a network, the whole house) is about every account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection

from keepcool.app.books import accounts, people, registry
from keepcool.app.books.tables import balance_row, entry
from keepcool.app.pools import rows as pools
from keepcool.core import ids
from keepcool.core.errors import Refused

WALLETS_MAX = 10_000
NAMES_IN_QUERY_MAX = 900
OWNERS = ("owed", "held", "short")


@dataclass(frozen=True, slots=True)
class Scope:
    """`names`: its accounts, where they are few enough to be listed; `pool` and `network` narrow down else.
    `is_whole`: every posting lies in it with all its lines, so that debits equal credits."""

    kind: str
    id: str
    names: frozenset[str] | None = None
    pool: str | None = None
    network: str | None = None

    @property
    def is_whole(self) -> bool:
        return self.names is None and self.pool is None

    def of_entries(self) -> list[ColumnElement[bool]]:
        """What the database can leave out; `kept` leaves out the rest."""
        found: list[ColumnElement[bool]] = []
        if self.names is not None and len(self.names) <= NAMES_IN_QUERY_MAX:
            found.append(entry.c.account.in_(sorted(self.names)))
        if self.network is not None:
            found.append(entry.c.asset.startswith(f"{self.network}/", autoescape=True))
        return found

    def of_balances(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.names is not None and len(self.names) <= NAMES_IN_QUERY_MAX:
            found.append(balance_row.c.account.in_(sorted(self.names)))
        if self.network is not None:
            found.append(balance_row.c.asset.startswith(f"{self.network}/", autoescape=True))
        return found

    def kept(self, tx: Connection, names: Sequence[str]) -> set[str]:
        """Those of these accounts it is about."""
        asked = set(names)
        if self.names is not None:
            return asked & self.names
        if self.pool is None:
            return asked
        owners = {name: name.partition(":")[2] for name in asked}
        inside = {str(one.wallet) for one in pools.members_of(tx, set(owners.values())).values()
                  if one.pool == self.pool} | {self.pool}  # fmt: skip
        return {name for name, owner in owners.items() if owner in inside}


def of_user(tx: Connection, user: str) -> Scope:
    """Raises Conflict `user.not_found`, Refused when he has more wallets than one statement takes."""
    people.get_user(tx, user)
    stored = registry.list_wallets(tx, limit=WALLETS_MAX + 1, user=user)
    if len(stored) > WALLETS_MAX:
        text = f"{user[:64]} has more than {WALLETS_MAX} wallets: ask for each wallet's statement"
        raise Refused("statement.size", text)
    return Scope("user", user, frozenset(name for one in stored for name in _owners(one.asked.id)))


def of_wallet(tx: Connection, wallet: str) -> Scope:
    """Raises Conflict `wallet.not_found`."""
    found = registry.get_wallet(tx, wallet).asked.id
    return Scope("wallet", found, frozenset(_owners(found)))


def of_pool(tx: Connection, pool: str) -> Scope:
    """With all accounts of its members. Raises Conflict `pool.not_found`."""
    return Scope("pool", pools.get_pool(tx, pool).id, pool=pool)


def of_network(network: str) -> Scope:
    return Scope("network", ids.network_id(network), network=network)


def of_everything() -> Scope:
    return Scope("house", "house")


def _owners(wallet: ids.WalletId) -> tuple[str, ...]:
    return accounts.owed(wallet), accounts.held(wallet), accounts.short(wallet)
