"""One chain: a mempool, and blocks made from it.

Laws: first in, first out, and no replacement by price; one transaction of a sender waits at a time and the
list of senders is cleared at every block; the same bytes are taken once, unless they failed in a block.
Specification: Tendermint 0.34's mempool; minter-go-node, coreV2/minter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from keepcool.devnet import execution, fees
from keepcool.devnet.decoding import Tx, decode
from keepcool.devnet.execution import Outcome, Rules, shown
from keepcool.devnet.ledger import Account, Coin, Ledger
from keepcool.devnet.rejections import CallError, Code, Rejection, unsupported
from keepcool.devnet.store import Block, Store, StoredTx

CACHE_MAX, POOL_MAX, BLOCK_GAS_MAX = 10_000, 10_000, 100_000


@dataclass(frozen=True, slots=True)
class Genesis:
    """Who has what before the first block, and which coins there are beside the base coin."""

    balances: Sequence[tuple[bytes, int, int]] = ()
    coins: Sequence[Coin] = ()


class Chain:
    """Not for several threads. `now_ms` is the clock that dates blocks."""

    def __init__(
        self, rules: Rules, genesis: Genesis, store: Store, now_ms: Callable[[], int], keep: int = 120
    ) -> None:
        self.rules, self.store, self.keep, self._now_ms = rules, store, keep, now_ms
        base = Coin(0, "BIP" if rules.chain_id == 1 else "MNT")
        self.ledger = Ledger([base, *genesis.coins], keep)
        self.waiting: OrderedDict[bytes, Tx] = OrderedDict()
        self._senders: set[bytes] = set()
        self._cache: OrderedDict[bytes, None] = OrderedDict()
        self._gifts: list[tuple[bytes, int, int, str]] = []
        self._foreign: list[bytes] = []
        self.new_block: Sequence[Callable[[Block, Sequence[StoredTx]], None]] = ()
        self._begin(genesis)

    @property
    def height(self) -> int:
        return self.tip.height

    def min_gas_price(self) -> int:
        return fees.min_gas_price(len(self.waiting))

    def take(self, raw: bytes) -> bytes:
        """Into the mempool; the hash. Raises Rejection, or CallError 409 for bytes that were taken before."""
        tx_hash = sha256(raw).digest()
        if tx_hash in self._cache:
            raise CallError(409, "tx already exists in cache")
        if len(self.waiting) >= POOL_MAX:
            raise CallError(400, f"mempool is full: number of txs {POOL_MAX} (max: {POOL_MAX})")
        plan = execution.check(self.ledger, self.rules, raw, self.min_gas_price())
        if plan.sender in self._senders:
            text = f"Tx from {shown(plan.sender)} already exists in mempool"
            data = {"sender": shown(plan.sender), "block_height": str(self.height)}
            raise Rejection(Code.IN_MEMPOOL, text, data)
        self._senders.add(plan.sender)
        self._remember(tx_hash)
        self.waiting[tx_hash] = plan.tx
        return tx_hash

    def inject(self, raw: bytes) -> bytes:
        """Into the next block, as another node's proposal would bring it: this mempool is not asked."""
        tx = decode(raw)
        if tx.kind not in _EXECUTED:
            raise unsupported(tx.kind, tx.name)
        self._foreign.append(raw)
        return tx.hash

    def give(self, address: bytes, coin: int, pip: int, event: str) -> None:
        """Coins out of nothing with the next block, told by an event of this name."""
        self._gifts.append((address, coin, pip, event))

    def drop(self) -> int:
        """Forgets what waits; how many."""
        dropped = len(self.waiting)
        for tx_hash in self.waiting:
            self._cache.pop(tx_hash, None)
        self.waiting.clear()
        self._senders.clear()
        return dropped

    def commit(self) -> Block:
        """Makes the next block."""
        height = self.height + 1
        results = [(raw, execution.deliver(self.ledger, self.rules, raw)) for raw in self._reaped()]
        txs = [_stored(height, place, raw, outcome) for place, (raw, outcome) in enumerate(results)]
        events = [self._given(*gift) for gift in self._gifts]
        self._gifts.clear()
        block = self._sealed(height, txs, events)
        marked = [(tx, _marks(tx, outcome)) for tx, (_, outcome) in zip(txs, results, strict=True)]
        self.store.append(block, marked, self.ledger.close(height), self.ledger)
        self.tip = block
        for tx in txs:
            if tx.code:
                self._cache.pop(tx.hash, None)
            else:
                self._remember(tx.hash)
        for tell in self.new_block:
            tell(block, txs)
        return block

    def account(self, address: bytes, height: int | None = None) -> Account:
        """Raises CallError 404 for a height whose state is no longer, or not yet, kept."""
        if not height:
            return self.ledger.account(address)
        if not self.height - self.keep < height <= self.height:
            raise CallError(404, f"State at height {height} not found")
        return self.ledger.at(address, height)

    def _begin(self, genesis: Genesis) -> None:
        found = self.store.tip()
        if found is not None:
            self.store.fill(self.ledger, self.keep)
            self.tip = found
            return
        for address, coin, pip in genesis.balances:
            self.ledger.add(address, coin, pip)
        self.tip = Block(0, "00" * 32, self._now_ms(), ())
        self.commit()

    def _reaped(self) -> list[bytes]:
        gas, reaped = 0, []
        for tx_hash, tx in list(self.waiting.items()):
            gas += fees.gas(tx)
            if gas > BLOCK_GAS_MAX:
                break
            reaped.append(tx.raw)
            del self.waiting[tx_hash]
        self._senders.clear()
        foreign, self._foreign = self._foreign, []
        return foreign + reaped

    def _given(self, address: bytes, coin: int, pip: int, event: str) -> dict[str, str]:
        self.ledger.add(address, coin, pip)
        told = {"address": shown(address), "amount": str(pip), "coin": str(coin)}
        return {"@type": f"type.googleapis.com/api_pb.{event}"} | told

    def _sealed(self, height: int, txs: Sequence[StoredTx], events: Sequence[dict[str, str]]) -> Block:
        time_ms = max(self._now_ms(), self.tip.time_ms + 1)
        parts = [self.tip.hash, str(height), str(time_ms), *[tx.hash.hex() for tx in txs]]
        return Block(height, sha256("|".join(parts).encode()).hexdigest(), time_ms, events)

    def _remember(self, tx_hash: bytes) -> None:
        self._cache[tx_hash] = None
        while len(self._cache) > CACHE_MAX:
            self._cache.popitem(last=False)


_EXECUTED = (execution.SEND, execution.MULTISEND, execution.CREATE_MULTISIG, execution.EDIT_MULTISIG)


def _stored(height: int, place: int, raw: bytes, outcome: Outcome) -> StoredTx:
    return StoredTx(
        height, place, sha256(raw).digest(), raw, outcome.code, outcome.log, outcome.tags, outcome.gas
    )


def _marks(tx: StoredTx, outcome: Outcome) -> list[tuple[str, str]]:
    """Indexed tags: each recipient of its own, not their list."""
    names = ("tx.from", "tx.type", "tx.created_multisig", "tx.fail", "tx.commission_coin", "tx.coin_id")
    found = [(name, outcome.tags[name]) for name in names if name in outcome.tags]
    height = ("tx.height", str(tx.height))
    return [height, *found, *[("tx.to", to.hex()) for to in outcome.recipients]]
