"""Who explains, on each family's networks, what these books have not sent."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.deposits.bitcoin.follower import Plan as BitcoinPlan
from keepcool.app.payouts.evm import safes
from keepcool.app.rebuilding.accounts import AccountRecall
from keepcool.app.rebuilding.families import MinterBooks, SafeBooks
from keepcool.app.rebuilding.journals import Journals
from keepcool.app.rebuilding.spendings import BitcoinRecall
from keepcool.app.store import Store
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.evm.assets import native_asset
from keepcool.core.ids import NetworkId
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.system import Clock


@dataclass(frozen=True, slots=True)
class Wired:
    """What every recall works with."""

    store: Store
    journals: Journals
    networks: Networks
    clock: Clock


def bitcoin(plan: BitcoinPlan, wired: Wired, *, patient: bool = False) -> BitcoinRecall:
    return BitcoinRecall(
        terms=plan.terms,
        store=wired.store,
        journals=wired.journals,
        networks=wired.networks,
        clock=wired.clock,
        patient=patient,
    )


def evm(network: NetworkId, node: EvmNode, wired: Wired, *, patient: bool = False) -> AccountRecall:
    async def used(address: str) -> int:
        return await safes.nonce(node, address)

    return AccountRecall(
        network=network,
        space="safe",
        books=SafeBooks(native_asset(network)),
        used=used,
        store=wired.store,
        journals=wired.journals,
        clock=wired.clock,
        patient=patient,
    )


def minter(network: NetworkId, wired: Wired, *, patient: bool = False) -> AccountRecall:
    async def used(_: str) -> int:
        return 0  # every transaction tells its own number

    return AccountRecall(
        network=network,
        space="account",
        books=MinterBooks(),
        used=used,
        store=wired.store,
        journals=wired.journals,
        clock=wired.clock,
        patient=patient,
    )
