"""What the money routes ask of the payouts' engine beside what stands in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from keepcool.app.payouts.requests import Order
from keepcool.core.ids import AssetId, NetworkId


@dataclass(frozen=True, slots=True)
class Quote:
    """Base units of `fee_asset`: what it would probably cost now, and the bound."""

    fee_asset: AssetId
    fee_expected: int
    fee_max: int


class Engine(Protocol):
    async def quote(self, order: Order) -> Quote:
        """Raises what `PayoutDesk.checked` does, and Unavailable when the node does not answer."""

    async def lying(self, network: NetworkId, address: str, token: str) -> int:
        """What an address has of a token, by the node. Raises Refused `node.reverted` where the contract does
        not answer, Unavailable when the node does not."""

    def wake(self) -> None:
        """There is something new to do."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What pays the fees of a network: `booked` in the ledger, `on_chain` as last seen (None: not yet)."""

    network: NetworkId
    address: str
    asset: AssetId
    booked: int
    on_chain: int | None
    fees_paid: int
    accounts: tuple[str, ...] = ()
