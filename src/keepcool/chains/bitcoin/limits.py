"""How far a transaction may go: its shape, its fee, the size of its outputs.

Laws: every bound has a number; a fee is bounded three times (absolutely, per virtual byte, as a share of
what is moved), because each alone lets something through; time locks other than "not before this block"
belong to no payment. BIP-68, BIP-125.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import (
    AMOUNT_LIMIT,
    SEQUENCE_FINAL,
    SEQUENCE_LOCKTIME,
    SEQUENCE_REPLACEABLE,
    Transaction,
    TxOutput,
)
from keepcool.core.errors import Malformed

CHANGE_END = 100_000  # a restore looks at so many of each branch before it has found any
_HEIGHTS = 500_000_000  # a locktime from here on is a time
_SEQUENCES = (SEQUENCE_FINAL, SEQUENCE_LOCKTIME, SEQUENCE_REPLACEABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`fee_rate_max` is per 1000 virtual bytes, `fee_share_max` in thousandths of what is paid (of what is
    returned, where nobody is paid). `locktime_max`: the highest block the transaction may wait for.
    `own_receiving`: outputs may go to own addresses that are not change. `unrelayed`: outputs and fees may be
    smaller than nodes relay."""

    fee_sat_max: int
    fee_rate_max: int
    fee_share_max: int
    locktime_max: int = 0
    data_bytes_max: int = 0
    own_receiving: bool = False
    unrelayed: bool = False
    inputs_max: int = 1_000
    outputs_max: int = 3_000
    change_max: int = 20
    change_index_max: int = CHANGE_END - 1
    vsize_max: int = 100_000
    psbt_bytes_max: int = 4 * 1024 * 1024


UNBOUNDED = Limits(
    fee_sat_max=AMOUNT_LIMIT,
    fee_rate_max=AMOUNT_LIMIT * 1000,
    fee_share_max=AMOUNT_LIMIT * 1000,
    locktime_max=_HEIGHTS - 1,
    data_bytes_max=4 * 1024 * 1024,
    own_receiving=True,
    unrelayed=True,
    outputs_max=100_000,
    inputs_max=100_000,
    change_max=100_000,
    change_index_max=2**31,
    vsize_max=1_000_000,
)
"""For looking at a transaction, not for signing one: every lie is still refused, no taste is."""


def check_shape(tx: Transaction, limits: Limits) -> None:
    """Raises Malformed (`psbt.…`) on a version, count, repeated coin, sequence or locktime no payment has."""
    if tx.version not in (1, 2):
        raise Malformed("psbt.tx_version", f"transactions have version 1 or 2, not {tx.version}")
    if not 1 <= len(tx.inputs) <= limits.inputs_max:
        raise Malformed("psbt.inputs", f"a draft has 1 to {limits.inputs_max} inputs, not {len(tx.inputs)}")
    if not 1 <= len(tx.outputs) <= limits.outputs_max:
        raise Malformed(
            "psbt.outputs", f"a draft has 1 to {limits.outputs_max} outputs, not {len(tx.outputs)}"
        )
    if len({one.outpoint for one in tx.inputs}) < len(tx.inputs):
        raise Malformed("psbt.input_twice", "the draft spends one coin twice; its amount would count twice")
    if any(one.sequence not in _SEQUENCES for one in tx.inputs):
        raise Malformed("psbt.sequence", "an input's sequence sets a relative time lock; no payment does")
    _check_locktime(tx, limits)


def _check_locktime(tx: Transaction, limits: Limits) -> None:
    if not tx.locktime:
        return
    if tx.locktime >= _HEIGHTS:
        raise Malformed("psbt.locktime_time", "the draft waits for a time of day; a payment waits for none")
    if tx.locktime > limits.locktime_max:
        raise Malformed(
            "psbt.locktime", f"the draft waits for block {tx.locktime}; at most {limits.locktime_max} is now"
        )
    if all(one.sequence == SEQUENCE_FINAL for one in tx.inputs):
        raise Malformed("psbt.locktime_void", "the draft's locktime has no effect: every sequence is final")


def check_amounts(outputs: Sequence[TxOutput], network: Network, limits: Limits) -> None:
    """Raises Malformed on an output that no node relays, or that pays to nobody."""
    for output in outputs:
        if is_data(output):
            if output.amount_sat:
                raise Malformed("psbt.burn", f"{output.amount_sat} would go to a data output: lost for ever")
        elif not limits.unrelayed and output.amount_sat < network.dust_sat(output.script):
            raise Malformed(
                "psbt.dust",
                f"an output of {output.amount_sat} costs more to spend than it holds; on {network.name} the "
                f"least is {network.dust_sat(output.script)}",
            )
    carried = data_bytes(outputs)
    if carried > limits.data_bytes_max:
        raise Malformed(
            "psbt.data", f"the draft carries {carried} bytes of data; at most {limits.data_bytes_max} may be"
        )


def is_data(output: TxOutput) -> bool:
    return output.script[:1] == b"\x6a"


def data_bytes(outputs: Sequence[TxOutput]) -> int:
    """How much is carried beside payments: what follows OP_RETURN."""
    return sum(len(output.script) - 1 for output in outputs if is_data(output))


def check_fee(*, fee_sat: int, vsize: int, moved_sat: int, network: Network, limits: Limits) -> None:
    """`vsize` of the signed transaction. Raises Malformed, naming the bound that was passed."""
    if fee_sat < 0:
        raise Malformed("psbt.overspent", f"the outputs hold {-fee_sat} more than the inputs")
    if vsize > limits.vsize_max:
        raise Malformed(
            "psbt.vsize", f"signed it has {vsize} virtual bytes; at most {limits.vsize_max} are relayed"
        )
    if fee_sat > limits.fee_sat_max:
        raise Malformed("psbt.fee", f"the fee is {fee_sat}; at most {limits.fee_sat_max} is allowed")
    if fee_sat * 1000 > limits.fee_rate_max * vsize:
        raise Malformed(
            "psbt.fee_rate",
            f"the fee is {fee_sat} for {vsize} virtual bytes; at most {limits.fee_rate_max} per 1000 may be",
        )
    if not limits.unrelayed and fee_sat * 1000 < network.fee_rate_min * vsize:
        raise Malformed(
            "psbt.fee_rate_low",
            f"the fee is {fee_sat} for {vsize} virtual bytes: below {network.fee_rate_min} per 1000 nobody "
            f"on {network.name} relays it",
        )
    if fee_sat * 1000 > limits.fee_share_max * moved_sat:
        raise Malformed(
            "psbt.fee_share",
            f"the fee is {fee_sat} where {moved_sat} is moved: at most {limits.fee_share_max} thousandths",
        )
