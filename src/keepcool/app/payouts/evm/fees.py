"""What a purse transaction may cost: whole numbers only, bounded three times.

Bounds: the network's fee per gas, what the intent allows, and for a replacement the least that every known
pool accepts (an eighth more on both fees). `None` means: not now, the network asks for more.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.config import FeeSettings
from keepcool.chains.evm.purse import Fees, minimum_replacement
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.money import parse_units

PLAIN_GAS = 21_000
DEPLOY_GAS = 320_000  # measured 296k for a 2-of-3 proxy
EXECUTE_GAS = 55_000  # execTransaction around a call that costs itself, two signatures checked
FIRST_EXECUTE_GAS = 20_000  # the Safe's nonce leaves zero
GAS_MAX = 2**24  # of one transaction, EIP-7825
_MARGIN_PERCENT = 120


@dataclass(frozen=True, slots=True)
class Market:
    """Wei per gas: what the next block takes from everybody, and what its maker expects on top."""

    base: int
    tip: int


def with_margin(gas: int) -> int:
    """The limit for an estimate: a state that moves in between needs some more."""
    return -(-gas * _MARGIN_PERCENT // 100)


def limit(gas: int) -> int:
    """The same, and never more than a transaction may have."""
    return max(gas, min(with_margin(gas), GAS_MAX))


def gas_max(block_gas_limit: int) -> int:
    """What a batch may need by estimate: with its margin it has room in half a block."""
    return min(GAS_MAX, block_gas_limit // 2) * 100 // _MARGIN_PERCENT


def tip_of(settings: FeeSettings, median: int) -> int:
    """What recent blocks took, at least what is configured, at most the whole fee allowed."""
    least, most = parse_units(settings.priority_fee_per_gas), parse_units(settings.fee_per_gas_max)
    return min(max(least, median), most)


def first_fees(market: Market, gas: int, left: int, settings: FeeSettings) -> Fees | None:
    """Twice the base fee where that fits, never less than the next block takes."""
    most = min(parse_units(settings.fee_per_gas_max), left // gas)
    wanted = min(2 * market.base + market.tip, most)
    if wanted < market.base + min(market.tip, 1):
        return None
    return Fees(wanted, min(market.tip, wanted))


def bumped_fees(old: Transaction, market: Market, left: int, settings: FeeSettings) -> Fees | None:
    """Fees that replace `old` in every pool and suit the market."""
    least = minimum_replacement(old)
    most = min(parse_units(settings.fee_per_gas_max), left // old.gas)
    tip = max(least.max_priority_fee_per_gas, market.tip)
    wanted = max(least.max_fee_per_gas, 2 * market.base + tip)
    fees = Fees(min(wanted, most), min(tip, most))
    if fees.max_fee_per_gas < least.max_fee_per_gas:
        return None
    tip = max(fees.max_priority_fee_per_gas, least.max_priority_fee_per_gas)
    return Fees(fees.max_fee_per_gas, tip) if tip <= fees.max_fee_per_gas else None
