"""Following one network of the Bitcoin family: read new blocks, walk back when they were replaced, credit
what is deep enough, look into the pool.

Laws: each step is bounded and stands on what the database says, so a crash between any two lines loses and
doubles nothing; an erring node changes nothing; a block is fetched before the watched addresses are
refreshed, or, far behind, passed over for its filter (`passing`); where all blocks were read and nothing is
to be settled, only the pool is looked into until the chain moves; a reorganisation is believed only block by
block, and one that is deeper than the hashes kept freezes the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from keepcool.app.deposits import events, position
from keepcool.app.deposits.bitcoin import fetching, gathering, passing, recording, settling, undoing
from keepcool.app.deposits.bitcoin.passing import Passing
from keepcool.app.deposits.bitcoin.pool import Pool
from keepcool.app.deposits.bitcoin.recall import NoRecall, Recall
from keepcool.app.deposits.bitcoin.recording import Sight, Terms, Where
from keepcool.app.deposits.bitcoin.watched import Watched
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.position import BLOCKS_KEPT, Position
from keepcool.app.deposits.progress import Progress
from keepcool.app.store import Store
from keepcool.chains.bitcoin.scanning import Scanned, prove, scan
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.ports.bitcoinnode import BitcoinNode, BlockId
from keepcool.ports.system import Clock

BLOCKS_AT_ONCE = 32
HASHES_AT_ONCE = 64
LOTS_AT_ONCE = 5
BEGUN_BELOW = 100  # the newest block may be replaced in the next minute


@dataclass(frozen=True, slots=True)
class Plan:
    """What to follow. `start_block` 0 begins a little below the newest block: no wallet of ours is older than
    its App."""

    terms: Terms
    start_block: int = 0
    filters: bool = True


@dataclass(frozen=True, slots=True)
class _Round:
    """Through all that is pending at the height `scanned`: `after` is the last deposit looked at, None when
    all were."""

    scanned: int
    after: int | None


class Follower:
    """`node` answers only what as many nodes say as must agree. `recall`: who may explain a spending that no
    draft of these books does."""

    def __init__(
        self, plan: Plan, node: BitcoinNode, store: Store, clock: Clock, recall: Recall | None = None
    ) -> None:
        self._plan, self._node, self._store, self._clock = plan, node, store, clock
        self._recall = recall or NoRecall()
        self._terms, self._network = plan.terms, plan.terms.network
        self._watched = Watched(self._network)
        self._settling = _Round(-1, 0)
        self._rest: tuple[BlockId, Progress] | None = None
        self._passing = Passing(plan.terms, node, store, self._watched, allowed=plan.filters)
        self._pool = Pool(plan.terms, node, store, self._watched, clock, self._recall)

    async def step(self) -> Progress:
        """One bounded round. Raises Unavailable when a node is away or lags (ask again later), Breach when
        what the nodes say cannot be believed."""
        tip = (await self._node.check()).tip
        rest, self._rest = self._rest, None
        if rest is not None and rest[0] == tip:
            progress = replace(rest[1], busy=await self._pool.look(tip))
        else:
            progress, is_read = await self._round(tip)
            if not is_read or self._settling != _Round(tip.height, None):
                return progress
        self._rest = tip, progress
        return progress

    async def _round(self, tip: BlockId) -> tuple[Progress, bool]:
        """And whether this tip is the last block that was read."""
        stands = await self._begun(tip)
        moved = await self._scan(tip, stands)
        after = await self._position() if moved else stands
        moved = await self._settle(after.scanned) or moved
        is_read = after.scanned == tip.height and await self._hash(tip.height) == tip.hash
        if is_read:
            moved = await self._pool.look(tip) or moved
        after = await self._position()
        return Progress(tip.height, after.scanned, after.settled, moved), is_read

    async def _begun(self, tip: BlockId) -> Position:
        stands = await self._store.read(lambda tx: position.read(tx, self._network))
        if stands is not None:
            return stands
        start = self._plan.start_block
        number = start - 1 if start > 0 else max(tip.height - BEGUN_BELOW, 0)
        block_hash = tip.hash if number == tip.height else await self._node.block_hash(number)
        if block_hash is None:
            text = f"{self._network}: the node lacks block {number}, the first one"
            raise Unavailable("node.lagging", text)
        first = bytes.fromhex(block_hash)
        await self._store.run(lambda tx: position.begin(tx, self._network, number, first))
        return await self._position()

    async def _position(self) -> Position:
        stands = await self._store.read(lambda tx: position.read(tx, self._network))
        if stands is None:
            raise Breach("deposits.position", f"{self._network}: the follower's position is gone")
        return stands

    async def _scan(self, tip: BlockId, stands: Position) -> bool:
        """Whether the position moved, on or back."""
        if tip.height <= stands.scanned:
            return await self._stands_still(tip, stands)
        known = await self._hash(stands.scanned)
        far = await self._passing.is_open(stands.scanned + 1, tip.height)
        last = min(tip.height, stands.scanned + (passing.BLOCKS_AT_ONCE if far else BLOCKS_AT_ONCE))
        numbers = range(stands.scanned + 1, last + 1)
        told = await self._node.block_hashes(numbers)
        whole = [one for one in told[: (*told, None).index(None)] if one is not None]
        hashes = dict(zip(numbers, whole, strict=False))
        quiet = await self._passing.quiet(hashes, tip.height) if far else frozenset[int]()
        read = {number: one for number, one in hashes.items() if number not in quiet}
        async with aclosing(fetching.blocks(self._node, list(read.values()))) as coming:
            for number, block_hash in read.items():
                known = (await self._pass_to(number, hashes) if quiet else None) or known
                raw = await anext(coming)
                found = await self._read(block_hash, raw)
                if found.previous != known:
                    await self._walk_back(await self._position(), number - 1)
                    return True
                await self._passing.check(block_hash, raw)
                await self._remember(number, block_hash, found)
                known = block_hash
        if quiet:
            await self._pass_to(last + 1, hashes)
        return bool(hashes)

    async def _pass_to(self, number: int, hashes: Mapping[int, str]) -> str | None:
        """Past the blocks before this one that need not be read; the last one's hash, None where it was
        read."""

        def work(tx: Connection) -> str | None:
            stands = position.read(tx, self._network)
            first = number if stands is None else stands.scanned + 1
            passed = [one for one in range(first, number) if one in hashes]
            for one in passed:
                position.advance(tx, self._network, one, bytes.fromhex(hashes[one]))
            return hashes[passed[-1]] if passed else None

        return await self._store.run(work)

    async def _stands_still(self, tip: BlockId, stands: Position) -> bool:
        """Nothing new, the node lags behind what was read, or it has left our chain for a shorter one."""
        ours = await self._hash(tip.height)
        if ours is None:
            raise Unavailable("node.lagging", f"{self._network}: the node is far behind, at {tip.height}")
        if tip.hash != ours:
            await self._walk_back(stands, tip.height)
            return True
        if tip.height < stands.scanned:
            raise Unavailable("node.lagging", f"{self._network}: the node is behind, at {tip.height}")
        return False

    async def _read(self, block_hash: str, raw: bytes) -> Scanned:
        """`raw` was fetched before the addresses are read again."""
        found = await self._scanned(block_hash, raw)
        while await self._recall.explain(found.hits):
            found = await self._scanned(block_hash, raw)
        return found

    async def _scanned(self, block_hash: str, raw: bytes) -> Scanned:
        while not await self._store.run(self._watched.refresh):
            pass
        try:
            found = scan(raw, self._watched.watch, self._terms.row, block_hash)
            if found.hits:
                prove(raw, self._terms.row)
        except Malformed as error:
            raise Unavailable("node.nonsense", f"block {block_hash}: {error.public}") from error
        return found

    async def _remember(self, number: int, block_hash: str, found: Scanned) -> None:
        sight = Sight(self._terms, Where(number, block_hash), self._clock.now_ms())

        def work(tx: Connection) -> None:
            position.advance(tx, self._network, number, bytes.fromhex(block_hash))
            recording.record(tx, sight, found.hits)
            self._watched.forget_spent(tx, number - BLOCKS_KEPT)

        await self._store.run(work)

    async def _hash(self, number: int) -> str | None:
        found = await self._store.read(lambda tx: position.hash_at(tx, self._network, number))
        return None if found is None else found.hex()

    async def _settle(self, scanned: int) -> bool:
        """True when more is to be looked at, and never twice for one block."""
        if self._settling.scanned != scanned:
            self._settling = _Round(scanned, 0)
        at_ms, after = self._clock.now_ms(), self._settling.after
        if after is None:
            return False
        for _ in range(LOTS_AT_ONCE):
            work = partial(settling.settle, terms=self._terms, scanned=scanned, after=after, at_ms=at_ms)
            after = (await self._store.run(work)).after
            self._settling = _Round(scanned, after)
            if after is None:
                break
        if after is not None:
            return True
        await self._store.run(partial(gathering.gather, terms=self._terms, scanned=scanned, at_ms=at_ms))
        await self._store.run(lambda tx: self._recall.book(tx, scanned, at_ms))
        least = min(depth for _, depth in self._terms.row.confirmations)
        await self._store.run(lambda tx: _settled_to(tx, self._plan.terms, scanned - least + 1))
        return False

    async def _walk_back(self, stands: Position, top: int) -> None:
        """Finds the last block both the chain and we have, and forgets those above it."""
        common = await self._common(top)
        if common is None:
            text = (
                f"{self._network}: none of the last {BLOCKS_KEPT} blocks we read is on the node's chain; "
                "is it another chain? nothing is changed until it is again ours"
            )
            await self._store.run(lambda tx: self._tell(tx, "no-common", "chain.no_common_block", text))
            raise Breach("chain.no_common_block", text)
        await self._store.run(lambda tx: self._undo(tx, stands, common))

    async def _common(self, top: int) -> int | None:
        lowest = max(top - BLOCKS_KEPT, -1)
        while top > lowest:
            numbers = range(top, max(top - HASHES_AT_ONCE, lowest), -1)
            for number, theirs in zip(numbers, await self._node.block_hashes(numbers), strict=True):
                ours = await self._hash(number)
                if ours is None:
                    return None
                if theirs == ours:
                    return number
            top = numbers[-1] - 1
        return None

    def _undo(self, tx: Connection, stands: Position, common: int) -> None:
        at_ms = self._clock.now_ms()
        old = position.hash_at(tx, self._network, stands.scanned)
        lost = undoing.undo(tx, self._network, common, at_ms)
        for one in lost:
            events.record(
                tx,
                key=f"reversed:{one.ledger_name}",
                at_ms=at_ms,
                network=self._network,
                wallet=one.claim.wallet,
                code="deposit.reversed",
                text=f"deposit {one.id} of wallet {one.claim.wallet} vanished after it was credited",
                freezes=Freezes.WALLET,
            )
        if lost:
            text = (
                f"{self._network}: blocks {common + 1} to {stands.scanned} were replaced, although deposits "
                f"in them were deep enough to be credited; {len(lost)} credits were taken back"
            )
            name = f"deep:{common}:{'' if old is None else old.hex()}"
            self._tell(tx, name, "chain.reorganised_deep", text)

    def _tell(self, tx: Connection, key: str, code: str, text: str) -> None:
        events.record(
            tx,
            key=key,
            at_ms=self._clock.now_ms(),
            network=self._network,
            code=code,
            text=text,
            freezes=Freezes.NETWORK,
        )


def _settled_to(tx: Connection, terms: Terms, number: int) -> None:
    stands = position.read(tx, terms.network)
    if stands is not None and stands.settled < number:
        position.settled_to(tx, terms.network, number)
