"""What all steps of one network's wallet making share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.payouts import notes
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.ports.minternode import Account, MinterNode
from keepcool.ports.system import Clock, Entropy
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head

HeadSeen = Callable[[Service, Head], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """`spares`: how many wallets nobody has been given yet are kept ready. Creators pay in the network's own
    coin, at `gas_price`, at most `gas_price_max` when nodes ask for more."""

    network: NetworkId
    native: AssetId
    spares: int
    gas_price: int
    gas_price_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    plan: Plan
    node: MinterNode
    store: Store
    exchange: Exchange
    attesters: Attesters
    clock: Clock
    entropy: Entropy
    head_seen: HeadSeen
    timeout_s: float

    @property
    def network(self) -> NetworkId:
        return self.plan.network

    async def accounts(self, addresses: Sequence[str], at: int | None = None) -> dict[str, Account]:
        told = await self.node.accounts(addresses, at)
        return {account.address: account for account in told}

    async def note(self, kind: str, subject: str, text: str) -> None:
        """Told once, until it says something else."""
        await self.store.run(lambda tx: self.note_in(tx, kind, subject, text))

    def note_in(self, tx: Connection, kind: str, subject: str, text: str) -> None:
        at_ms = self.clock.now_ms()
        notes.note(tx, at_ms=at_ms, kind=kind, network=self.network, subject=subject, text=text)
