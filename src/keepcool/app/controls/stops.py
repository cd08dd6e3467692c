"""Why nothing may be paid out of a wallet now: what the chain has shown, or what an operator has suspended.

Law: what burns a slot pays nobody, so no suspension holds it up.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.controls import suspensions
from keepcool.app.deposits import events
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.core.ids import NetworkId, WalletId


def why(tx: Connection, network: NetworkId, wallet: WalletId, asset: str) -> str | None:
    """A sentence; None where payments go on."""
    return frozen(tx, network, wallet) or suspended(tx, network, wallet, asset)


def of(tx: Connection, one: Withdrawal) -> str | None:
    """The same of one payment, or of what burns its slot."""
    return frozen(tx, one.network, one.wallet) or of_operators(tx, one)


def of_operators(tx: Connection, one: Withdrawal) -> str | None:
    """Only what operators have suspended."""
    return None if one.kind is Kind.VOID else suspended(tx, one.network, one.wallet, one.asset)


def frozen(tx: Connection, network: NetworkId, wallet: WalletId) -> str | None:
    found = events.frozen(tx, network, wallet)
    return None if found is None else f"the wallet is frozen: {found.text}"


def suspended(tx: Connection, network: NetworkId, wallet: WalletId, asset: str) -> str | None:
    held = suspensions.stopping(tx, network=network, asset=asset, wallet=wallet)
    return None if held is None else held.text
