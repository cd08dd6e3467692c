"""The lane of an EVM chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from keepcool.app.config import EvmSettings
from keepcool.app.payouts import carried, store
from keepcool.app.payouts.evm.strays import Look
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal import Event
from keepcool.ports.evmnode import EvmNode


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmLane(Lane):
    """`node` is the one that is written to; `looks`: for coins of pools at addresses of nobody."""

    settings: EvmSettings
    chain_id: int
    node: EvmNode
    looks: dict[WalletId, Look] = field(default_factory=dict)

    def step_in(self, tx: Connection, withdrawal: str, event: Event, **columns: object) -> Withdrawal:
        """What a batch carries goes with it."""
        take = partial(Lane.step_in, self, tx)
        one = store.get(tx, withdrawal)
        if one.kind is not Kind.BATCH:
            return take(withdrawal, event, **columns)
        return carried.step(tx, take, one, event, self.clock.now_ms(), **columns)
