"""What coins are wanted for: payments at a fee rate, and what becomes of the rest.

Laws: nothing below the dust of the network's row is paid or made; no rate lies below its floor; change that
would cost more to spend than it holds is never made; what is exact is counted on the whole transaction, what
is searched for is counted in grains and never less than exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepcool.chains.bitcoin.coins import GRAINS, Coin, Shape, fee_of, vsize_of
from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.limits import is_data
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.searches import TRIES_MAX, Bounds
from keepcool.chains.bitcoin.transaction import TxOutput, encode_output
from keepcool.core.errors import Malformed

_FRAME = 4 * 8 + 2  # version and locktime; marker and flag
_ROUNDING = 3  # a virtual byte is begun by one unit of four


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Change goes to scripts of `shape`, in up to `parts` coins of at least `part_sat` each, so that drafts
    to come do not wait for one coin."""

    shape: Shape
    parts: int = 1
    part_sat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`fee_rate` and `long_term_rate` are per 1000 virtual bytes; the latter is what spending a coin is
    expected to cost some other day. From `grind_rate` on weight is saved before all else."""

    network: Network
    outputs: tuple[TxOutput, ...]
    fee_rate: int
    long_term_rate: int
    change: ChangePlan
    fee_sat_max: int
    grind_rate: int
    inputs_max: int = 400
    vsize_max: int = 100_000
    tries_max: int = TRIES_MAX

    @property
    def rate(self) -> int:
        """Never below what nodes relay."""
        return max(self.fee_rate, self.network.fee_rate_min)

    @property
    def premium(self) -> int:
        """What a unit of weight costs now above the long term, in grains."""
        return self.rate - self.long_term_rate

    @property
    def paid_sat(self) -> int:
        return sum(output.amount_sat for output in self.outputs)

    @property
    def change_least_sat(self) -> int:
        """The least a coin of change holds: no dust, and worth its spending some other day."""
        shape = self.change.shape
        spending = fee_of(-(-shape.weight // 4), self.long_term_rate)
        return max(self.network.dust_sat(shape.script_pubkey), spending + 1)

    @property
    def change_cost_grains(self) -> int:
        """What one coin of change costs: made now, spent some other day."""
        shape = self.change.shape
        return 4 * shape.output_bytes * self.rate + shape.weight * self.long_term_rate

    @property
    def change_made_grains(self) -> int:
        """What the outputs gain at least when change is made: it and its bytes, and those of the count."""
        made = 4 * (self.change.shape.output_bytes + 2) * self.rate
        return self.change_least_sat * GRAINS + made + GRAINS

    @property
    def target_grains(self) -> int:
        """What the gains of inputs reach so that payments and fee are covered without change."""
        fixed = self._fixed_weight + _ROUNDING
        return (self.paid_sat + 1) * GRAINS - 1 + fixed * self.rate

    @property
    def bounds(self) -> Bounds:
        spare = 4 * (self.change.shape.output_bytes * self.change.parts + 2)
        left = 4 * self.vsize_max - self._fixed_weight - spare
        return Bounds(self.inputs_max, max(left, 0), self.tries_max)

    @property
    def _fixed_weight(self) -> int:
        counts = len(compact(self.inputs_max)) + len(compact(len(self.outputs)))
        return _FRAME + 4 * (counts + self.outputs_bytes)

    @property
    def outputs_bytes(self) -> int:
        return sum(len(encode_output(output)) for output in self.outputs)

    def vsize(self, coins: Sequence[Coin], parts: int) -> int:
        """Virtual bytes, once signed, with so many coins of change."""
        shapes = [coin.shape for coin in coins]
        size = self.outputs_bytes + parts * self.change.shape.output_bytes
        return vsize_of(shapes, len(self.outputs) + parts, size)


class Method(StrEnum):
    """How coins were found."""

    BRANCH_AND_BOUND = "branch-and-bound"
    RANDOM_DRAW = "single-random-draw"
    GRINDER = "coin-grinder"
    LARGEST = "largest-first"
    CONSOLIDATION = "consolidation"
    SWEEP = "sweep"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class Selection:
    """Coins - payments - change - fee is 0. `waste` in grains, as Bitcoin Core counts it: what the inputs
    cost now above the long term, and either the change or the excess that went to the fee."""

    coins: tuple[Coin, ...]
    outputs: tuple[TxOutput, ...]
    change_sat: tuple[int, ...]
    fee_sat: int
    vsize: int
    waste: int
    method: Method

    @property
    def held_sat(self) -> int:
        return sum(coin.amount_sat for coin in self.coins)


def check_goal(goal: Goal) -> None:
    """Raises Malformed on payments that nobody relays, on a rate or a plan that is none."""
    if goal.fee_rate <= 0 or goal.long_term_rate <= 0:
        raise Malformed("coins.rate", "a fee rate is above 0, and so is the long-term rate")
    if goal.change.parts < 1 or goal.change.part_sat < 0:
        raise Malformed("coins.parts", "change comes in at least one part, of an amount that is not negative")
    if goal.inputs_max < 1 or goal.tries_max < 1:
        raise Malformed("coins.bounds", "a draft has at least one input, and a search at least one try")
    goal.network.check_kind(goal.change.shape.kind)
    for output in goal.outputs:
        _check_output(output, goal.network)


def balanced(goal: Goal, coins: Sequence[Coin], method: Method) -> Selection | None:
    """Payments, change and fee that these coins come to, to the last unit; None when they do not cover."""
    left = sum(coin.amount_sat for coin in coins) - goal.paid_sat
    premium = goal.premium * sum(coin.shape.weight for coin in coins)
    for parts in range(goal.change.parts, 0, -1):
        vsize = goal.vsize(coins, parts)
        fee_sat = fee_of(vsize, goal.rate)
        least = max(goal.change_least_sat, goal.change.part_sat if parts > 1 else 0)
        if left - fee_sat >= parts * least:
            change_sat, waste = parted(left - fee_sat, parts), premium + parts * goal.change_cost_grains
            return Selection(tuple(coins), goal.outputs, change_sat, fee_sat, vsize, waste, method)
    vsize = goal.vsize(coins, 0)
    excess = left - fee_of(vsize, goal.rate)
    if excess < 0 or not goal.outputs:
        return None
    return Selection(tuple(coins), goal.outputs, (), left, vsize, premium + excess * GRAINS, method)


def parted(amount_sat: int, parts: int) -> tuple[int, ...]:
    """In equal parts, the first ones larger by a unit where it does not divide."""
    each, over = divmod(amount_sat, parts)
    return tuple(each + (place < over) for place in range(parts))


def _check_output(output: TxOutput, network: Network) -> None:
    least = 0 if is_data(output) else network.dust_sat(output.script)
    if output.amount_sat < least:
        raise Malformed(
            "coins.dust",
            f"a payment of {output.amount_sat} costs more to spend than it holds; on {network.name} the "
            f"least is {least}",
        )
    if is_data(output) and output.amount_sat:
        raise Malformed("coins.burn", f"{output.amount_sat} would go to a data output: lost for ever")
