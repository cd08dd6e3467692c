"""Following one Minter network: read new blocks, then confirm balances at the newest one read.

Laws: one block is final, so a block that reads differently later is a breach and not a reorganisation; each
step is bounded and stands on what the database says; balances are read at a height of which nodes still keep
the state, so after a long absence blocks are read first and balances once. Where the last step left nothing
to do, and no block came, nothing is asked but the node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from keepcool.app.deposits import events, position, records
from keepcool.app.deposits.crediting import Reading, Rules, settle_holding
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.minter import outflows, reading, spendings
from keepcool.app.deposits.minter.reading import Found, Incoming
from keepcool.app.deposits.position import Position
from keepcool.app.deposits.progress import Progress
from keepcool.app.deposits.recall import NoRecall, Recall, Sent
from keepcool.app.deposits.records import Claim, Kind
from keepcool.app.deposits.watched import (
    Watched,
    WatchedWallet,
    wallets_after,
    wallets_called,
    wallets_numbered,
)
from keepcool.app.store import Store
from keepcool.chains.minter.assets import coin_of
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.ports.minternode import Block, MinterNode
from keepcool.ports.system import Clock

BLOCKS_AT_ONCE = 32
STATES_KEPT = 60  # half of what a node keeps, so that reading at one of them succeeds
ACCOUNTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """What to follow. `start_block` 0 begins at the newest block: no wallet of ours is older than its App.
    `minimums` in pip, for every listed coin. `sweep_every_ms` is how often every wallet's balance is looked
    at without cause."""

    network: NetworkId
    minimums: Mapping[AssetId, int]
    start_block: int = 0
    sweep_every_ms: int = 30_000
    sweep_wallets: int = 200


class Follower:
    """`node` answers only what as many nodes say as must agree. `recall`: who may explain what no payout of
    these books does."""

    def __init__(
        self, plan: Plan, node: MinterNode, store: Store, clock: Clock, recall: Recall | None = None
    ) -> None:
        self._recall = recall or NoRecall()
        self._plan, self._node, self._store, self._clock = plan, node, store, clock
        self._network = plan.network
        self._listed = frozenset(plan.minimums)
        self._rules = Rules(plan.network, plan.minimums, outflows.taken)
        self._watched = Watched(plan.network)
        self._same_chain = False
        self._sweep_at_ms, self._swept_block = 0, -1
        self._rest: Progress | None = None

    async def step(self) -> Progress:
        """One bounded round. Raises Unavailable when a node is away or lags (ask again later), Breach when
        what the nodes say cannot be believed."""
        tip = (await self._node.check()).height
        rest, self._rest = self._rest, None
        if rest is None or rest.tip != tip or self._may_sweep(rest.settled):
            rest = await self._round(tip)
        if not rest.busy and rest.scanned >= tip:
            self._rest = rest
        return rest

    async def _round(self, tip: int) -> Progress:
        stands = await self._begun(tip)
        await self._recognised(stands, tip)
        moved = await self._scan(stands.scanned, tip)
        after = await self._position() if moved else stands
        settled = await self._settle(after, tip)
        after = await self._position() if settled else after
        busy = (moved or settled) and after.scanned < tip
        if not busy and after.scanned >= tip:
            busy = await self._sweep(after)
        return Progress(tip, after.scanned, after.settled, busy)

    async def _begun(self, tip: int) -> Position:
        stands = await self._store.read(lambda tx: position.read(tx, self._network))
        if stands is not None:
            return stands
        number = self._plan.start_block - 1 if self._plan.start_block > 0 else tip
        block = await self._block(number)
        await self._store.run(lambda tx: position.begin(tx, self._network, number, block.hash))
        return await self._position()

    async def _position(self) -> Position:
        stands = await self._store.read(lambda tx: position.read(tx, self._network))
        if stands is None:
            raise Breach("deposits.position", f"{self._network}: the follower's position is gone")
        return stands

    async def _recognised(self, stands: Position, tip: int) -> None:
        """Once per start: the node's chain is the one that was read before."""
        if self._same_chain:
            return
        if tip < stands.scanned:
            raise Unavailable("node.lagging", f"{self._network}: the node is behind, at {tip}")
        ours = await self._store.run(lambda tx: position.hash_at(tx, self._network, stands.scanned))
        if (await self._block(stands.scanned)).hash != ours:
            text = (
                f"{self._network}: block {stands.scanned} is another one than was read before, and blocks "
                "there are final; is it another chain? nothing is credited or paid until a person has looked"
            )
            await self._freeze(f"other-chain:{stands.scanned}", text)
            raise Breach("chain.no_common_block", text)
        self._same_chain = True

    async def _scan(self, scanned: int, tip: int) -> bool:
        last = min(tip, scanned + BLOCKS_AT_ONCE)
        for height in range(scanned + 1, last + 1):
            block = await self._block(height)
            while not await self._store.read(self._watched.refresh):
                pass
            found = reading.read(block, self._network, self._watched.numbers, self._listed)
            if found.left:
                await self._recall.explain(await self._store.read(partial(_sent, found=found)))
            await self._store.run(partial(self._remember, block=block, found=found))
        return last > scanned

    async def _block(self, height: int) -> Block:
        block = await self._node.block(height)
        if block is None:
            raise Unavailable("node.lagging", f"{self._network}: the node lacks block {height}")
        return block

    def _remember(self, tx: Connection, block: Block, found: Found) -> None:
        at_ms = self._clock.now_ms()
        position.advance(tx, self._network, block.height, block.hash)
        numbers = {one.wallet for one in found.incoming} | {one.wallet for one in found.left}
        wallets = wallets_numbered(tx, sorted(numbers | found.stirred))
        for incoming in found.incoming:
            records.add(tx, self._claim(block, wallets[incoming.wallet], incoming), at_ms)
        for left in found.left:
            outflows.remember(tx, self._network, block.height, wallets[left.wallet], left)
            spendings.remember(tx, self._network, wallets[left.wallet], left, block.hash)
        for number in sorted(found.stirred):
            position.note_touch(tx, self._network, wallets[number].id, block.height, None)

    def _claim(self, block: Block, wallet: WatchedWallet, one: Incoming) -> Claim:
        return Claim(
            network=self._network,
            wallet=wallet.id,
            asset=one.asset,
            kind=Kind.TRANSACTION,
            sender=one.sender,
            transaction=one.transaction.hex(),
            position=one.position,
            block_number=block.height,
            block_hash=block.hash.hex(),
            units=one.units,
        )

    async def _settle(self, stands: Position, tip: int) -> bool:
        """Balances at the last block read, once that is near enough to the tip."""
        if stands.scanned <= stands.settled or stands.scanned < tip - STATES_KEPT:
            return False
        due = await self._store.read(lambda tx: self._due(tx, stands.settled, stands.scanned))
        readings = await self._read(due, stands.scanned)

        def work(tx: Connection) -> None:
            for one in readings:
                settle_holding(tx, self._rules, one, self._clock.now_ms())
            position.settled_to(tx, self._network, stands.scanned)
            self._recall.book(tx, stands.scanned, self._clock.now_ms())

        await self._store.run(work)
        return True

    def _due(self, tx: Connection, after: int, until: int) -> list[WatchedWallet]:
        touched = position.touched(tx, self._network, after=after, until=until)
        pending = {wallet for wallet, _ in records.pending_holdings(tx, self._network, until)}
        return wallets_called(tx, sorted(touched | pending))

    async def _read(self, wallets: Sequence[WatchedWallet], at: int) -> list[Reading]:
        block_hash = await self._store.read(lambda tx: position.hash_at(tx, self._network, at))
        if block_hash is None:
            raise Breach("deposits.position", f"{self._network}: block {at} is not remembered")
        found: list[Reading] = []
        coins = {asset: coin_of(asset, self._network) for asset in sorted(self._listed)}
        for start in range(0, len(wallets), ACCOUNTS_AT_ONCE):
            some = wallets[start : start + ACCOUNTS_AT_ONCE]
            accounts = await self._node.accounts([one.address for one in some], at)
            found += [
                Reading(one.id, asset, at, block_hash.hex(), account.pip(coin))
                for one, account in zip(some, accounts, strict=True)
                for asset, coin in coins.items()
            ]
        return found

    def _may_sweep(self, settled: int) -> bool:
        """Whether a round through all wallets is to begin."""
        return settled != self._swept_block and self._clock.now_ms() >= self._sweep_at_ms

    async def _sweep(self, stands: Position) -> bool:
        """Looks at some wallets' balances whether or not anything told of them: coins can come in without a
        trace. True while a round through all wallets goes on."""
        if stands.swept == 0 and not self._may_sweep(stands.settled):
            return False
        if stands.swept == 0:
            self._sweep_at_ms = self._clock.now_ms() + self._plan.sweep_every_ms
            self._swept_block = stands.settled
        count = self._plan.sweep_wallets
        some = await self._store.run(lambda tx: wallets_after(tx, self._network, stands.swept, count))
        readings = await self._read(some, stands.settled)
        around = len(some) < count

        def work(tx: Connection) -> None:
            known = position.settled_units(tx, sorted({one.wallet for one in readings}))
            for one in readings:
                if one.units != _units(known, one.wallet, one.asset):
                    settle_holding(tx, self._rules, one, self._clock.now_ms())
            position.swept_to(tx, self._network, 0 if around else some[-1].number)

        await self._store.run(work)
        return not around

    async def _freeze(self, key: str, text: str) -> None:
        at_ms = self._clock.now_ms()
        await self._store.run(
            lambda tx: events.record(
                tx,
                key=key,
                at_ms=at_ms,
                network=self._network,
                code="chain.no_common_block",
                text=text,
                freezes=Freezes.NETWORK,
            )
        )


def _sent(tx: Connection, found: Found) -> list[Sent]:
    """What wallets of ours have sent."""
    wallets = wallets_numbered(tx, sorted({one.wallet for one in found.left}))
    return [
        Sent(
            wallets[one.wallet].id,
            wallets[one.wallet].address,
            one.digest,
            one.transaction.hash.hex(),
            one.transaction.nonce,
        )
        for one in found.left
    ]


def _units(
    known: Mapping[tuple[WalletId, AssetId], position.Settled], wallet: WalletId, asset: AssetId
) -> int:
    last = known.get((wallet, asset))
    return 0 if last is None else last.units
