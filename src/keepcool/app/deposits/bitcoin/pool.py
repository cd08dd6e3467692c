"""Looking into the nodes' pool of transactions that are in no block yet.

Laws: what is there is shown as pending and never credited; a coin of ours that is spent there counts as
spent; what is not there any more counts as gone only when no block came in between. A bounded number is read
at once, and a large pool is listed less often; names that no node can show keep no others from being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from keepcool.app.deposits.bitcoin import recording, undoing
from keepcool.app.deposits.bitcoin.recall import NoRecall, Recall
from keepcool.app.deposits.bitcoin.recording import POOL, Sight, Terms
from keepcool.app.deposits.bitcoin.watched import Watched
from keepcool.app.store import Store
from keepcool.chains.bitcoin.scanning import Hit, Watch, scan_transaction
from keepcool.core.errors import Malformed
from keepcool.ports.bitcoinnode import BitcoinNode, BlockId
from keepcool.ports.system import Clock

READ_AT_ONCE = 1_000
NAMES_PER_MS = 10  # a hundred thousand are listed every ten seconds


@dataclass(slots=True)
class Pool:
    """`_seen`: what was read already; asked for again after a start. `_absent`: asked for in vain, and not
    again before all others were."""

    terms: Terms
    node: BitcoinNode
    store: Store
    watched: Watched
    clock: Clock
    recall: Recall = field(default_factory=NoRecall)
    _seen: frozenset[str] = frozenset()
    _absent: frozenset[str] = frozenset()
    _again_at_ms: int = 0

    async def look(self, tip: BlockId) -> bool:
        """`tip`: the last block read. True when there is more to read at once."""
        if self.clock.now_ms() < self._again_at_ms:
            return False
        names = await self.node.mempool()
        fresh = sorted(names - self._seen - self._absent)
        some = fresh[:READ_AT_ONCE]
        told = await self.node.raw_transactions(some) if some else []
        raws = {name: raw for name, raw in zip(some, told, strict=True) if raw is not None}
        if raws:
            while not await self.store.run(self.watched.refresh):
                pass
            await self._record(list(raws.values()))
        self._seen = (self._seen & names) | raws.keys()
        if len(fresh) > len(some):
            self._absent |= set(some) - raws.keys()
            return True
        self._absent = frozenset()
        self._again_at_ms = self.clock.now_ms() + len(names) // NAMES_PER_MS
        if await self.node.tip() == tip:
            at_ms = self.clock.now_ms()
            await self.store.run(lambda tx: undoing.vanish(tx, self.terms.network, names, at_ms))
        return False

    async def _record(self, raws: Sequence[bytes]) -> None:
        hits = _hits(raws, self.watched.watch)
        while await self.recall.explain(hits):
            while not await self.store.run(self.watched.refresh):
                pass
            hits = _hits(raws, self.watched.watch)
        if hits:
            sight = Sight(self.terms, POOL, self.clock.now_ms())
            await self.store.run(lambda tx: recording.record(tx, sight, hits))


def _hits(raws: Sequence[bytes], watch: Watch) -> list[Hit]:
    """A pool has no order: what spends an output of the same lot is found in a second pass."""
    before = len(watch.outpoints)
    hits = _scanned(raws, watch)
    while len(watch.outpoints) > before:
        before = len(watch.outpoints)
        hits = _scanned(raws, watch)
    return hits


def _scanned(raws: Sequence[bytes], watch: Watch) -> list[Hit]:
    found = []
    for raw in raws:
        try:
            hit = scan_transaction(raw, watch)
        except Malformed:
            continue  # of a form that no block we can read may hold
        if hit is not None:
            found.append(hit)
    return found
