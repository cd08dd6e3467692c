"""What every act of the story needs: waiting for what must come, and holding what is told to be so."""

from __future__ import annotations

from collections.abc import Callable

from keepcool.client.api import Client, Wallet, awaited
from keepcool.client.models import Balance, Withdrawal
from keepcool.core.errors import Breach

WAIT_S = 60.0
Tell = Callable[[str], None]


def until_available(client: Client, wallet: Wallet, asset: str, units: int) -> None:
    def balance() -> int:
        return _available(client.read.balances(wallet.id), asset)

    awaited(balance, lambda found: found == units, WAIT_S, f"{wallet.id} has not {units} of {asset}")


def confirmed(one: Withdrawal) -> Withdrawal:
    verdicts = "; ".join(f"{v.signer}: {v.reason}" for v in one.verdicts if v.outcome != "approved")
    holds(one.state == "confirmed", f"{one.kind} {one.id} is {one.state}: {one.reason} {verdicts}")
    return one


def holds(fact: bool, what: str) -> None:  # noqa: FBT001
    """Raises Breach: the story tells only what is so."""
    if not fact:
        raise Breach("demo.not_so", f"this did not hold: {what}")


def _available(balances: list[Balance], asset: str) -> int:
    return next((int(one.available) for one in balances if one.asset == asset), 0)
