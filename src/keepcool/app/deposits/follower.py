"""Following one network: read new blocks, walk back when they were replaced, settle what is deep enough.

Laws: each step is bounded and stands on what the database says, so a crash between any two lines loses and
doubles nothing; where the last one left nothing to do and the chain stands as it stood, nothing is asked but
the node; an erring node changes nothing; a reorganisation is believed only block by block, and one
that reaches settled blocks only when every node tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.deposits import events, position
from keepcool.app.deposits.crediting import Outflows, Rules, undo
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.position import BLOCKS_KEPT, Position
from keepcool.app.deposits.progress import Progress
from keepcool.app.deposits.recall import NoRecall, Recall
from keepcool.app.deposits.scanning import Listed, Scanner
from keepcool.app.deposits.settling import Settler
from keepcool.app.deposits.watched import Watched
from keepcool.app.store import Store
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.ids import AssetId
from keepcool.ports.evmnode import ChainReader, Header, Tag
from keepcool.ports.system import Clock

BLOCKS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What to follow and when to credit. `depth_blocks` None credits what the node calls finalized; 1 is
    the block below the newest. `start_block` 0 begins where crediting stands today: no wallet of ours is
    older than its App. `minimums` in base units. `sweep_every_ms` is how often every wallet's
    balance is looked at without cause."""

    listed: Listed
    minimums: dict[AssetId, int]
    depth_blocks: int | None
    start_block: int = 0
    sweep_every_ms: int = 30_000
    sweep_wallets: int = 200


@dataclass(frozen=True, slots=True)
class _Rest:
    """A step that left nothing to do at this tip, and with this block to credit up to."""

    tip: bytes
    deep: int
    progress: Progress


class Follower:
    """`nodes`: the first is followed, all must agree before anything is credited. `recall`: who may explain
    what no payout of these books does."""

    def __init__(
        self,
        plan: Plan,
        nodes: Sequence[ChainReader],
        store: Store,
        clock: Clock,
        outflows: Outflows,
        *,
        recall: Recall | None = None,
    ) -> None:
        self._recall = recall or NoRecall()
        self._plan, self._nodes, self._node = plan, nodes, nodes[0]
        self._store, self._clock = store, clock
        self._network = plan.listed.network
        self._rules = Rules(self._network, plan.minimums, outflows)
        watched = Watched(self._network)
        self._scanner = Scanner(plan.listed, self._node, store, watched, outflows, recall=self._recall)
        self._settler = Settler(plan.listed, self._rules, nodes, store, clock)
        self._sweep_at_ms = 0
        self._swept_block = -1
        self._rest: _Rest | None = None

    async def step(self) -> Progress:
        """One bounded round. Raises Unavailable when a node is away or lags (ask again later), Breach when
        what the nodes say cannot be believed."""
        tip = await self._node.check()
        rest, self._rest = self._rest, None
        if rest is None or not await self._rests(rest, tip):
            rest = await self._round(tip)
        if not rest.progress.busy and rest.progress.scanned >= tip.number:
            self._rest = rest
        return rest.progress

    async def _rests(self, rest: _Rest, tip: Header) -> bool:
        if rest.tip != tip.hash or self._may_sweep(rest.progress.settled):
            return False
        return await self._deep(tip) == rest.deep

    async def _round(self, tip: Header) -> _Rest:
        before = await self._begun(tip)
        moved = await self._scan(tip, before)
        deep = await self._deep(tip)
        settled = await self._settler.settle(tip.number, deep)
        after = await self._booked() if settled else await self._position()
        busy = (moved or settled > 0) and after.scanned < tip.number
        if not busy and after.scanned >= tip.number:
            busy = await self._sweep(after)
        return _Rest(tip.hash, deep, Progress(tip.number, after.scanned, after.settled, busy))

    async def _booked(self) -> Position:
        """What was remembered of blocks that are settled now, too."""
        at_ms = self._clock.now_ms()

        def work(tx: Connection) -> Position:
            stands = self._stands(tx)
            self._recall.book(tx, stands.settled, at_ms)
            return stands

        return await self._store.run(work)

    async def _begun(self, tip: Header) -> Position:
        stands = await self._store.read(lambda tx: position.read(tx, self._network))
        if stands is not None:
            return stands
        first = self._plan.start_block
        number = first - 1 if first > 0 else max(await self._deep(tip), 0)
        header = await self._node.header(number)
        if header is None:
            raise Unavailable(
                "node.lagging", f"{self._network}: the node lacks block {number}, the first one"
            )
        await self._store.run(lambda tx: position.begin(tx, self._network, number, header.hash))
        return await self._position()

    async def _position(self) -> Position:
        return await self._store.read(self._stands)

    def _stands(self, tx: Connection) -> Position:
        stands = position.read(tx, self._network)
        if stands is None:
            raise Breach("deposits.position", f"{self._network}: the follower's position is gone")
        return stands

    async def _deep(self, tip: Header) -> int:
        """The newest block that may be credited."""
        if self._plan.depth_blocks is not None:
            return tip.number - self._plan.depth_blocks
        final = await self._node.header(Tag.FINALIZED)
        if final is None:
            text = f"{self._network}: the node knows no finalized block; set crediting = depth"
            raise Unavailable("node.finality", text)
        return min(final.number, tip.number)

    async def _scan(self, tip: Header, stands: Position) -> bool:
        """Whether the position moved, on or back."""
        known = await self._hash(stands.scanned)
        if tip.number <= stands.scanned:  # nothing new, or the node lags behind what we have read
            ours = await self._hash(tip.number)
            if ours is None:
                raise Unavailable("node.lagging", f"{self._network}: the node is far behind, at {tip.number}")
            if tip.hash != ours:
                await self._walk_back(stands, tip.number)
            return tip.hash != ours
        last = min(tip.number, stands.scanned + BLOCKS_AT_ONCE)
        for number in range(stands.scanned + 1, last + 1):
            block = await self._node.block(number)
            if block is None:
                return number > stands.scanned + 1
            if block.header.parent_hash != known:
                await self._walk_back(await self._position(), number - 1)
                return True
            await self._scanner.read(block, self._clock.now_ms())
            known = block.header.hash
        return True

    async def _hash(self, number: int) -> bytes | None:
        return await self._store.read(lambda tx: position.hash_at(tx, self._network, number))

    async def _walk_back(self, stands: Position, top: int) -> None:
        """Finds the last block both the chain and we have, and forgets those above it."""
        common = await self._common(self._node, top)
        if common is None:
            text = (
                f"{self._network}: none of the last {BLOCKS_KEPT} blocks we read is on the node's chain; "
                "is it another chain? nothing is changed until it is again ours"
            )
            await self._tell("no-common", "chain.no_common_block", text, Freezes.NETWORK)
            raise Breach("chain.no_common_block", text)
        if common < stands.settled:
            await self._all_tell(stands.settled)
        await self._store.run(lambda tx: self._undo(tx, stands, common))

    async def _common(self, node: ChainReader, top: int) -> int | None:
        for number in range(top, max(top - BLOCKS_KEPT, -1), -1):
            ours = await self._hash(number)
            if ours is None:
                return None
            header = await node.header(number)
            if header is None:
                raise Unavailable("node.lagging", f"{self._network}: the node lost block {number} meanwhile")
            if header.hash == ours:
                return number
        return None

    async def _all_tell(self, settled: int) -> None:
        """One node alone must not make us take credits back."""
        ours = await self._hash(settled)
        for node in self._nodes[1:]:
            header = await node.header(settled)
            if header is None:
                raise Unavailable("node.lagging", f"a node of {self._network} lacks block {settled}")
            if header.hash == ours:
                text = f"the nodes of {self._network} do not agree on block {settled}, already credited"
                await self._tell(f"disagree:{settled}", "node.disagree", text, Freezes.NETWORK)
                raise Breach("node.disagree", text)

    def _undo(self, tx: Connection, stands: Position, common: int) -> None:
        at_ms = self._clock.now_ms()
        old = position.hash_at(tx, self._network, stands.scanned)
        lost = undo(tx, self._rules, common, at_ms)
        for one in lost:
            text = f"deposit {one.id} of wallet {one.claim.wallet} vanished after it was credited"
            events.record(
                tx,
                key=f"reversed:{one.ledger_name}",
                at_ms=at_ms,
                network=self._network,
                wallet=one.claim.wallet,
                code="deposit.reversed",
                text=text,
                freezes=Freezes.WALLET,
            )
        if common < stands.settled:
            text = (
                f"{self._network}: blocks {common + 1} to {stands.scanned} were replaced, although up to "
                f"{stands.settled} they counted as final; {len(lost)} credits were taken back"
            )
            key = f"deep:{common}:{'' if old is None else old.hex()}"
            events.record(
                tx,
                key=key,
                at_ms=at_ms,
                network=self._network,
                code="chain.reorganised_deep",
                text=text,
                freezes=Freezes.NETWORK,
            )

    async def _tell(self, key: str, code: str, text: str, freezes: Freezes) -> None:
        at_ms = self._clock.now_ms()
        await self._store.run(
            lambda tx: events.record(
                tx, key=key, at_ms=at_ms, network=self._network, code=code, text=text, freezes=freezes
            )
        )

    def _may_sweep(self, settled: int) -> bool:
        """Whether a round through all wallets is to begin."""
        return settled != self._swept_block and self._clock.now_ms() >= self._sweep_at_ms

    async def _sweep(self, stands: Position) -> bool:
        """True while a round through all wallets goes on."""
        if stands.swept == 0 and not self._may_sweep(stands.settled):
            return False
        if stands.swept == 0:
            self._sweep_at_ms = self._clock.now_ms() + self._plan.sweep_every_ms
            self._swept_block = stands.settled
        return not await self._settler.sweep(self._plan.sweep_wallets)
