"""Where App's settings meet the nodes of its networks. They may be away: what needs them waits or says so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.adapters.bitcoinnode.news import NodeNews
from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.minternode.subscription import Heights
from keepcool.adapters.system.clock import SystemClock
from keepcool.app import config
from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings, MinterSettings
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import NetworkId


@contextlib.asynccontextmanager
async def evm(settings: AppSettings) -> AsyncIterator[dict[NetworkId, list[HttpEvmNode]]]:
    """The nodes of every network."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): [
            HttpEvmNode(
                NetworkId(network),
                url,
                clock,
                timeout_s=table.node_timeout_s,
                tip_age_s_max=table.tip_age_s_max or None,
                name=f"node {number} of {network}",
            )
            for number, url in enumerate(table.node_urls, 1)
        ]
        for network, table in settings.networks.items()
        if isinstance(table, EvmSettings)
    }
    try:
        yield nodes
    finally:
        for node in [one for each in nodes.values() for one in each]:
            await node.close()


@contextlib.asynccontextmanager
async def minter(settings: AppSettings) -> AsyncIterator[dict[NetworkId, AgreeingNodes]]:
    """The nodes of every Minter network, as one."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): AgreeingNodes(
            [
                HttpMinterNode(
                    NetworkId(network),
                    url,
                    clock,
                    timeout_s=table.node_timeout_s,
                    tip_age_s_max=table.tip_age_s_max or None,
                    chain_name=table.chain_name or None,
                    name=f"node {number} of {network}",
                )
                for number, url in enumerate(table.node_urls, 1)
            ],
            table.agree or None,
        )
        for network, table in settings.networks.items()
        if isinstance(table, MinterSettings)
    }
    try:
        yield nodes
    finally:
        for node in nodes.values():
            await node.close()


@contextlib.asynccontextmanager
async def bitcoin(
    settings: AppSettings, beside: Path
) -> AsyncIterator[dict[NetworkId, AgreeingBitcoinNodes]]:
    """The nodes of every Bitcoin network, as one."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): AgreeingBitcoinNodes(
            [
                HttpBitcoinNode(
                    config.bitcoin_row(network, table),
                    url,
                    clock,
                    credentials=beside / cookie if cookie else None,
                    timeout_s=table.node_timeout_s,
                    tip_age_s_max=table.tip_age_s_max or None,
                    name=f"node {number} of {network}",
                )
                for number, (url, cookie) in enumerate(table.nodes, 1)
            ],
            table.agree or None,
        )
        for network, table in settings.networks.items()
        if isinstance(table, BitcoinSettings)
    }
    try:
        yield nodes
    finally:
        for node in nodes.values():
            await node.close()


@contextlib.asynccontextmanager
async def minter_news(
    settings: AppSettings, nodes: Mapping[NetworkId, AgreeingNodes]
) -> AsyncIterator[dict[NetworkId, Heights]]:
    """New heights of every Minter network, by the first node's socket where it has one."""
    news = {
        network: Heights(node, settings.networks[network].node_urls[0], after=await _height(node))
        for network, node in nodes.items()
    }
    try:
        yield news
    finally:
        for one in news.values():
            await one.close()


@contextlib.contextmanager
def bitcoin_news(settings: AppSettings) -> Iterator[dict[NetworkId, NodeNews]]:
    """What nodes announce, of every Bitcoin network that says where. Nodes may be away."""
    with contextlib.ExitStack() as stack:
        yield {
            NetworkId(network): stack.enter_context(contextlib.closing(NodeNews(table.zmq_urls)))
            for network, table in settings.networks.items()
            if isinstance(table, BitcoinSettings) and table.zmq_urls
        }


async def _height(node: AgreeingNodes) -> int:
    """Where news begin; from the chain's first block when nodes are away, which only rings more often."""
    try:
        return (await node.status()).height
    except KeepcoolError:
        return 0
