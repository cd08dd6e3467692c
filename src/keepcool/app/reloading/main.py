"""Where one App of a process is built of its configuration: its nodes, its inside, its API and its work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.system import control
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.faults import faults_from
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.app import attestationkeys, config
from keepcool.app.assembly import Assembly, Outside
from keepcool.app.attestationkeys import Listed
from keepcool.app.config import AppSettings, EvmSettings
from keepcool.app.http.api import make_api
from keepcool.app.nodes import main as nodes_of
from keepcool.app.reloading import changes, guarding, proving
from keepcool.app.reloading.changes import Changes
from keepcool.app.reloading.generations import Generation, Generations, Plan
from keepcool.app.requestkeys.lent import LentKeys
from keepcool.app.storage.main import Seated
from keepcool.app.store import Store
from keepcool.core.errors import KeepcoolError, Malformed, Refused, rebuild
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Peer
from keepcool.core.secret import Secret
from keepcool.wire.exchange import Exchange

COMPLETE_EVERY_S = 15
_RELOAD = b"reload"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What every App of this process stands on, whatever its configuration becomes."""

    file: Path
    site: SiteHost
    store: Store
    seated: Seated
    exchange: Exchange
    poster: HttpPoster
    lent: LentKeys = field(default_factory=LentKeys)

    @property
    def beside(self) -> Path:
        return self.file.parent


def generations(lasting: Lasting) -> Generations:
    async def judge(before: AppSettings, after: AppSettings) -> Changes:
        found = changes.between(before, after)
        pinned(lasting, after)
        gone, networks = found.assets_removed, found.networks_removed
        await lasting.store.run(lambda tx: guarding.refuse_owned(tx, gone, networks))
        return found

    return Generations(
        Plan(
            load=lambda: config.load(lasting.file),
            judge=judge,
            make=lambda settings, found: _made(lasting, settings, found),
            taken=lambda settings: lasting.exchange.repin(pinned(lasting, settings)),
        )
    )


def pinned(lasting: Lasting, settings: AppSettings) -> Sequence[Peer]:
    """The peers of this configuration. Raises Refused where more than message keys are others."""
    found = peers_of(settings.peers)
    changes.check_peers(lasting.site.peers, found)
    return found


def listed(settings: AppSettings, beside: Path, peers: Sequence[Peer]) -> Listed:
    """Attestation keys that follow the pinned ones. Raises what is wrong with a list."""
    files = [beside / one for one in settings.attestation_keys]
    return attestationkeys.read(files, settings.root_key, peers)


@contextlib.asynccontextmanager
async def _made(lasting: Lasting, settings: AppSettings, found: Changes | None) -> AsyncIterator[Generation]:
    """Raises what the chain says against it."""
    site = lasting.site
    async with contextlib.AsyncExitStack() as stack:
        evm = await stack.enter_async_context(nodes_of.evm(settings))
        minter = await stack.enter_async_context(nodes_of.minter(settings))
        bitcoin = await stack.enter_async_context(nodes_of.bitcoin(settings, lasting.beside))
        if found is not None:
            await proving.check(settings, found, proving.Nodes(evm, minter, bitcoin))
        assembly = Assembly(
            Outside(
                settings=settings,
                peers=site.peers,
                store=lasting.store,
                seat=lasting.seated.seat,
                topics=lasting.seated.topics,
                name=f"{socket.gethostname()}:{settings.http.port}",
                exchange=lasting.exchange,
                nodes=evm,
                minter_nodes=minter,
                minter_news=await stack.enter_async_context(nodes_of.minter_news(settings, minter)),
                bitcoin_checker=scripts.check,
                bitcoin_nodes=bitcoin,
                bitcoin_news=stack.enter_context(nodes_of.bitcoin_news(settings)),
                clock=SystemClock(settings.clock_offset_ms),
                entropy=SystemEntropy(),
                faults=faults_from(settings.fault, os.environ),
                metrics=_metrics(site.metrics),
                poster=lasting.poster,
                sealer=SelfSealer(site.identity(), SystemEntropy()),
                listed=listed(settings, lasting.beside, site.peers),
                lent=lasting.lent,
            )
        )
        api, ended = make_api(assembly.parts), asyncio.Event()
        api.state.stop = ended
        yield Generation(settings, api, lambda: assembly.beside(COMPLETE_EVERY_S), ended)


class _Process(Collector):
    """The numbers of the process, among those of the App at work in it."""

    def __init__(self, process: CollectorRegistry) -> None:
        self._process = process

    def collect(self) -> Iterable[Metric]:
        return self._process.collect()


def _metrics(process: CollectorRegistry) -> CollectorRegistry:
    """A registry of its own: no App meets the numbers of the one before."""
    found = CollectorRegistry()
    found.register(_Process(process))
    return found


async def serve(lasting: Lasting, running: Generations) -> None:
    """The commands of App's own host, over a socket beside its database; until cancelled."""

    async def answer(frame: bytearray) -> bytes:
        try:
            if bytes(frame) != _RELOAD:
                raise Malformed("control.verb", "App does not know this command: is it of this release?")
            return json.dumps({"changes": await running.reload()}).encode()
        except KeepcoolError as error:
            return json.dumps({"kind": error.kind, "code": error.code, "text": error.public}).encode()

    await control.serve(socket_of(lasting.file), len(_RELOAD), answer)


def reload(file: Path) -> list[str]:
    """What the running App has taken up of its configuration. Raises what it refused, Unavailable when it
    does not run."""
    with Secret(bytearray(_RELOAD)) as frame:
        told = json.loads(control.ask(socket_of(file.resolve()), frame))
    if "code" in told:
        raise rebuild(told["kind"], told["code"], told["text"])
    return list(told["changes"])


def socket_of(file: Path) -> Path:
    data = file.parent / "data"
    return (data if data.is_dir() else file.parent) / "app.sock"


def token_of(file: Path, network: str, contract: str) -> proving.Token:
    """What a contract says of itself, by the first node of a network in this configuration."""
    table = config.load(file).networks.get(network)
    if not isinstance(table, EvmSettings):
        raise Refused("adding.network", f"{network} is not an EVM network of {file}")
    return asyncio.run(_asked(network, table.node_urls[0], lambda node: proving.token(node, contract)))


def height_of(network: str, url: str) -> int:
    """The newest block of a node that is to be added. Raises when it is away or of another chain."""

    async def height(node: HttpEvmNode) -> int:
        return (await node.check()).number

    return asyncio.run(_asked(network, url, height))


async def _asked(network: str, url: str, ask: Callable[[HttpEvmNode], Awaitable[T]]) -> T:
    node = HttpEvmNode(NetworkId(network), url, SystemClock(), name=f"the node of {network}")
    try:
        return await ask(node)
    finally:
        await node.close()
