"""An engine that never moves: orders stay as the desk stored them."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.http.orders import Quote
from keepcool.app.payouts.requests import Order
from keepcool.core.ids import AssetId, network_of


@dataclass
class IdleEngine:
    """`woken` counts."""

    woken: int = 0

    async def quote(self, order: Order) -> Quote:
        return Quote(AssetId(f"{network_of(AssetId(order.asset))}/slip44:60"), 100, order.fee_max or 1000)

    def wake(self) -> None:
        self.woken += 1
