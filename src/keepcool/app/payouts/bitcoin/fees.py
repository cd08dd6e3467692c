"""What to pay: the nodes' estimate between a floor and a cap, and the rates a payment may climb to.

Laws: never below what nodes relay now, never above the configured cap, whatever an estimate says; where
nothing is known the fallback is taken. Rates are per 1000 virtual bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.core.errors import Unavailable

RAISE_NUMERATOR, RAISE_DENOMINATOR = 2, 1  # each rung pays so much more than the one below it


@dataclass(frozen=True, slots=True)
class Rates:
    """`now`: what a payment is begun with. `estimate` None: the nodes know none."""

    now: int
    floor: int
    estimate: int | None


async def rates(lane: BitcoinLane) -> Rates:
    """Raises Unavailable without a node, and `payout.fee_high` while nodes ask for more than the cap."""
    estimate = await lane.node.fee_rate(lane.settings.fees.target_blocks)
    floor = max(lane.row.fee_rate_min, await lane.node.relay_floor())
    fees = lane.settings.fees
    if max(estimate or 0, floor) > fees.fee_rate_max:
        text = f"nodes ask for more than fee_rate_max, {fees.fee_rate_max} per 1000 vbytes"
        await lane.note("payout.fee_high", lane.network, text)
    return bounded(estimate, floor, fees)


def bounded(estimate: int | None, floor: int, fees: BitcoinFeeSettings) -> Rates:
    """An absurd estimate costs no more than the cap; one that is none is not believed at all."""
    if floor > fees.fee_rate_max:
        text = f"nodes relay from {floor} per 1000 vbytes on; at most {fees.fee_rate_max} is allowed here"
        raise Unavailable("payout.fee_high", text)
    known = estimate if estimate is not None and estimate > 0 else None
    wanted = fees.fee_rate_fallback if known is None else known
    return Rates(min(max(wanted, floor), fees.fee_rate_max), floor, known)


def climbing(start: int, fees: BitcoinFeeSettings) -> tuple[int, ...]:
    """The rates of the rungs above the first, ascending, none above the cap."""
    found, rate = list[int](), start
    while len(found) + 1 < fees.rungs and rate < fees.fee_rate_max:
        rate = min(-(-rate * RAISE_NUMERATOR // RAISE_DENOMINATOR), fees.fee_rate_max)
        found.append(rate)
    return tuple(found)
