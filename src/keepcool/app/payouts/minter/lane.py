"""The lane of a Minter network."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.config import MinterSettings
from keepcool.app.payouts.lane import Lane
from keepcool.ports.minternode import MinterNode


@dataclass(frozen=True, slots=True, kw_only=True)
class MinterLane(Lane):
    """`node` answers what as many nodes say as must agree, and sends to all."""

    settings: MinterSettings
    node: MinterNode
