"""The stock of addresses: derived here, attested by both signers, stored before anybody is given one.

Laws: App believes neither signer alone, and none that derived another list than it did itself; what a signer
attested before and this database knows nothing of may be somebody's, so it is passed over, and the stock that
was left is burnt; both are watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from keepcool.app.pools import rows, skipped
from keepcool.app.pools.proofs import verify_statement
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED, Attesters
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.listing import listing_of
from keepcool.core import addresses
from keepcool.core.addresses import RECEIVING, AddressRange
from keepcool.core.errors import Breach, Malformed, Unavailable, rebuild
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.ports.system import Clock
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    AddressesAnswer,
    AddressItem,
    AttestAddresses,
    Failure,
    Head,
    RangeAttested,
)

_PASSES = 3  # once is enough after a restore; more often means that somebody else hands out addresses


Alone = Callable[[str], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nobody_beside(_what: str) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Derived:
    """A range as App derives it: what it expects to be told, and each address with its script."""

    stated: AddressRange
    listed: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Asks Keeper and Cooler. `_floor`: per wallet the first index that is surely nobody's; `_asked`: the
    first beyond all that this process has asked for; `_clean`: signers that had attested nothing this
    database does not know when they first answered: what they know beyond it since was asked for here. While
    it asks, no other App on these books does (`alone`)."""

    exchange: Exchange
    store: Store
    attesters: Attesters
    clock: Clock
    timeout_s: float
    head_seen: Callable[[Service, Head], Awaitable[None]]
    alone: Alone = nobody_beside
    _floor: dict[WalletId, int] = field(default_factory=dict)
    _asked: dict[WalletId, int] = field(default_factory=dict)
    _clean: set[tuple[WalletId, Service]] = field(default_factory=set)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def add(self, source: WalletId, count: int) -> None:
        """So many more addresses of this record into the stock. Raises Unavailable when a signer does not
        answer, what it refuses with, and Breach when what it says is not so."""
        async with self._lock, self.alone("stock"):
            for _ in range(_PASSES):
                if await self._added(source, count):
                    return
        text = f"addresses of {source} are handed out by somebody else as well: is a second App running?"
        raise Unavailable("addresses.contended", text)

    async def ensure(self, source: WalletId, count: int) -> None:
        """At least so many in stock."""
        missing = count - await self.store.run(lambda tx: rows.in_stock(tx, source))
        if missing > 0:
            await self.add(source, missing)

    async def _added(self, source: WalletId, count: int) -> bool:
        """False when the range was passed over."""
        record, first = await self.store.run(lambda tx: self._next(tx, source))
        networks = self.attesters.families.networks
        expected = await asyncio.to_thread(derived, record, first, count, networks)
        before = self._asked.get(source, 0)
        self._asked[source] = max(before, first + count)
        told = await self._told(expected)
        signatures = {service: answer.signature for service, answer in told.items()}
        verify_statement(self.attesters.keys, expected.stated.encoded(), signatures)
        foreign = [
            one.highest
            for by, one in told.items()
            if one.highest >= first and ((source, by) not in self._clean or one.highest >= before)
        ]
        if foreign:
            await skipped.watch(self.store, record, first, max(foreign), networks)
            self._floor[source] = max(foreign) + 1
            await self.store.run(lambda tx: skipped.burn(tx, source))
            return False
        now_ms = self.clock.now_ms()
        await self.store.run(
            lambda tx: rows.add_range(
                tx, expected.stated, signatures=signatures, listed=expected.listed, now_ms=now_ms
            )
        )
        return True

    async def _told(self, expected: Derived) -> dict[Service, RangeAttested]:
        """Both answers. What one of them showed is learnt, also where the other one failed."""
        first, source = expected.stated.first, expected.stated.wallet
        said = await asyncio.gather(*(self.ask(one, expected) for one in PINNED), return_exceptions=True)
        told: dict[Service, RangeAttested] = {}
        for service, answer in zip(PINNED, said, strict=True):
            if isinstance(answer, BaseException):
                continue
            told[service] = answer
            if answer.highest < first:
                self._clean.add((source, service))
        for answer in said:
            if isinstance(answer, BaseException):
                raise answer
        return told

    def _next(self, tx: Connection, source: WalletId) -> tuple[WalletRecord, int]:
        record = self.attesters.wallet(tx, source).record
        watched = skipped.beyond(tx, record, self.attesters.families.networks)
        first = max(rows.next_index(tx, source, RECEIVING), watched)
        return record, max(first, self._floor.get(source, 0))

    async def ask(self, signer: Service, expected: Derived) -> RangeAttested:
        stated = expected.stated
        item = AddressItem(wallet=stated.wallet, first=stated.first, count=stated.count, change=stated.change)
        request = AttestAddresses(items=[item])
        answer = await self.exchange.ask(signer, "addresses.attest.v1", request, self.timeout_s)
        if not isinstance(answer, AddressesAnswer) or len(answer.items) != 1:
            raise Malformed("addresses.answer", f"{signer} did not answer what it was asked")
        await self.head_seen(signer, answer.head)
        told = answer.items[0]
        if isinstance(told, Failure):
            raise rebuild(told.problem.kind, told.problem.code, told.problem.text)
        if told.statement != stated.encoded():
            raise Breach("addresses.differ", f"{signer} derives other addresses of {stated.wallet} than App")
        return told


def derived(record: WalletRecord, first: int, count: int, networks: Networks) -> Derived:
    listing, indices = listing_of(record, RECEIVING, networks), range(first, first + count)
    listed = tuple((listing.spell(script), script) for script in listing.scripts(indices))
    blank = AddressRange(
        wallet=record.wallet,
        record=record.hash(),
        network=record.network,
        cosigner=listing.cosigner,
        change=RECEIVING,
        first=first,
        count=count,
        root="",
    )
    return Derived(replace(blank, root=addresses.root_of([address for address, _ in listed])), listed)
