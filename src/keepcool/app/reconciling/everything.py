"""All networks of an App reconciled, each by its family, into one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepcool.app import config
from keepcool.app.config import AppSettings, EvmSettings, MinterSettings
from keepcool.app.deposits import running
from keepcool.app.reconciling import comparing
from keepcool.app.store import Store
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.reconciliation import Report, SeenHead
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import ChainReader
from keepcool.ports.minternode import MinterNode


@dataclass(frozen=True, slots=True)
class Reading:
    """The nodes of every network."""

    evm: Mapping[NetworkId, Sequence[ChainReader]]
    minter: Mapping[NetworkId, MinterNode]
    bitcoin: Mapping[NetworkId, BitcoinNode]


async def reconciled(
    settings: AppSettings, store: Store, nodes: Reading, heads: Mapping[str, SeenHead], now_s: int
) -> Report:
    """`heads`: of signers' journals, where newer ones are known than App was told. They are read before
    anything is compared, so a report that names a freeze was made after it."""
    seen, compared = {**await comparing.seen_heads(store, heads), **heads}, list[comparing.Compared]()
    for name, table in sorted(settings.networks.items()):
        network = NetworkId(name)
        if isinstance(table, EvmSettings):
            tokens = dict(running.plan_of(network, table).listed.assets())
            compared.append(await comparing.evm(store, network, tokens, nodes.evm[network]))
        elif isinstance(table, MinterSettings):
            assets = sorted(running.minter_plan(network, table).minimums)
            compared.append(await comparing.minter(store, network, assets, nodes.minter[network]))
        else:
            asset = AssetId(config.bitcoin_row(name, table).asset)
            compared.append(await comparing.bitcoin(store, network, asset, nodes.bitcoin[network]))
    return comparing.report(compared, seen, now_s)
