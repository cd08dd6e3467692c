"""Confirming balances at a block deep enough, on every node there is, and crediting by them.

Laws: every node must have the same block at that height and the same balances in it; one that disagrees
stops crediting, it is never voted down or left out. A token that does not answer holds up itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.deposits import events, position, records
from keepcool.app.deposits.crediting import Reading, Rules, settle_holding
from keepcool.app.deposits.scanning import Listed
from keepcool.app.deposits.watched import WatchedWallet, addresses_of, wallets_after, wallets_called
from keepcool.app.pools.sources import pools_among
from keepcool.app.store import Store
from keepcool.core.errors import Breach, Refused, Unavailable
from keepcool.core.ids import AssetId, WalletId
from keepcool.ports.evmnode import ChainReader, Header, Holding
from keepcool.ports.system import Clock

STATES_KEPT = 64  # half of what a node keeps
HOLDINGS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """A balance to be read, of all addresses together. `pool`: it is a pool's own, which comes first: it has
    to bear out what came from its users' addresses."""

    wallet: WalletId
    addresses: tuple[str, ...]
    asset: AssetId
    token: str | None
    pool: bool = False


@dataclass(frozen=True, slots=True)
class _Lot:
    """What is to be settled now: blocks after `after` up to `until`, whose hash the books say is
    `block_hash`."""

    after: int
    until: int
    block_hash: bytes | None
    due: list[Due]


class Settler:
    """`nodes`: all of them, the first is the one that is followed."""

    def __init__(
        self, listed: Listed, rules: Rules, nodes: Sequence[ChainReader], store: Store, clock: Clock
    ) -> None:
        self._listed, self._rules, self._nodes = listed, rules, nodes
        self._store, self._clock = store, clock
        self._network = listed.network

    async def settle(self, tip: int, deep: int) -> int:
        """Settles up to block `deep`, or as far as blocks were read. How many it did. After a long absence
        blocks are read first: nodes keep the balances of the newest alone."""
        lot = await self._store.read(lambda tx: self._lot(tx, tip, deep))
        if lot is None:
            return 0
        due, last = lot.due, max(len(lot.due) - 1, 0) // HOLDINGS_AT_ONCE * HOLDINGS_AT_ONCE
        for start in range(0, last, HOLDINGS_AT_ONCE):
            header = await self._agreed(lot.until, lot.block_hash)
            await self._confirm(header, due[start : start + HOLDINGS_AT_ONCE], finish=False, all_told=True)
        header = await self._agreed(lot.until, lot.block_hash)
        await self._confirm(header, due[last:], finish=True, all_told=True)
        return lot.until - lot.after

    def _lot(self, tx: Connection, tip: int, deep: int) -> _Lot | None:
        stands = position.read(tx, self._network)
        if stands is None or stands.scanned < tip - STATES_KEPT:
            return None
        until = min(deep, stands.scanned)
        if until <= stands.settled:
            return None
        block_hash = position.hash_at(tx, self._network, until)
        return _Lot(stands.settled, until, block_hash, self._due(tx, stands.settled, until))

    async def sweep(self, wallets_at_once: int) -> bool:
        """Looks at some wallets' balances at the last settled block, whether or not anything told of them:
        coins can come in without a trace. True when it has been around once."""
        stands = await self._store.run(lambda tx: position.read(tx, self._network))
        if stands is None:
            return True
        some = await self._store.run(
            lambda tx: wallets_after(tx, self._network, stands.swept, wallets_at_once)
        )
        due = await self._store.run(lambda tx: self._holdings(tx, some))
        number = stands.settled
        stored = await self._store.read(lambda tx: position.hash_at(tx, self._network, number))
        await self._confirm(await self._agreed(number, stored), due, finish=False, all_told=False)
        around = len(some) < wallets_at_once
        mark = 0 if around else some[-1].number
        await self._store.run(lambda tx: position.swept_to(tx, self._network, mark))
        return around

    async def _confirm(self, header: Header, due: Sequence[Due], *, finish: bool, all_told: bool) -> None:
        """`finish`: these are the last of the block; `all_told`: also those whose balance is what it was."""
        number = header.number
        readings = [one for asset, _ in self._listed.assets() for one in await self._read(header, due, asset)]
        at_ms = self._clock.now_ms()

        def work(tx: Connection) -> None:
            if position.hash_at(tx, self._network, number) != header.hash:
                raise Unavailable("deposits.moved", f"{self._network}: block {number} moved")
            for one in readings if all_told else _changed(tx, readings):
                settle_holding(tx, self._rules, one, at_ms)
            if finish:
                position.settled_to(tx, self._network, number)

        await self._store.run(work)

    async def _agreed(self, number: int, stored: bytes | None) -> Header:
        """The block every node has, if it is the one that was read."""
        first: Header | None = None
        for node in self._nodes:
            header = await node.header(number)
            if header is None:
                raise Unavailable("node.lagging", f"a node of {self._network} lacks block {number}")
            if first is not None and header.hash != first.hash:
                await self._disagree(number, "they have different blocks")
            first = first or header
        if first is None or first.hash != stored:
            raise Unavailable("deposits.moved", f"{self._network}: block {number} moved")
        return first

    async def _read(self, header: Header, due: Sequence[Due], asset: AssetId) -> list[Reading]:
        of_asset = [one for one in due if one.asset == asset]
        holdings = [Holding(address, one.token) for one in of_asset for address in one.addresses]
        if not holdings:
            return []
        try:
            told = [await self._balances(node, holdings, header.hash) for node in self._nodes]
        except Refused as error:
            if error.code != "node.reverted":
                raise
            await self._silent(asset)
            return []
        if any(one != told[0] for one in told):
            await self._disagree(header.number, f"they have different balances of {asset}")
        units, found = iter(told[0]), list[Reading]()
        for one in of_asset:
            own, *others = (next(units) for _ in one.addresses)
            at, beside = (header.number, header.hash.hex()), sum(others)
            found.append(Reading(one.wallet, asset, *at, own + beside, pool=one.pool, beside=beside))
        return found

    async def _balances(self, node: ChainReader, holdings: Sequence[Holding], block_hash: bytes) -> list[int]:
        found: list[int] = []
        for start in range(0, len(holdings), HOLDINGS_AT_ONCE):
            found += await node.balances(holdings[start : start + HOLDINGS_AT_ONCE], block_hash)
        return found

    def _due(self, tx: Connection, after: int, until: int) -> list[Due]:
        touched = position.touched(tx, self._network, after=after, until=until)
        due = set(self._holdings(tx, wallets_called(tx, sorted(touched))))
        pending = records.pending_holdings(tx, self._network, until)
        named = wallets_called(tx, sorted({wallet for wallet, _ in pending}))
        # an asset may have left the list with deposits still pending
        due |= {one for one in self._holdings(tx, named) if (one.wallet, one.asset) in pending}
        return sorted(due, key=lambda one: (not one.pool, one.wallet, one.asset))

    def _holdings(self, tx: Connection, wallets: Sequence[WatchedWallet]) -> list[Due]:
        """Pools' own first."""
        lie, own = addresses_of(tx, wallets), pools_among(tx, [one.id for one in wallets])
        found = [
            Due(one.id, lie[one.id], asset, token, pool=one.id in own)
            for one in wallets
            for asset, token in self._listed.assets()
        ]
        return sorted(found, key=lambda one: not one.pool)

    async def _disagree(self, number: int, how: str) -> None:
        text = f"the nodes of {self._network} do not agree on block {number}: {how}; nothing is credited"
        await self._tell(f"disagree:{number}", "node.disagree", text)
        raise Breach("node.disagree", text)

    async def _silent(self, asset: AssetId) -> None:
        text = f"the contract of {asset} does not answer balanceOf; its deposits wait"
        await self._tell(f"silent:{asset}", "token.silent", text)

    async def _tell(self, key: str, code: str, text: str) -> None:
        at_ms = self._clock.now_ms()
        await self._store.run(
            lambda tx: events.record(tx, key=key, at_ms=at_ms, network=self._network, code=code, text=text)
        )


def _changed(tx: Connection, readings: Sequence[Reading]) -> list[Reading]:
    known = position.settled_units(tx, sorted({one.wallet for one in readings}))
    before = {key: settled.units for key, settled in known.items()}
    return [one for one in readings if one.units != before.get((one.wallet, one.asset), 0)]
