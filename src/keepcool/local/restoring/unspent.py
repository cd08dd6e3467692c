"""The short way: the node is asked for its unspent outputs, instead of every block being read.

Laws: what the node names is looked at here: amount and script come from a transaction that hashes to its id,
and the address is derived again. What was paid in and is spent stays unseen, so a branch ends `gap` behind
the last coin that lies there. `scantxoutset` of Bitcoin Core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.jsonrpc.calls import Ask, Param
from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.scanning import stripped_of
from keepcool.chains.bitcoin.transaction import parse_stripped
from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable
from keepcool.local.restoring import scanning
from keepcool.local.restoring.deriving import Span
from keepcool.local.restoring.index import ScriptIndex
from keepcool.local.restoring.scanning import Say, Track, tracks_of
from keepcool.local.restoring.store import FoundCoin, Store

TIMEOUT_S = 3600.0  # a node reads all coins there are
_NOWHERE = bytes(32)
_ROUNDS_MAX = 100


class Named(msgspec.Struct, frozen=True):
    """A coin as the node names it: no more is taken from it."""

    txid: str
    vout: int
    height: int


class _Told(msgspec.Struct, frozen=True):
    success: bool
    height: int
    unspents: list[Named]


class Searched(Protocol):
    """What this way asks of a node."""

    async def named(self, branches: Sequence[tuple[str, int, int]]) -> tuple[int, list[Named]]: ...

    async def block_hash(self, height: int) -> str | None: ...

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None: ...


class UnspentNode(HttpBitcoinNode):
    """A node that is asked for its unspent outputs, too."""

    async def named(self, branches: Sequence[tuple[str, int, int]]) -> tuple[int, list[Named]]:
        """Those of these branches (descriptor, first index, end), and the height they are told at. Raises
        Unavailable where the node cannot."""
        wanted: list[Param] = [{"desc": text, "range": [first, end - 1]} for text, first, end in branches]
        told = await self._one(
            Ask("scantxoutset", ("start", wanted)), lambda text: msgspec.json.decode(text, type=_Told)
        )
        if not told.success:
            raise Unavailable("restore.unspent", f"{self.name} broke the search off; scan again")
        return told.height, told.unspents


async def scan(backup: Backup, node: Searched, store: Store, say: Say, gap: int = scanning.GAP) -> int:
    """Returns the height as of which `store` has the coins. Raises Conflict when it has a scan by blocks,
    which knows more; Refused when there are more addresses than are looked for at once."""
    scanning.check_gap(gap)
    store.claim(scanning.fingerprint(backup))
    if store.passes():
        raise Conflict("restore.state", "this state file is of a scan by blocks: go on so, or name another")
    with store.together():
        store.forget()
    tracks, done, height = tracks_of(backup), dict[int, int](), 0
    for _ in range(_ROUNDS_MAX):
        spans = _wanted(backup, tracks, store.used(), done, gap)
        if not spans:
            return height
        say(f"asking the node for what lies on {sum(map(len, spans))} addresses")
        height, named = await node.named([_branch(backup, tracks[one.track], one) for one in spans])
        index = await asyncio.to_thread(ScriptIndex, spans)
        for one in named:
            await _kept(one, node, index, store)
        say(f"block {height}: {len(store.coins())} coins")
        done |= {one.track: one.end for one in spans}
    raise Refused("restore.rounds", "coins keep lying beyond the gap; scan without --unspent")


def _wanted(
    backup: Backup, tracks: Sequence[Track], used: dict[int, int], done: dict[int, int], gap: int
) -> list[Span]:
    found = []
    for number, track in enumerate(tracks):
        first = done.get(number, 0)
        end = scanning.end_of(backup, track, used.get(number, -1), gap, first)
        if first < end:
            descriptor = backup.wallets[track.wallet].descriptors[track.descriptor]
            found.append(Span(number, descriptor.branch(track.choice), first, end))
    if sum(map(len, found)) > scanning.SCRIPTS_MAX:
        raise Refused(
            "restore.many",
            f"more than {scanning.SCRIPTS_MAX} addresses: take a smaller --gap, or fewer wallets",
        )
    return found


def _branch(backup: Backup, track: Track, span: Span) -> tuple[str, int, int]:
    descriptor = backup.wallets[track.wallet].descriptors[track.descriptor]
    return descriptor.chosen(track.choice).spelled(backup.network), span.first, span.end


async def _kept(one: Named, node: Searched, index: ScriptIndex, store: Store) -> None:
    block_hash = await node.block_hash(one.height)
    raw = await node.raw_transaction(one.txid, block_hash)
    if raw is None:
        raise Unavailable("restore.unspent", f"the node names {one.txid} and does not have it; is it pruned?")
    stripped = stripped_of(raw)
    tx = parse_stripped(stripped)
    if not 0 <= one.vout < len(tx.outputs):
        raise Malformed("restore.unspent", f"the node names an output {one.vout} that {one.txid} has not")
    output = tx.outputs[one.vout]
    place = index.find(output.script)
    if place is None:
        raise Malformed("restore.unspent", f"the node names {one.txid}:{one.vout}, which is not ours")
    minted = tx.inputs[0].outpoint.txid == _NOWHERE
    coin = FoundCoin(one.txid, one.vout, place.track, place.index, output.amount_sat, one.height, minted)
    with store.together():
        store.add([coin], [(one.txid, stripped)])
