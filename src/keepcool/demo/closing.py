"""The closing table: per wallet, what the ledger says beside what the chain says, equal to the unit."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.client.api import awaited
from keepcool.demo.stage import Stage
from keepcool.demo.story import Cast, Tell, holds

_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Line:
    """One account: who, which asset, both figures in base units."""

    who: str
    asset: str
    ledger: int
    chain: int


def close(stage: Stage, cast: Cast, tell: Tell) -> None:
    """Raises Breach unless every line is equal and the books balance."""
    lines = awaited(
        lambda: _lines(stage, cast),
        lambda found: all(line.ledger == line.chain for line in found),
        _WAIT_S,
        "ledger and chain are not equal",
    )
    width = max(len(line.who) for line in lines)
    tell("")
    tell(f"{'wallet':<{width}}  {'asset':<5} {'ledger':>24} {'chain':>24}")
    for line in lines:
        tell(f"{line.who:<{width}}  {line.asset:<5} {line.ledger:>24} {line.chain:>24}  equal")
    holds(stage.client.read.books_balanced(), "the books balance")
    fees = stage.client.read.purses()[0].fees_paid
    tell(f"The purse has paid {fees} wei of fees, all of it in the ledger. The books balance.")


def _lines(stage: Stage, cast: Cast) -> list[Line]:
    lines = []
    for who, wallet in (("Alice", cast.alice), ("Bob", cast.bob)):
        totals = {one.asset: int(one.total) for one in stage.client.read.balances(wallet.id)}
        for symbol, asset, token in (("ETH", stage.eth, None), ("USDX", stage.usd, stage.token)):
            lines.append(Line(who, symbol, totals.get(asset, 0), stage.chain.balance(wallet.address, token)))
    purse = stage.client.read.purses()[0]
    lines.append(Line("Purse", "ETH", int(purse.booked), stage.chain.balance(purse.address)))
    return lines
