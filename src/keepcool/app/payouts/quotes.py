"""What a withdrawal would cost the purse, asked before it is requested. A quote binds nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.app.config import NetworkSettings
from keepcool.app.payouts import fees, safes
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.payouts.store import NewWithdrawal
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.evm import payouts
from keepcool.chains.evm.assets import chain_id_of
from keepcool.chains.evm.profiles import profile_named
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import WalletRecord
from keepcool.ports.evmnode import EvmNode


@dataclass(frozen=True, slots=True)
class Quote:
    """Native base units. `deploys`: it would be the wallet's first payment and create its contract."""

    asked: NewWithdrawal
    fee_estimate: int
    fee_max: int
    gas: int
    deploys: bool


class Quoter:
    def __init__(
        self,
        desk: PayoutDesk,
        networks: Mapping[str, NetworkSettings],
        nodes: Mapping[NetworkId, EvmNode],
        store: Store,
        attesters: Attesters,
    ) -> None:
        self._desk, self._networks, self._nodes = desk, networks, nodes
        self._store, self._attesters = store, attesters

    async def quote(self, order: Order) -> Quote:
        """Raises what `PayoutDesk.request` raises, Refused `payout.reverts` when it would fail on the chain
        as it is now, Unavailable without a node. Changes nothing."""
        new, record = await self._store.run(
            lambda tx: (self._desk.checked(tx, order), self._attesters.wallet(tx, order.wallet).record)
        )
        node = self._nodes[new.network]
        deploys = not await safes.is_deployed(node, record.address)
        gas = await self._gas(node, new, record) + (fees.DEPLOY_GAS if deploys else 0)
        told = await node.fees()
        tip = fees.tip_of(self._networks[new.network].fees, told.priority_fee_per_gas)
        return Quote(new, gas * (told.base_fee_per_gas + tip), new.fee_max, gas, deploys)

    async def _gas(self, node: EvmNode, new: NewWithdrawal, record: WalletRecord) -> int:
        nonce = await safes.nonce(node, record.address)
        unsigned = payouts.pay(
            profile_named(record.profile),
            safe=record.address,
            chain_id=chain_id_of(new.network),
            nonce=nonce,
            outputs=[Output(new.recipient, Amount(new.asset, new.units))],
        )
        first = fees.FIRST_EXECUTE_GAS if nonce == 0 else 0
        return await safes.rehearse(node, unsigned) + fees.EXECUTE_GAS + first
