"""A chain on paper behind the port of a node: blocks, balances and lies exactly as a test writes them.

It follows the rules of a chain (each block names its parent, balances belong to a block), so what is tested
is the follower, and every misbehaviour of the node is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keepcool.app.deposits.matching import EXECUTED, SAFE_RECEIVED, TRANSFER
from keepcool.chains.evm.address import raw_of
from keepcool.core.errors import Refused, Unavailable
from keepcool.ports.evmnode import At, Block, Header, Holding, Log, Receipt, Tag, Transaction

Balances = dict[tuple[str, str | None], int]
STRANGER = b"\x77" * 20


@dataclass(frozen=True)
class Page:
    """One block, its logs, who failed in it, and all balances after it."""

    block: Block
    logs: tuple[Log, ...]
    failed: frozenset[bytes]
    balances: Balances


@dataclass
class Event:
    """What happens in a block. A plain transaction by default; `moves` are the true balance changes."""

    plain: tuple[str, int] | None = None
    logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...] = ()
    moves: dict[tuple[str, str | None], int] = field(default_factory=dict)
    fails: bool = False


def sends(to: str, wei: int) -> Event:
    return Event(plain=(to, wei), moves={(to, None): wei})


def fails(to: str, wei: int) -> Event:
    return Event(plain=(to, wei), fails=True)


def inside(to: str, wei: int) -> Event:
    """Coins that arrive without a trace."""
    return Event(moves={(to, None): wei})


def transfers(token: str, to: str, units: int, arrives: int | None = None, sender: bytes = STRANGER) -> Event:
    """A Transfer log of `units`; `arrives` is what the token really moves."""
    topics = (TRANSFER, bytes(12) + sender, bytes(12) + raw_of(to))
    return Event(
        logs=((token, topics, units.to_bytes(32, "big")),),
        moves={(to, token): units if arrives is None else arrives},
    )


def received(safe: str, wei: int, sender: bytes = STRANGER) -> Event:
    log = (safe, (SAFE_RECEIVED, bytes(12) + sender), wei.to_bytes(32, "big"))
    return Event(logs=(log,), moves={(safe, None): wei})


def executes(safe: str, digest: bytes, moves: dict[tuple[str, str | None], int]) -> Event:
    return Event(logs=((safe, (EXECUTED, digest), bytes(32)),), moves=moves)


@dataclass
class PaperChain:
    pages: list[Page] = field(default_factory=list)
    branch: int = 0

    def __post_init__(self) -> None:
        if not self.pages:
            self.add()

    def add(self, *events: Event) -> Page:
        """One more block in which these happen."""
        number = len(self.pages)
        parent = self.pages[-1].block.header.hash if self.pages else bytes(32)
        block_hash = hashlib.sha256(b"%d|%d|" % (number, self.branch) + parent).digest()
        header = Header(number, block_hash, parent, 1000 + number, 1, 30_000_000)
        balances = dict(self.pages[-1].balances) if self.pages else {}
        made: list[Transaction] = []
        logs: list[Log] = []
        failed: set[bytes] = set()
        for index, event in enumerate(events):
            name = hashlib.sha256(block_hash + b"%d" % index).digest()
            to, wei = event.plain or ("0x" + "99" * 20, 0)
            made.append(Transaction(name, STRANGER, raw_of(to), wei, 0, b"", index, number, block_hash))
            for address, topics, data in event.logs:
                logs.append(Log(raw_of(address), topics, data, len(logs), name, number, block_hash))
            for key, change in event.moves.items():
                balances[key] = balances.get(key, 0) + change
            failed |= {name} if event.fails else set()
        page = Page(Block(header, tuple(made)), tuple(logs), frozenset(failed), balances)
        self.pages.append(page)
        return page

    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.add()

    def reorganise(self, depth: int, *events: Event) -> None:
        """Another branch replaces the newest `depth` blocks, as long as before; `events` are in its first."""
        length = len(self.pages)
        self.pages = self.pages[: length - depth]
        self.branch += 1
        self.add(*events)
        self.mine(length - len(self.pages))

    def copy(self) -> PaperChain:
        return replace(self, pages=list(self.pages))


@dataclass
class PaperNode:
    """`fails_every` n: each n-th question gets no answer. `lies` are added to balances. `silent` tokens do
    not answer."""

    chain: PaperChain
    fails_every: int = 0
    lies: dict[tuple[str, str | None], int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    finalized_behind: int = 2
    asked: int = 0

    async def check(self) -> Header:
        self._asked()
        return self.chain.pages[-1].block.header

    async def header(self, at: At) -> Header | None:
        self._asked()
        page = self._page(at)
        return None if page is None else page.block.header

    async def block(self, at: int | bytes) -> Block | None:
        self._asked()
        page = self._page(at)
        return None if page is None else page.block

    async def logs(
        self, block_hash: bytes, *, addresses: Sequence[str], topics: Sequence[Sequence[bytes]]
    ) -> tuple[Log, ...]:
        self._asked()
        page = self._page(block_hash)
        if page is None:
            raise Unavailable("node.block_unknown", "no such block")
        named = {raw_of(address) for address in addresses}
        firsts = set(topics[0])
        return tuple(
            log for log in page.logs if log.topics[0] in firsts and (not named or log.address in named)
        )

    async def balances(self, holdings: Sequence[Holding], at: At) -> list[int]:
        self._asked()
        page = self._page(at)
        if page is None:
            raise Unavailable("node.block_unknown", "no such block")
        if any(one.token in self.silent for one in holdings):
            raise Refused("node.reverted", "this token does not answer")
        keys = [(one.address, one.token) for one in holdings]
        return [page.balances.get(key, 0) + self.lies.get(key, 0) for key in keys]

    async def receipt(self, transaction: bytes) -> Receipt | None:
        self._asked()
        for page in self.chain.pages:
            if any(one.hash == transaction for one in page.block.transactions):
                header, good = page.block.header, transaction not in page.failed
                return Receipt(transaction, good, 21_000, 1, header.number, header.hash, ())
        return None

    def _page(self, at: At) -> Page | None:
        if isinstance(at, bytes):
            return next((page for page in self.chain.pages if page.block.header.hash == at), None)
        number = max(len(self.chain.pages) - 1 - self.finalized_behind, 0) if isinstance(at, Tag) else at
        return self.chain.pages[number] if number < len(self.chain.pages) else None

    def _asked(self) -> None:
        self.asked += 1
        if self.fails_every and self.asked % self.fails_every == 0:
            raise Unavailable("node.timeout", "this node did not answer in time")
