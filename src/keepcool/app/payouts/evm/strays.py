"""Coins of a pool at addresses that are nobody's in these books: they are the pool's own, and no member's
balance tells where they lie. After a restore that may be many.

Laws: only addresses that something has come to are asked for, a page of them at a time; what goes on lying
there although a sweep was to take it hides nothing behind it, and is tried ever more seldom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from keepcool.app.coins.tables import address
from keepcool.chains.evm.address import to_checksum
from keepcool.chains.evm.assets import contract_of
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.money import parse_units
from keepcool.ports.evmnode import Holding, Tag

if TYPE_CHECKING:
    from keepcool.app.payouts.evm.lane import EvmLane

PAGE = 200
_DOUBLINGS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """An address of a pool. `number`: of its row."""

    number: int
    index: int
    address: str


@dataclass(frozen=True, slots=True)
class Stray:
    index: int
    asset: AssetId
    units: int


@dataclass(slots=True)
class Look:
    """How far a pool's addresses were looked at. `left`: what the page after row `after` had when it was
    looked at last; `stuck`: something stayed this time around, `again`: how often in a row; `next_ms`: not
    before."""

    after: int = 0
    left: frozenset[Stray] = frozenset()
    stuck: bool = False
    again: int = 0
    next_ms: int = 0

    def is_due(self, now_ms: int, wait_ms: int) -> bool:
        """A longer wait than is ever given was set by a clock that was ahead."""
        return not now_ms < self.next_ms <= now_ms + wait_ms * 2**_DOUBLINGS

    def saw(self, places: Sequence[Place], found: frozenset[Stray], now_ms: int, wait_ms: int) -> None:
        """What is new on a page is swept before the next one is looked at."""
        if found and found != self.left:
            self.left = found
            return
        self.stuck = self.stuck or bool(found)
        self.left = frozenset()
        if len(places) == PAGE:
            self.after = places[-1].number
            return
        self.again = min(self.again + 1, _DOUBLINGS) if self.stuck else 0
        self.after, self.stuck, self.next_ms = 0, False, now_ms + wait_ms * 2**self.again


def is_due(lane: EvmLane, pool: WalletId) -> bool:
    look = lane.looks.setdefault(pool, Look())
    return look.is_due(lane.clock.now_ms(), lane.settings.sweep.wait_s * 1000)


async def found(lane: EvmLane, pool: WalletId) -> list[Stray]:
    """Some that are worth sweeping by themselves."""
    look = lane.looks.setdefault(pool, Look())
    places = await lane.store.run(partial(page, pool=pool, after=look.after))
    head = await lane.node.header(Tag.LATEST) if places else None
    seen = [] if head is None else await _lying(lane, places, head.hash)
    look.saw(places, frozenset(seen), lane.clock.now_ms(), lane.settings.sweep.wait_s * 1000)
    return seen


async def _lying(lane: EvmLane, places: Sequence[Place], block_hash: bytes) -> list[Stray]:
    found = list[Stray]()
    for listed in lane.settings.assets:
        asset, least = AssetId(listed.id), max(parse_units(listed.least_swept), 1)
        holdings = [Holding(one.address, contract_of(asset)) for one in places]
        told = await lane.node.balances(holdings, block_hash)
        pairs = zip(places, told, strict=True)
        found += [Stray(place.index, asset, units) for place, units in pairs if units >= least]
    return found


def page(tx: Connection, pool: WalletId, after: int) -> list[Place]:
    """Addresses of this pool that nobody has and something has come to."""
    here = (address.c.source == pool, address.c.wallet.is_(None), address.c.used.is_(True))
    query = select(address).where(*here, address.c.number > after).order_by(address.c.number).limit(PAGE)
    return [Place(row.number, row.leaf, to_checksum(bytes(row.script))) for row in tx.execute(query)]
