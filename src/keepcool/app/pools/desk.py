"""What may be asked of pools: a new one, a wallet in one, further addresses of any wallet of the family.

Law: whoever asks waits for a signer only while the stock is empty.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Stored
from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings
from keepcool.app.pools import giving, rows, watermark
from keepcool.app.pools.rows import Given, Marks, Pool
from keepcool.app.pools.stock import Stock
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer, Outcome, Wallet
from keepcool.chains.families import Families, family_of
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.ports.system import Clock

MORE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPool:
    id: WalletId
    network: str
    marks: Marks
    external_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Bell(Protocol):
    def set(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDesk:
    """`bell` is rung when something was taken out of a stock, or waits for one. `ready` returns when what a
    pool of this network needs on its chain is there."""

    settings: AppSettings
    store: Store
    issuer: Issuer
    attesters: Attesters
    stock: Stock
    clock: Clock
    bell: Bell
    ready: Callable[[str], Awaitable[None]]

    async def make(self, new: NewPool) -> Pool:
        """A pool whose record both signers attested. The same asked for again is the same pool."""
        table = self._pooling(new.network)
        check_marks(NetworkId(new.network), new.marks, self.attesters.families)
        await self.ready(new.network)
        await self.store.run(self._house)
        asked = Asked(
            id=new.id,
            user=people.HOUSE,
            network=NetworkId(new.network),
            profile=table.pool_profile,
            external_id=new.external_id,
            metadata=new.metadata,
        )
        (outcome,) = await self.issuer.issue([asked])
        if isinstance(outcome, KeepcoolError):
            raise outcome
        if not isinstance(outcome, Wallet):
            raise Unavailable("pool.pending", f"pool {new.id} is still being made; ask again")
        pool = await self.store.run(lambda tx: self._kept(tx, outcome, new.marks))
        self.bell.set()
        return pool

    async def set_marks(self, pool: str, marks: Marks, asset: str | None = None) -> Pool:
        """Of an asset that is listed here, the network's coin when None."""

        def work(tx: Connection) -> Pool:
            known = rows.get_pool(tx, pool)
            of = self.asset(known.network, asset)
            check_marks(known.network, marks, self.attesters.families)
            if marks.harbor == self.attesters.wallet(tx, known.id).address:
                raise Malformed("pool.harbor", "this is the pool's own address: it is no harbor")
            if of == self.asset(known.network, None):
                rows.set_marks(tx, known.id, marks)
            else:
                rows.set_asset_marks(tx, known.id, of, marks)
            return rows.get_pool(tx, pool)

        changed = await self.store.run(work)
        self.bell.set()
        return changed

    def assets(self, network: str) -> list[AssetId]:
        """What a pool there may hold, the network's coin first."""
        return watermark.assets(NetworkId(network), self._pooling(network))

    def asset(self, network: str, named: str | None) -> AssetId:
        """One of them; the network's coin when None. Raises Malformed `asset.unknown`."""
        listed = self.assets(network)
        if named is not None and named not in listed:
            raise Malformed(
                "asset.unknown", f"{named[:100]} is not an asset of {network} that is listed here"
            )
        return listed[0] if named is None else AssetId(named)

    def is_pooled(self, network: str, kind: str | None) -> bool:
        """Whether a wallet asked for like this is one of a pool. Raises Malformed where there are none."""
        table = self.settings.networks.get(network)
        if not isinstance(table, BitcoinSettings | EvmSettings):
            if kind == "pooled":
                raise Malformed("pool.network", f"there are no pools on {network[:64]}")
            return False
        return table.pool if kind is None else kind == "pooled"

    def profile(self, network: str) -> str:
        """Of wallets in a pool there."""
        return self._pooling(network).pool_profile

    async def wallets(self, wanted: Sequence[tuple[Asked, str | None]]) -> list[Outcome]:
        """One outcome each, in order: the wallet with its address, or its row while it waits for one. With
        each the pool it shall lie in, None: the network's oldest. Raises Conflict when an external id is
        another wallet's: then none is."""
        now_ms = self.clock.now_ms()

        def work(tx: Connection) -> list[Outcome]:
            stored = [giving.asked(tx, one, _chosen(tx, one, pool), now_ms) for one, pool in wanted]
            return [self._outcome(tx, one) for one in stored]

        outcomes = await self.store.run(work)
        self.bell.set()
        return outcomes

    async def prepare(self, wallet: str, count: int) -> None:
        """Sees to it that so many further addresses can be given to this wallet at once."""
        if not 1 <= count <= MORE_MAX:
            raise Malformed("addresses.count", f"ask for 1 to {MORE_MAX} addresses at once")
        source = await self.store.run(lambda tx: self._source(tx, wallet))
        await self.stock.ensure(source, count)

    def more(self, tx: Connection, wallet: str, count: int) -> list[Given]:
        """Raises Unavailable `addresses.stock` when `prepare` did not come first."""
        source = self._source(tx, wallet)
        given = giving.more(tx, source, WalletId(wallet), count, self.clock.now_ms())
        self.bell.set()
        return given

    def _source(self, tx: Connection, wallet: str) -> WalletId:
        known = self.attesters.wallet(tx, wallet)
        network = known.record.network
        if family_of(network).name is not FamilyName.BITCOIN and known.proof is None:
            raise Refused("addresses.family", f"a wallet on {network} has one address")
        return known.record.wallet

    def _outcome(self, tx: Connection, stored: Stored) -> Outcome:
        try:
            return self.attesters.shown(tx, stored)
        except Unavailable:
            return stored
        except KeepcoolError as error:
            return error

    def _house(self, tx: Connection) -> None:
        now_ms = self.clock.now_ms()
        people.create_user(tx, user=people.HOUSE, external_id=None, about={}, now_ms=now_ms)

    def _kept(self, tx: Connection, wallet: Wallet, marks: Marks) -> Pool:
        known = rows.find_pool(tx, wallet.id)
        if known is None:
            rows.insert_pool(tx, wallet.id, wallet.record.network, marks, self.clock.now_ms())
        return rows.get_pool(tx, wallet.id)

    def _pooling(self, network: str) -> BitcoinSettings | EvmSettings:
        table = self.settings.networks.get(network)
        if table is None:
            raise Malformed("network.unknown", f"network {network[:64]} is not configured here")
        if not isinstance(table, BitcoinSettings | EvmSettings):
            raise Malformed("pool.network", f"{table.name} has no pools: its wallets lie in accounts")
        return table


def check_marks(network: NetworkId, marks: Marks, families: Families) -> None:
    """Raises Malformed on marks that would sweep to nowhere, or back and forth."""
    if marks.harbor is not None and families.parse_recipient(network, marks.harbor) != marks.harbor:
        raise Malformed("pool.harbor", "write the harbor's address in its one spelling")
    if marks.high and not marks.low <= marks.target < marks.high:
        raise Malformed("pool.marks", "low is at most target, and target below high")
    if marks.high and marks.harbor is None:
        raise Malformed("pool.harbor", "name the harbor that surplus goes to, or set no high mark")


def _chosen(tx: Connection, asked: Asked, pool: str | None) -> Pool:
    if pool is not None:
        found = rows.get_pool(tx, pool)
        if found.network != asked.network:
            raise Malformed("pool.network", f"the pool {found.id} lies on {found.network}")
        return found
    known = rows.pools(tx, asked.network)
    if not known:
        raise Conflict("pool.none", f"there is no pool on {asked.network} yet: make one first")
    named = None if asked.external_id is None else _member_named(tx, asked.external_id)
    return next((one for one in known if one.id == named), known[0])


def _member_named(tx: Connection, external_id: str) -> WalletId | None:
    """The pool of the wallet that bears this name already: asked for again it stays there."""
    found = registry.list_wallets(tx, limit=1, external_id=external_id)
    member = rows.find_member(tx, found[0].asked.id) if found else None
    return None if member is None else member.pool
