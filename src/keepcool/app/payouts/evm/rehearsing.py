"""What each payment of a batch would do, tried out in order before anybody is asked to sign.

Laws: payments are tried as they would be made, each after those before it; one succeeds when its call does,
the token does not say no, and the recipient ends up with all of it; none is given more gas than a payment may
need. What a node says here is enough to leave a payment out or to try it, never to pay it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.app.payouts.evm import fees, safes
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.chains.evm import abi, payouts
from keepcool.chains.evm.assets import contract_of
from keepcool.chains.evm.batch import Call as Inner
from keepcool.chains.evm.rehearsal import PROGRAM, Outcome, answer, question
from keepcool.chains.evm.safe import CALL, SafeTx
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.core.intent import Output
from keepcool.ports.evmnode import Call

PAYMENT_GAS_MAX = 400_000  # what one call may take inside a batch; who needs more is paid alone
DATA_GAS = 2_500  # a call's bytes in the transaction, and its unpacking
_BALANCE_OF = bytes.fromhex("70a08231")
_REFUSALS = ("node.reverted", "node.insufficient_funds")


@dataclass(frozen=True, slots=True)
class Tried:
    """One payment. `why`: it cannot be made now, because; empty when it can. `heavy`: only for the gas it
    takes."""

    gas: int
    why: str = ""
    heavy: bool = False


async def tried(lane: EvmLane, safe: str, outputs: Sequence[Output]) -> list[Tried]:
    """In order. Where a node cannot tell of all at once, halves are asked about, and single payments last."""
    if len(outputs) == 1 and contract_of(outputs[0].amount.asset) is None:
        return [await _alone(lane, safe, outputs[0])]
    try:
        told = await _together(lane, safe, outputs)
    except Refused as error:
        if error.code not in (*_REFUSALS, "node.no_rehearsals"):
            raise
    else:
        if len(told) > 1 or not told[0].heavy:
            return told
    if len(outputs) == 1:
        return [await _alone(lane, safe, outputs[0])]
    half = len(outputs) // 2
    return [*await tried(lane, safe, outputs[:half]), *await tried(lane, safe, outputs[half:])]


async def gas_of(lane: EvmLane, safe: str, outputs: Sequence[Output]) -> int:
    """Of all these payments in one transaction. Raises Refused `payout.reverts` when one would fail."""
    told = await tried(lane, safe, outputs)
    for one in told:
        if one.why:
            raise Refused("payout.reverts", one.why)
    return fees.PLAIN_GAS + sum(one.gas for one in told)


async def _together(lane: EvmLane, safe: str, outputs: Sequence[Output]) -> list[Tried]:
    steps = [_steps(lane, output) for output in outputs]
    calls = [call for some in steps for call in some]
    said = await lane.node.call(Call(safe, question(calls, PAYMENT_GAS_MAX), supposed=PROGRAM))
    try:
        told = iter(answer(said, len(calls)))
    except Malformed as error:
        raise Unavailable("node.nonsense", f"the node of {lane.network} rehearsed something else") from error
    return [_read(output, [next(told) for _ in some]) for output, some in zip(outputs, steps, strict=True)]


def _steps(lane: EvmLane, output: Output) -> list[Inner]:
    """The payment, and for a token what its recipient has before and after it."""
    payment, token = payouts.call_of(output, lane.chain_id), contract_of(output.amount.asset)
    if token is None:
        return [payment]
    look = Inner(token, 0, _BALANCE_OF + abi.address(output.recipient))
    return [look, payment, look]


def _read(output: Output, told: Sequence[Outcome]) -> Tried:
    payment = told[len(told) // 2]
    gas = payment.gas + DATA_GAS
    if not payment.succeeded:
        heavy = payment.gas * 100 >= PAYMENT_GAS_MAX * 98
        why = f"takes more than {PAYMENT_GAS_MAX} gas" if heavy else "would fail"
        return Tried(gas, f"paying {output.recipient} {why}", heavy)
    if len(told) == 1:
        return Tried(gas)
    if payment.returned and payment.word != 1:
        return Tried(gas, f"the token refuses to pay {output.recipient}")
    before, after = told[0].word, told[2].word
    if before is None or after is None or after - before != output.amount.units:
        got = "an unknown amount" if before is None or after is None else str(after - before)
        return Tried(gas, f"{output.recipient} would get {got} instead of {output.amount.units}")
    return Tried(gas)


async def _alone(lane: EvmLane, safe: str, output: Output) -> Tried:
    call = payouts.call_of(output, lane.chain_id)
    unsigned = SafeTx(
        safe=safe,
        chain_id=lane.chain_id,
        to=call.to,
        value=call.value,
        data=call.data,
        operation=CALL,
        nonce=0,
    )
    try:
        gas = await safes.rehearse(lane.node, unsigned)
    except Refused as error:
        if error.code != "payout.reverts":
            raise
        return Tried(0, error.public)
    return Tried(max(gas - fees.PLAIN_GAS, 0), "", heavy=gas > PAYMENT_GAS_MAX)
