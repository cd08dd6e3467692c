"""What one call made by a wallet does: a payment, or something an ordinary payment never is.

Laws: a call is a payment only when every byte of it is understood; arguments of a known function that do
not decode are malformed; everything else carries a hazard.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import ZERO, is_reserved
from keepcool.chains.evm.assets import native_asset, token_asset
from keepcool.chains.evm.batch import Call
from keepcool.chains.evm.payouts import TRANSFER
from keepcool.chains.evm.selectors import FUNCTIONS, Function
from keepcool.core.effects import ContractCall, Hazard, Payment
from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount

# Hazards behind which bytes remain that nobody here understands.
OPAQUE = frozenset({"call.unknown", "safe.delegatecall", "safe.approve"})
_SHOWN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of one call."""

    payments: tuple[Payment, ...]
    call: ContractCall
    hazards: tuple[Hazard, ...]


def read_call(network: NetworkId, wallet: str, call: Call) -> Meaning:
    """What `wallet` does by this call. Raises Malformed on arguments that are not the standard encoding."""
    hazards = _target_hazards(wallet, call.to)
    if not call.data:
        return _native(network, call, hazards)
    payments: tuple[Payment, ...] = ()
    if call.value:
        payments = (Payment(call.to, Amount(native_asset(network), call.value)),)
        hazards += (
            Hazard("call.value", f"sends {call.value} wei together with a contract call to {call.to}"),
        )
    selector = call.data[:4]
    function = FUNCTIONS.get(selector)
    if function is None:
        hazards += (_unknown(call),)
        return Meaning(payments, ContractCall(call.to, "0x" + selector.hex(), "unknown"), hazards)
    named = ContractCall(call.to, "0x" + selector.hex(), function.signature)
    if selector == TRANSFER:
        payment, more = _transfer(network, call)
        return Meaning((*payments, payment), named, hazards + more)
    return Meaning(payments, named, hazards + _named(function, call))


def _native(network: NetworkId, call: Call, hazards: tuple[Hazard, ...]) -> Meaning:
    plain = ContractCall(call.to, "", "")
    if call.value == 0:
        empty = Hazard("call.empty", f"calls {call.to} with neither value nor data")
        return Meaning((), plain, (*hazards, empty))
    return Meaning((Payment(call.to, Amount(native_asset(network), call.value)),), plain, hazards)


def _transfer(network: NetworkId, call: Call) -> tuple[Payment, tuple[Hazard, ...]]:
    reader = abi.Reader(call.data[4:], 2)
    recipient, units = reader.address(), reader.uint()
    reader.finish()
    payment = Payment(recipient, Amount(token_asset(network, call.to), units))
    if recipient == call.to:
        return payment, (
            Hazard("token.recipient", f"sends tokens to their own contract {call.to}, for ever"),
        )
    if is_reserved(recipient):
        return payment, (Hazard("recipient.reserved", f"pays {recipient}, which belongs to nobody"),)
    return payment, ()


def _target_hazards(wallet: str, to: str) -> tuple[Hazard, ...]:
    if to == wallet:
        return (Hazard("safe.self_call", "calls the wallet itself, which may change its owners and rules"),)
    if to == ZERO:  # inside a batch of 1.5.0 the zero address means the Safe itself
        return (
            Hazard(
                "recipient.zero", "calls the zero address: coins lost, or inside a batch the wallet itself"
            ),
        )
    if is_reserved(to):
        return (Hazard("recipient.reserved", f"calls {to}, which belongs to nobody"),)
    return ()


def _named(function: Function, call: Call) -> tuple[Hazard, ...]:
    values = abi.decode(function.kinds, call.data[4:])
    shown = ", ".join(_shown(value) for value in values)
    named = Hazard(function.hazard, f"{function.name}({shown}) on {call.to}: {function.danger}")
    handed_on = any(value for kind, value in zip(function.kinds, values, strict=True) if kind == "bytes")
    if not handed_on:
        return (named,)
    text = f"{function.name} on {call.to} hands on data nobody here understands"
    return named, Hazard("call.unknown", text)


def _unknown(call: Call) -> Hazard:
    shown = call.data[:_SHOWN_BYTES].hex()
    more = f"… ({len(call.data)} bytes)" if len(call.data) > _SHOWN_BYTES else ""
    return Hazard("call.unknown", f"calls {call.to} with data nobody here understands: 0x{shown}{more}")


def _shown(value: abi.Value) -> str:
    match value:
        case bytes():
            return "0x" + value.hex() if len(value) <= _SHOWN_BYTES else f"{len(value)} bytes"
        case tuple():
            return "[" + ", ".join(value) + "]"
        case bool() | int() | str():
            return str(value)
