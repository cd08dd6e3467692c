"""An engine that never moves: orders stay as the desk stored them."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.http.orders import Quote
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.store import Store
from keepcool.core.ids import AssetId, NetworkId


@dataclass
class IdleEngine:
    """`woken` counts."""

    desk: PayoutDesk
    store: Store
    woken: int = 0
    strays: int = 0

    async def quote(self, order: Order) -> Quote:
        asked = await self.store.run(lambda tx: self.desk.checked(tx, order))
        return Quote(AssetId(f"{asked.network}/slip44:60"), 100, asked.fee_max)

    async def lying(self, network: NetworkId, address: str, token: str) -> int:
        assert address.startswith("0x"), (network, token)
        return self.strays

    def wake(self) -> None:
        self.woken += 1
