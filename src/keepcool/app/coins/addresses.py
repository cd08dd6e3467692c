"""The scripts we watch, each with its place below a record's keys and the wallet whose deposits it takes.

Laws: a script is one address's for ever; an address of change serves one batch, and another one only when no
coin ever lay there, so that the numbers in use leave no gaps that a restore would stop at; where signers know
no more of them, they serve again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Row, func, select

from keepcool.app.coins.tables import address
from keepcool.app.upserts import upsert
from keepcool.chains.bitcoin.bip45 import CHANGE, Place
from keepcool.chains.bitcoin.limits import CHANGE_END
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Breach
from keepcool.core.ids import NetworkId, WalletId

_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`source`: the wallet whose record gives the script. `wallet`: whose deposits come in there, None for
    change and for a pool's own."""

    network: NetworkId
    script: bytes
    source: WalletId
    wallet: WalletId | None
    cosigner: int
    change: int
    index: int

    @property
    def credited(self) -> WalletId:
        """Whose ledger what comes in belongs to."""
        return self.source if self.wallet is None else self.wallet


class Scripts(Protocol):
    """A wallet's addresses by their place: `chains.bitcoin.wallets.Bip45Wallet`."""

    @property
    def network(self) -> Network: ...

    @property
    def hot_branch(self) -> int: ...

    def place(self, change: int, index: int) -> Place: ...

    def script(self, place: Place) -> bytes: ...


def add_addresses(tx: Connection, some: Sequence[Address]) -> None:
    """What is there already stays. Raises Breach when a script is another place's."""
    for start in range(0, len(some), _ASKED_AT_ONCE):
        part = some[start : start + _ASKED_AT_ONCE]
        tx.execute(upsert(address).on_conflict_do_nothing(), [_fields(one) for one in part])
        for network in {one.network for one in part}:
            wanted = [one for one in part if one.network == network]
            found = at_scripts(tx, network, [one.script for one in wanted])
            for one in wanted:
                if found.get(one.script) != one:
                    text = f"an address of wallet {one.source} is another one's already"
                    raise Breach("coins.address_taken", text)


def at_scripts(tx: Connection, network: NetworkId, scripts: Sequence[bytes]) -> dict[bytes, Address]:
    """Those of these scripts that are ours."""
    found: dict[bytes, Address] = {}
    for start in range(0, len(scripts), _ASKED_AT_ONCE):
        chosen = address.c.script.in_(list(scripts[start : start + _ASKED_AT_ONCE]))
        for row in tx.execute(select(address).where(address.c.network == network, chosen)):
            found[bytes(row.script)] = _address(row)
    return found


def of_source(tx: Connection, source: WalletId, *, change: int, limit: int, after: int = -1) -> list[Address]:
    """By their index, on the branches of one record."""
    query = select(address).where(
        address.c.source == source, address.c.change == change, address.c.leaf > after
    )
    return [_address(row) for row in tx.execute(query.order_by(address.c.leaf).limit(limit))]


def next_index(tx: Connection, source: WalletId, cosigner: int, change: int) -> int:
    """The first that was never handed out on this branch."""
    query = select(func.max(address.c.leaf)).where(
        address.c.source == source, address.c.cosigner == cosigner, address.c.change == change
    )
    last = tx.execute(query).scalar_one()
    return 0 if last is None else last + 1


def next_change(tx: Connection, source: WalletId, wallet: Scripts, count: int, holder: str) -> list[Address]:
    """Reserves so many addresses of change on the hot branch for one batch. Asked again for the same holder,
    it adds only what is missing. `wallet`: of the record both signers attested."""
    mine = (
        address.c.source == source,
        address.c.cosigner == wallet.hot_branch,
        address.c.change == CHANGE,
    )
    held = _some(tx, *mine, address.c.holder == holder)[:count]
    free = _some(tx, *mine, address.c.holder.is_(None), address.c.used.is_(False), limit=count - len(held))
    first, missing = next_index(tx, source, wallet.hot_branch, CHANGE), count - len(held) - len(free)
    end = min(first + missing, max(first, CHANGE_END))
    new = [_change_address(source, wallet, index) for index in range(first, end)]
    add_addresses(tx, new)
    lacking = missing - len(new)
    again = _some(tx, *mine, address.c.holder.is_(None), address.c.used, limit=lacking) if lacking else []
    chosen = [*held, *free, *new, *again]
    tx.execute(
        address.update().where(*mine, address.c.leaf.in_([one.index for one in chosen])).values(holder=holder)
    )
    return chosen


def give_back(tx: Connection, holder: str) -> None:
    """The batch has ended: what it did not use serves another."""
    tx.execute(address.update().where(address.c.holder == holder).values(holder=None))


def mark_used(tx: Connection, network: NetworkId, scripts: Sequence[bytes]) -> None:
    for start in range(0, len(scripts), _ASKED_AT_ONCE):
        chosen = address.c.script.in_(list(scripts[start : start + _ASKED_AT_ONCE]))
        tx.execute(
            address.update()
            .where(address.c.network == network, chosen, address.c.used.is_(False))
            .values(used=True)
        )


def _change_address(source: WalletId, wallet: Scripts, index: int) -> Address:
    place = wallet.place(CHANGE, index)
    return Address(
        network=wallet.network.id,
        script=wallet.script(place),
        source=source,
        wallet=None,
        cosigner=place.cosigner,
        change=place.change,
        index=place.index,
    )


def _some(tx: Connection, *where: ColumnElement[bool], limit: int = 1_000) -> list[Address]:
    query = select(address).where(*where).order_by(address.c.leaf).limit(limit)
    return [_address(row) for row in tx.execute(query)]


def _fields(one: Address) -> dict[str, object]:
    return {
        "network": one.network,
        "script": one.script,
        "source": one.source,
        "wallet": one.wallet,
        "cosigner": one.cosigner,
        "change": one.change,
        "leaf": one.index,
        "used": False,
    }


def _address(row: Row[tuple[object, ...]]) -> Address:
    return Address(
        network=NetworkId(row.network),
        script=bytes(row.script),
        source=WalletId(row.source),
        wallet=None if row.wallet is None else WalletId(row.wallet),
        cosigner=row.cosigner,
        change=row.change,
        index=row.leaf,
    )
