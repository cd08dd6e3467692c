"""The lane of an EVM chain."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.config import EvmSettings
from keepcool.app.payouts.lane import Lane
from keepcool.ports.evmnode import EvmNode


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmLane(Lane):
    """`node` is the one that is written to."""

    settings: EvmSettings
    chain_id: int
    node: EvmNode
