"""One network's chain read again, by the follower of its family.

Laws: it is the follower that App runs, which believes nodes no more here than there; what a wallet has spent
without these books is asked of the signers, and nothing goes on while they do not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings, MinterSettings, native_asset
from keepcool.app.deposits import running
from keepcool.app.deposits.bitcoin.follower import Follower as BitcoinFollower
from keepcool.app.deposits.progress import Progress
from keepcool.app.rebuilding import comparing, rescanning
from keepcool.app.rebuilding.heights import height_at
from keepcool.app.rebuilding.journals import Journals
from keepcool.app.rebuilding.rescanning import Rescanned
from keepcool.app.rebuilding.spendings import BitcoinRecall
from keepcool.app.store import Store
from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.minternode import MinterNode
from keepcool.ports.system import Clock
from keepcool.wire.exchange import Exchange

_TELL_EVERY = 1_000  # blocks


@dataclass(frozen=True, slots=True)
class Start:
    """From this height on, or from this time on (Unix, seconds)."""

    height: int | None = None
    at_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`evm`, `minter`, `bitcoin`: each network's nodes."""

    settings: AppSettings
    store: Store
    exchange: Exchange
    clock: Clock
    evm: Mapping[NetworkId, Sequence[EvmNode]]
    minter: Mapping[NetworkId, MinterNode]
    bitcoin: Mapping[NetworkId, BitcoinNode]
    tell: Callable[[str], None]

    @property
    def journals(self) -> Journals:
        return Journals(self.exchange, self.settings.signer_timeout_s)


def named(settings: AppSettings, text: str) -> NetworkId:
    """A configured network, by its id or its name. Raises Malformed."""
    for network, table in settings.networks.items():
        if text in (network, table.name):
            return NetworkId(network)
    known = ", ".join(settings.networks)
    raise Malformed("network.unknown", f"no network {text[:60]!r} is configured here; there are {known}")


async def reread(around: Around, network: NetworkId, start: Start) -> Rescanned:
    """Raises Unavailable when a node or a signer stays away: what was read stays, ask again."""
    table = around.settings.networks[network]
    match table:
        case BitcoinSettings():
            return await _bitcoin(around, network, table, start)
        case EvmSettings() | MinterSettings():
            raise Malformed("rescan.family", f"{table.name} is not read again yet")
        case _ as never:
            assert_never(never)


async def _bitcoin(around: Around, network: NetworkId, table: BitcoinSettings, start: Start) -> Rescanned:
    node, plan = around.bitcoin[network], running.bitcoin_plan(network, table)
    tip = (await node.check()).tip

    async def hash_of(height: int) -> str:
        found = await node.block_hash(height)
        if found is None:
            raise Unavailable("node.lagging", f"{network}: the node lacks block {height}")
        return found

    async def time_of(height: int) -> int:
        return int.from_bytes((await node.raw_block(await hash_of(height)))[68:72], "little")

    height = start.height if start.at_s is None else await height_at(time_of, tip.height, start.at_s)
    before = min(max((height or 0) - 1, 0), tip.height)
    first = bytes.fromhex(await hash_of(before))
    _tell_start(
        around, network, before, moved=await rescanning.from_block(around.store, network, before, first)
    )
    recall = BitcoinRecall(
        terms=plan.terms,
        store=around.store,
        journals=around.journals,
        networks=around.settings.families.networks,
        clock=around.clock,
        patient=True,
    )
    follower = BitcoinFollower(plan, node, around.store, around.clock, recall)
    progress = await rescanning.to_the_end(follower, _telling(around, network))
    asset = native_asset(network, table)
    return await around.store.run(
        lambda tx: rescanning.outcome(
            tx, network, comparing.bitcoin(tx, network, asset), progress, around.clock
        )
    )


def _tell_start(around: Around, network: NetworkId, before: int, *, moved: bool) -> None:
    if moved:
        around.tell(f"{network}: reading from block {before + 1} on")
    else:
        around.tell(f"{network}: block {before + 1} was not read yet; going on from where the books stand")


def _telling(around: Around, network: NetworkId) -> Callable[[Progress], None]:
    last = [-_TELL_EVERY]

    def tell(at: Progress) -> None:
        if at.scanned - last[0] >= _TELL_EVERY:
            last[0] = at.scanned
            around.tell(f"{network}: block {at.scanned} of {at.tip}")

    return tell
