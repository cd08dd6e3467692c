"""The closing table: per wallet, what the ledger says beside what the chain says, equal to the unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keepcool.client.api import Client, awaited
from keepcool.demo.telling import WAIT_S, Tell, holds

_UNITS = {"eip155": "wei", "minter": "pip"}


@dataclass(frozen=True, slots=True)
class Line:
    """One account: who, which asset, both figures in base units."""

    who: str
    asset: str
    ledger: int
    chain: int


def close(client: Client, acts: Sequence[Callable[[], list[Line]]], tell: Tell) -> None:
    """Raises Breach unless every line is equal and the books balance."""
    lines = awaited(
        lambda: [line for act in acts for line in act()],
        lambda found: all(line.ledger == line.chain for line in found),
        WAIT_S,
        "ledger and chain are not equal",
    )
    width = max(len(line.who) for line in lines)
    tell("")
    tell(f"{'wallet':<{width}}  {'asset':<5} {'ledger':>24} {'chain':>24}")
    for line in lines:
        tell(f"{line.who:<{width}}  {line.asset:<5} {line.ledger:>24} {line.chain:>24}  equal")
    holds(client.read.books_balanced(), "the books balance")
    for purse in client.read.purses():
        unit = _UNITS.get(purse.network.partition(":")[0], "units")
        tell(f"The purse of {purse.network} has paid {purse.fees_paid} {unit} of fees, all in the ledger.")
    tell("The books balance.")
