"""The chain read from the wallets' birth on, until no address is left that could hold a coin.

Laws: a branch is done when `gap` addresses behind the last one ever paid to (and the last one issued) were
looked for in all blocks (a tenth more is looked for at once: a second reading costs far more); the scripts of
one reading are bounded, so memory is; what was read stays read, and a reorganisation takes back exactly what
it undid. The node is believed as far as its adapter proves it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, cast

from keepcool.chains.bitcoin.filters import Sought
from keepcool.chains.bitcoin.restoring import Backup, spelled_backup
from keepcool.chains.bitcoin.scanning import Hit, Paid, Watch
from keepcool.chains.bitcoin.scanning import scan as scan_block
from keepcool.chains.bitcoin.transaction import shown
from keepcool.core.errors import Breach, Conflict, Malformed, Unavailable
from keepcool.local.restoring import filtering
from keepcool.local.restoring.deriving import Span
from keepcool.local.restoring.filtering import Filtered, Filtering
from keepcool.local.restoring.index import ScriptIndex
from keepcool.local.restoring.store import FoundCoin, Pass, Store
from keepcool.ports.bitcoinnode import BlockId

GAP = 100_000
SCRIPTS_MAX = 4_000_000  # of one reading: about 100 MB
_AHEAD = 8
_TELL_EVERY = 1_000
_SPARE = 10  # a tenth of the gap
_INDEX_LIMIT = 2**31
_TIME = slice(68, 72)  # in a block's header
_CLOCKS_S = 24 * 3600  # how far clocks and blocks' times may be apart
Say: TypeAlias = Callable[[str], None]
_Block: TypeAlias = tuple[int, str, bytes | None]  # height, hash, bytes; None: left unread


class Chain(Filtered, Protocol):
    """What a scan asks of a node."""

    async def tip(self) -> BlockId: ...

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]: ...

    async def raw_block(self, block_hash: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Track:
    """One branch of the backup: which wallet, which of its descriptors, which alternative."""

    wallet: int
    descriptor: int
    choice: int


def tracks_of(backup: Backup) -> list[Track]:
    """All branches, in an order that the same file always gives."""
    return [
        Track(wallet, number, choice)
        for wallet, kept in enumerate(backup.wallets)
        for number, descriptor in enumerate(kept.descriptors)
        for choice in range(descriptor.choices)
    ]


async def scan(
    backup: Backup, node: Chain, store: Store, say: Say, gap: int = GAP, *, filtered: bool = True
) -> int:
    """Reads what is not read yet; returns the height up to which all is known. `filtered`: where the node has
    filters, they say what need not be read. Raises Conflict when `store` belongs to other descriptors, or
    trusted filters when none shall be; Refused or Unavailable from the node; Breach when a filter lies."""
    check_gap(gap)
    store.claim(fingerprint(backup))
    if store.unread() and not filtered:
        text = "this state file's scan left blocks unread, trusting filters; name another with --state"
        raise Conflict("restore.state", text)
    await _step_back(node, store, say)
    reading = _Reading(backup, node, store, say, filtered=filtered)
    for one in store.passes():
        await reading.finish(one)
    while True:
        wanted = reading.wanted(gap)
        if wanted:
            first = await reading.birth()
            await reading.finish(store.add_pass(wanted, first, max(first, await reading.target())))
            continue
        tip = await node.tip()
        missed = reading.missed(tip.height)
        if not missed:
            return tip.height
        for spans, first in missed:
            await reading.finish(store.add_pass(spans, first, tip.height))


class _Reading:
    """One run over the chain; what it knows beyond the store can be lost at any moment."""

    def __init__(self, backup: Backup, node: Chain, store: Store, say: Say, *, filtered: bool) -> None:
        self._backup, self._node, self._store, self._say = backup, node, store, say
        self._filtered = filtered
        self._tracks = tracks_of(backup)

    async def target(self) -> int:
        """Readings of one run end at one height; later blocks are read at the end, for all scripts."""
        ends = [one.last for one in self._store.passes()]
        return max(ends) if ends else (await self._node.tip()).height

    async def birth(self) -> int:
        """The first block to read: known by its height, else found by the time the wallets were made."""
        begun = [one.first for one in self._store.passes()]
        if begun:
            return min(begun)
        if self._backup.birth_height or not self._backup.born_s:
            return self._backup.birth_height
        low, high = 0, (await self._node.tip()).height
        while low < high:
            middle = (low + high + 1) // 2
            (block_hash,) = await self._hashes([middle])
            raw = await self._node.raw_block(block_hash)
            early = int.from_bytes(raw[_TIME], "little") <= self._backup.born_s - _CLOCKS_S
            low, high = (middle, high) if early else (low, middle - 1)
        self._say(f"the wallets were made after block {low}")
        return low

    def wanted(self, gap: int) -> tuple[tuple[int, int, int], ...]:
        """The next spans to look for, at most SCRIPTS_MAX addresses; none when every branch is done."""
        used, done = self._store.used(), _ends(self._store.passes())
        spans: list[tuple[int, int, int]] = []
        room = SCRIPTS_MAX
        for number, track in enumerate(self._tracks):
            first = done.get(number, 0)
            end = end_of(self._backup, track, used.get(number, -1), gap, first)
            if first < end and room:
                spans.append((number, first, min(end, first + room)))
                room -= spans[-1][2] - first
        return tuple(spans)

    def missed(self, tip: int) -> list[tuple[tuple[tuple[int, int, int], ...], int]]:
        """What was looked for only in blocks below the tip, and from where on to go on."""
        behind: dict[int, list[tuple[int, int, int]]] = {}
        for span, last in _read_up_to(self._store.passes()).items():
            if last < tip:
                behind.setdefault(last + 1, []).append(span)
        return [(bounded, first) for first, spans in behind.items() for bounded in _bounded(spans)]

    async def finish(self, one: Pass) -> None:
        if one.done >= one.last:
            return
        count = sum(end - first for _, first, end in one.spans)
        self._say(f"deriving {count} addresses")
        spans = [self._span(*span) for span in one.spans]
        index = await asyncio.to_thread(ScriptIndex, spans)
        by = await self._filtering(spans, one.last)
        watch = Watch(cast(set[bytes], index), set(map(_outpoint, self._store.coins())))
        self._say(f"reading blocks {one.done + 1} to {one.last}")
        heights = range(one.done + 1, one.last + 1)
        async for blocks in self._ahead(heights, by):
            await asyncio.to_thread(self._take, one, index, watch, blocks)
            last = blocks[-1][0]
            if (last + 1) // _TELL_EVERY != blocks[0][0] // _TELL_EVERY or last == one.last:
                self._say(f"block {last} of {one.last}: {len(watch.outpoints)} coins")

    async def _filtering(self, spans: Sequence[Span], last: int) -> Filtering | None:
        """None where blocks are read as they come."""
        if not self._filtered or not (await self._node.capabilities()).filters:
            return None
        count = sum(map(len, spans))
        if count > filtering.SCRIPTS_MAX:
            self._say(f"the node has filters, and {count} addresses are quicker looked for in whole blocks")
            return None
        sought = await asyncio.to_thread(lambda: Sought(script for one in spans for script in one.scripts()))
        return Filtering(self._node, self._backup.network, sought, last)

    async def _ahead(self, heights: Sequence[int], by: Filtering | None) -> AsyncIterator[list[_Block]]:
        """Some blocks at a time; the next are on their way while these are looked through."""
        size = _AHEAD if by is None else filtering.AT_ONCE
        parts = [heights[start : start + size] for start in range(0, len(heights), size)]
        coming = [asyncio.ensure_future(self._blocks(part, by)) for part in parts[:1]]
        try:
            for part in [*parts[1:], None]:
                blocks = await coming.pop()
                coming += [asyncio.ensure_future(self._blocks(part, by))] if part is not None else []
                yield blocks
        finally:
            for one in coming:
                one.cancel()

    def _take(self, one: Pass, index: ScriptIndex, watch: Watch, blocks: Sequence[_Block]) -> None:
        with self._store.together():
            for height, block_hash, raw in blocks:
                if raw is not None:
                    self._read(index, watch, (height, block_hash, raw))
                self._store.read(one, height, block_hash, trusted=raw is None)

    async def _hashes(self, heights: Sequence[int]) -> list[str]:
        hashes = [found for found in await self._node.block_hashes(heights) if found is not None]
        if len(hashes) < len(heights):
            raise Unavailable("restore.chain", "the node has fewer blocks than before; scan again")
        return hashes

    async def _blocks(self, heights: Sequence[int], by: Filtering | None) -> list[_Block]:
        hashes = await self._hashes(heights)
        if by is None:
            raws = await asyncio.gather(*(self._node.raw_block(found) for found in hashes))
            return list(zip(heights, hashes, raws, strict=True))
        told = await by.told(hashes)
        worth = await by.worth(heights, hashes, told)
        found: list[_Block] = []
        for height, block_hash, said, read in zip(heights, hashes, told, worth, strict=True):
            raw = await self._node.raw_block(block_hash) if read else None
            if raw is not None and said is not None:
                await by.check(height, block_hash, said, raw)
            found.append((height, block_hash, raw))
        return found

    def _read(self, index: ScriptIndex, watch: Watch, block: tuple[int, str, bytes]) -> None:
        height, block_hash, raw = block
        coins: list[FoundCoin] = []
        made: dict[str, bytes] = {}
        spent: list[tuple[str, int]] = []
        for hit in scan_block(raw, watch, self._backup.network, block_hash).hits:
            spent += [(shown(out[:32]), int.from_bytes(out[32:], "little")) for out in hit.spent]
            watch.outpoints.difference_update(hit.spent)
            if hit.paid:
                made[hit.txid] = hit.stripped
            coins += [_coin(index, hit, paid, height) for paid in hit.paid]
        self._store.add(coins, made.items())
        self._store.spend(spent, height)

    def _span(self, number: int, first: int, end: int) -> Span:
        track = self._tracks[number]
        descriptor = self._backup.wallets[track.wallet].descriptors[track.descriptor]
        return Span(number, descriptor.branch(track.choice), first, end)


def check_gap(gap: int) -> None:
    """Raises Malformed."""
    if not 1 <= gap < _INDEX_LIMIT:
        raise Malformed("restore.gap", f"a gap is from 1 to {_INDEX_LIMIT - 1} addresses")


def end_of(backup: Backup, track: Track, used: int, gap: int, done: int) -> int:
    """How far a branch is looked through: `used` is the last index that is known to be used, up to `done` it
    was looked for."""
    wallet = backup.wallets[track.wallet]
    if not wallet.descriptors[track.descriptor].ranged:
        return 1
    issued = wallet.issued.get((track.descriptor, track.choice), -1)
    end = max(issued, used) + 1 + gap
    # what was looked for with some to spare is enough
    return min(end if end <= done else end + gap // _SPARE, _INDEX_LIMIT)


async def _step_back(node: Chain, store: Store, say: Say) -> None:
    """To the last block read that is still in the chain."""
    known = store.hashes()
    if not known:
        return
    there = await node.block_hashes([height for height, _ in known])
    for (height, block_hash), now in zip(known, there, strict=True):
        if block_hash == now:
            if height != known[0][0]:
                say(f"the chain was reorganised: back to block {height}")
                store.undo(height)
            return
    raise Conflict(
        "restore.reorganised",
        f"none of the last {len(known)} blocks read is in this node's chain; begin with a new state file",
    )


def _coin(index: ScriptIndex, hit: Hit, paid: Paid, height: int) -> FoundCoin:
    found = index.find(paid.script)
    if found is None:
        raise Breach("restore.index", f"{hit.txid} pays to an address that is not found again")
    return FoundCoin(hit.txid, paid.vout, found.track, found.index, paid.amount_sat, height, hit.coinbase)


def _outpoint(coin: FoundCoin) -> bytes:
    """As on the wire."""
    return bytes.fromhex(coin.txid)[::-1] + coin.vout.to_bytes(4, "little")


def _ends(passes: Sequence[Pass]) -> dict[int, int]:
    """By track, how many of its addresses were looked for."""
    found: dict[int, int] = {}
    for number, _, end in (span for one in passes for span in one.spans):
        found[number] = max(end, found.get(number, 0))
    return found


def _read_up_to(passes: Sequence[Pass]) -> Mapping[tuple[int, int, int], int]:
    """By span the last block it was looked for in."""
    found: dict[tuple[int, int, int], int] = {}
    for one in passes:
        for span in one.spans:
            found[span] = max(one.done, found.get(span, -1))
    return found


def _bounded(spans: Sequence[tuple[int, int, int]]) -> Iterator[tuple[tuple[int, int, int], ...]]:
    part: list[tuple[int, int, int]] = []
    count = 0
    for span in spans:
        if part and count + span[2] - span[1] > SCRIPTS_MAX:
            yield tuple(part)
            part, count = [], 0
        part.append(span)
        count += span[2] - span[1]
    if part:
        yield tuple(part)


def fingerprint(backup: Backup) -> str:
    """Of the addresses alone: what was issued since may be told by a newer file."""
    bare = [replace(wallet, name=f"w{number}", issued={}) for number, wallet in enumerate(backup.wallets)]
    return hashlib.sha256(spelled_backup(Backup(backup.network, tuple(bare))).encode()).hexdigest()
