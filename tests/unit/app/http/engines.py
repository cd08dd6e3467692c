"""A payouts engine that holds in the real ledger and then does nothing, and a deposits list to fill."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.http.orders import (
    Deposit,
    DepositFilter,
    Order,
    Payout,
    PayoutFilter,
    Quote,
)
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, network_of


@dataclass
class HoldingPayouts:
    """Every order is held and stays requested until it is cancelled. `woken` counts."""

    orders: dict[str, Payout] = field(default_factory=dict)
    woken: int = 0

    async def quote(self, order: Order) -> Quote:
        return Quote(AssetId(f"{network_of(order.asset)}/slip44:60"), 100, order.fee_max or 1000)

    def request(self, tx: Connection, order: Order, now_ms: int) -> Payout:
        ledger.hold(
            tx, withdrawal=order.id, wallet=order.wallet, asset=order.asset, units=order.units, at_ms=now_ms
        )
        made = Payout(len(self.orders) + 1, order, "requested", "", (), (), None, now_ms, now_ms)
        self.orders[order.id] = made
        return made

    def cancel(self, tx: Connection, payout: str, now_ms: int) -> Payout:
        order = self.get(tx, payout).order
        ledger.release(
            tx, withdrawal=payout, wallet=order.wallet, asset=order.asset, units=order.units, at_ms=now_ms
        )
        self.orders[payout] = replace(self.orders[payout], state="cancelled", updated_at_ms=now_ms)
        return self.orders[payout]

    def get(self, tx: Connection, payout: str) -> Payout:
        assert tx.in_transaction()
        if payout not in self.orders:
            raise Conflict("withdrawal.not_found", f"there is no withdrawal {payout}")
        return self.orders[payout]

    def find(self, tx: Connection, wanted: PayoutFilter, *, after: int, limit: int) -> list[Payout]:
        assert tx.in_transaction()

        def meant(one: Payout) -> bool:
            order = one.order
            return (
                one.number > after
                and (wanted.wallets is None or order.wallet in wanted.wallets)
                and wanted.state in (None, one.state)
                and wanted.external_id in (None, order.external_id)
                and (wanted.transaction is None or wanted.transaction in one.transactions)
                and wanted.transfers in (None, order.to_wallet is not None)
            )

        return [one for one in self.orders.values() if meant(one)][:limit]

    def wake(self) -> None:
        self.woken += 1


@dataclass
class SeenDeposits:
    rows: list[Deposit] = field(default_factory=list)

    def find(self, tx: Connection, wanted: DepositFilter, *, after: int, limit: int) -> list[Deposit]:
        assert tx.in_transaction()

        def meant(one: Deposit) -> bool:
            return (
                one.number > after
                and (wanted.wallets is None or one.wallet in wanted.wallets)
                and wanted.state in (None, one.state)
                and wanted.transaction in (None, one.transaction)
            )

        return [one for one in self.rows if meant(one)][:limit]
