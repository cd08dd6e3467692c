"""One network's chain read again, by the follower of its family.

Laws: it is the follower that App runs, which believes nodes no more here than there; what a wallet has spent
without these books is asked of the signers, and nothing goes on while they do not answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings, MinterSettings, native_asset
from keepcool.app.deposits import running
from keepcool.app.deposits.bitcoin.follower import Follower as BitcoinFollower
from keepcool.app.deposits.follower import Follower
from keepcool.app.deposits.minter.follower import Follower as MinterFollower
from keepcool.app.deposits.outflows import own_payouts
from keepcool.app.deposits.progress import Progress
from keepcool.app.deposits.watched import WatchedWallet
from keepcool.app.rebuilding import balances, comparing, rescanning, wiring
from keepcool.app.rebuilding.comparing import Standing
from keepcool.app.rebuilding.heights import height_at
from keepcool.app.rebuilding.journals import Journals
from keepcool.app.rebuilding.rescanning import Rescanned
from keepcool.app.rebuilding.wiring import Wired
from keepcool.app.reconciling import comparing as reconciling
from keepcool.app.store import Store
from keepcool.chains.minter.assets import coin_of
from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import EvmNode, Header
from keepcool.ports.minternode import Block, MinterNode
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
    def wired(self) -> Wired:
        journals = Journals(self.exchange, self.settings.signer_timeout_s)
        return Wired(self.store, journals, self.settings.families.networks, self.clock)


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
        case EvmSettings():
            return await _evm(around, network, table, start)
        case MinterSettings():
            return await _minter(around, network, table, start)
        case _ as never:
            assert_never(never)


async def _bitcoin(around: Around, network: NetworkId, table: BitcoinSettings, start: Start) -> Rescanned:
    node, plan = around.bitcoin[network], running.bitcoin_plan(network, table)
    tip = (await node.check()).tip

    async def hash_of(height: int) -> str:
        found = await node.block_hash(height)
        if found is None:
            raise _lacking(network, height)
        return found

    async def time_of(height: int) -> int:
        return int.from_bytes((await node.raw_block(await hash_of(height)))[68:72], "little")

    before = await _before(start, tip.height, time_of)
    await _begun(around, network, before, bytes.fromhex(await hash_of(before)))
    recall = wiring.bitcoin(plan, around.wired, patient=True)
    follower = BitcoinFollower(plan, node, around.store, around.clock, recall)
    progress = await rescanning.to_the_end(follower, _telling(around, network))
    asset = native_asset(network, table)
    standings = await around.store.run(lambda tx: list(comparing.bitcoin(tx, network, asset)))
    return await _outcome(around, network, standings, progress)


async def _evm(around: Around, network: NetworkId, table: EvmSettings, start: Start) -> Rescanned:
    nodes, plan = around.evm[network], running.plan_of(network, table)
    tip = await nodes[0].check()

    async def header(number: int) -> Header:
        found = await nodes[0].header(number)
        if found is None:
            raise _lacking(network, number)
        return found

    async def time_of(number: int) -> int:
        return (await header(number)).timestamp_s

    before = await _before(start, tip.number, time_of)
    await _begun(around, network, before, (await header(before)).hash)
    recall = wiring.evm(network, nodes[0], around.wired, patient=True)
    follower = Follower(plan, nodes, around.store, around.clock, own_payouts, recall=recall)
    progress = await rescanning.to_the_end(follower, _telling(around, network))
    places = await reconciling.evm(around.store, network, dict(plan.listed.assets()), nodes)
    return await _outcome(around, network, balances.of_places(*places), progress)


async def _minter(around: Around, network: NetworkId, table: MinterSettings, start: Start) -> Rescanned:
    node, plan = around.minter[network], running.minter_plan(network, table)
    tip = (await node.check()).height

    async def block(height: int) -> Block:
        found = await node.block(height)
        if found is None:
            raise _lacking(network, height)
        return found

    async def time_of(height: int) -> int:
        return (await block(max(height, 1))).time_ms // 1000

    before = max(await _before(start, tip, time_of), 1)
    await _begun(around, network, before, (await block(before)).hash)
    recall = wiring.minter(network, around.wired, patient=True)
    follower = MinterFollower(plan, node, around.store, around.clock, recall)
    progress = await rescanning.to_the_end(follower, _telling(around, network))
    coins = {asset: coin_of(asset, network) for asset in plan.minimums}
    at = progress.settled

    async def ask(some: Sequence[WatchedWallet]) -> balances.Units:
        told = await node.accounts([one.address for one in some], at)
        return {
            (one.id, asset): account.pip(coin)
            for one, account in zip(some, told, strict=True)
            for asset, coin in coins.items()
        }

    standings = await balances.compared(
        around.store, network, at, ask, lambda tx: balances.minter_leaving(tx, network, at)
    )
    return await _outcome(around, network, standings, progress)


async def _before(start: Start, tip: int, time_of: Callable[[int], Awaitable[int]]) -> int:
    """The block above which reading begins."""
    height = start.height if start.at_s is None else await height_at(time_of, tip, start.at_s)
    return min(max((height or 0) - 1, 0), tip)


async def _begun(around: Around, network: NetworkId, before: int, block_hash: bytes) -> None:
    moved = await rescanning.from_block(around.store, network, before, block_hash)
    if moved:
        around.tell(f"{network}: reading from block {before + 1} on")
    else:
        around.tell(f"{network}: block {before + 1} was not read yet; going on from where the books stand")


async def _outcome(
    around: Around, network: NetworkId, standings: Sequence[Standing], progress: Progress
) -> Rescanned:
    return await around.store.run(
        lambda tx: rescanning.outcome(tx, network, standings, progress, around.clock)
    )


def _lacking(network: NetworkId, height: int) -> Unavailable:
    return Unavailable("node.lagging", f"{network}: the node lacks block {height}")


def _telling(around: Around, network: NetworkId) -> Callable[[Progress], None]:
    last = [-_TELL_EVERY]

    def tell(at: Progress) -> None:
        if at.scanned - last[0] >= _TELL_EVERY:
            last[0] = at.scanned
            around.tell(f"{network}: block {at.scanned} of {at.tip}")

    return tell
