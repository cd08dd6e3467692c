"""The purses that pay fees, as they stand: what the books say, and what the chain says."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.config import AppSettings, native_asset
from keepcool.app.http.orders import Purse
from keepcool.app.store import Store
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.ports.evmnode import EvmNode
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import PurseStatus, StatusAnswer, StatusRequest

_TIMEOUT_S = 5


class Purses:
    """Asks Keeper for the purses' addresses, the nodes for their balances, the ledger for the rest."""

    def __init__(
        self, exchange: Exchange, store: Store, settings: AppSettings, nodes: Mapping[NetworkId, EvmNode]
    ) -> None:
        self._exchange, self._store, self._settings, self._nodes = exchange, store, settings, nodes

    async def seen(self) -> list[Purse]:
        """Raises Unavailable when Keeper does not answer; a node that does not leaves `on_chain` None."""
        answer = await self._exchange.ask(Service.KEEPER, "status.v1", StatusRequest(), _TIMEOUT_S)
        if not isinstance(answer, StatusAnswer):
            raise Malformed("status.answer", "keeper answered with something else than its status")
        return [await self._seen(one) for one in answer.purses if one.network in self._settings.networks]

    async def _seen(self, one: PurseStatus) -> Purse:
        network = NetworkId(one.network)
        asset = native_asset(network, self._settings.networks[network])

        def booked(tx: Connection) -> tuple[int, int]:
            names = accounts.purse(network), accounts.fees(network)
            return ledger.balance(tx, names[0], asset), ledger.balance(tx, names[1], asset)

        left, paid = await self._store.run(booked)
        on_chain = await self._on_chain(network, one.address)
        return Purse(network, one.address, asset, booked=left, on_chain=on_chain, fees_paid=paid)

    async def _on_chain(self, network: NetworkId, address: str) -> int | None:
        node = self._nodes.get(network)
        try:
            return None if node is None else await node.balance(address)
        except KeepcoolError:
            return None
