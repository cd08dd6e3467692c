"""What the money routes ask of payouts and deposits, in plain values. main.py fits the engines to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True)
class Order:
    """Pay `units` of `asset` from a wallet. `to_wallet` is set where the recipient is one of ours (a
    transfer). `fee_max` bounds what it may cost the purse; None takes the configured bound."""

    id: str
    wallet: WalletId
    asset: AssetId
    recipient: str
    units: int
    fee_max: int | None
    to_wallet: WalletId | None
    external_id: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Quote:
    """Base units of `fee_asset`: what it would probably cost the purse now, and the bound."""

    fee_asset: AssetId
    fee_expected: int
    fee_max: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a signer did not sign: one rule of one signer."""

    signer: str
    rule: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Payout:
    """A withdrawal or transfer as it stands. `number` grows with every order. `reason` says why it is
    refused, failed or waiting; `transactions` are the ids of those sent, newest last."""

    number: int
    order: Order
    state: str
    reason: str
    verdicts: Sequence[Verdict]
    transactions: Sequence[str]
    fee_paid: int | None
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class PayoutFilter:
    wallets: Sequence[str] | None = None
    state: str | None = None
    external_id: str | None = None
    transaction: str | None = None
    transfers: bool | None = None


class Payouts(Protocol):
    """The withdrawals' engine. Functions of a Connection run inside the caller's transaction."""

    async def quote(self, order: Order) -> Quote:
        """Raises Unavailable when the node does not answer."""

    def request(self, tx: Connection, order: Order, now_ms: int) -> Payout:
        """Store the order and hold its amount. Raises Malformed, Conflict (`ledger.overdrawn`,
        `withdrawal.external_id_used`) and then leaves nothing."""

    def cancel(self, tx: Connection, payout: str, now_ms: int) -> Payout:
        """Raises Conflict `withdrawal.not_found`, or `withdrawal.signed` once a signer may have signed."""

    def get(self, tx: Connection, payout: str) -> Payout:
        """Raises Conflict `withdrawal.not_found`."""

    def find(self, tx: Connection, wanted: PayoutFilter, *, after: int, limit: int) -> list[Payout]:
        """In the order of their making."""

    def wake(self) -> None:
        """There is something new to do."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """Coins that reached a wallet. `state`: pending, credited, reversed, or ignored (below the minimum)."""

    number: int
    id: str
    wallet: WalletId
    asset: AssetId
    units: int
    transaction: str
    block_number: int
    block_hash: str
    state: str
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class DepositFilter:
    wallets: Sequence[str] | None = None
    state: str | None = None
    transaction: str | None = None


class Deposits(Protocol):
    def find(self, tx: Connection, wanted: DepositFilter, *, after: int, limit: int) -> list[Deposit]:
        """In the order they were seen."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What pays the fees of a network: `booked` in the ledger, `on_chain` as last seen (None: not yet)."""

    network: NetworkId
    address: str
    asset: AssetId
    booked: int
    on_chain: int | None
    fees_paid: int
