"""Which coins pay a batch, at which fees: goals made of settings and rates, handed to the searches.

Laws: no rung costs more than the batch may; change is split so that payouts to come do not queue behind one
coin; what is chosen fits into one question to a signer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.payouts.bitcoin.fees import Rates, climbing
from keepcool.chains.bitcoin import address, ladder
from keepcool.chains.bitcoin.coins import Coin, Shape
from keepcool.chains.bitcoin.goals import ChangePlan, Goal, Selection
from keepcool.chains.bitcoin.networks import Network, Replacement
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.core.intent import Output
from keepcool.ports.system import Entropy

GRIND_TIMES = 3  # a rate so many times the long-term one is high: weight is saved before all else


@dataclass(frozen=True, slots=True)
class Wanted:
    """`fee_max`: satoshi. `part_sat`: change is split into coins of at least so much, up to `parts`."""

    outputs: tuple[TxOutput, ...]
    fee_max: int
    shape: Shape
    parts: int = 1
    part_sat: int = 0
    inputs_max: int = 400


def outputs_of(row: Network, outputs: Sequence[Output]) -> tuple[TxOutput, ...]:
    return tuple(TxOutput(one.amount.units, address.parse_address(row, one.recipient)) for one in outputs)


def long_term(rates: Rates, fees: BitcoinFeeSettings) -> int:
    """What spending a coin is expected to cost some other day."""
    return fees.fee_rate_long_term or max(rates.floor, fees.fee_rate_fallback)


def goal_of(row: Network, wanted: Wanted, rates: Rates, fees: BitcoinFeeSettings) -> Goal:
    usual = long_term(rates, fees)
    return Goal(
        network=row,
        outputs=wanted.outputs,
        fee_rate=rates.now,
        long_term_rate=usual,
        change=ChangePlan(wanted.shape, wanted.parts, wanted.part_sat),
        fee_sat_max=wanted.fee_max,
        grind_rate=GRIND_TIMES * usual,
        inputs_max=wanted.inputs_max,
    )


def climbed(
    coins: Sequence[Coin], goal: Goal, fees: BitcoinFeeSettings, entropy: Entropy
) -> tuple[Selection, ...]:
    """The rungs of a payment, cheapest first, on the same coins. Raises Conflict `coins.insufficient`,
    Refused `coins.fee`."""
    return ladder.climb(coins, climbable(goal), climbing(goal.rate, fees), entropy)


def climbable(goal: Goal) -> Goal:
    """A dearer rung also helps where nodes do not replace: when they refuse the cheapest as too cheap."""
    return replace(goal, network=replace(goal.network, replacement=Replacement.ANY))
