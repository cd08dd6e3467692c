"""SafeTxs that pay: native coins, a token, many at once, and the void that pays nobody.

Laws: no refund and no gas field is ever set, so the purse pays and nobody else earns; what is built here
decodes to exactly the payments asked for and no hazard.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import parse_recipient
from keepcool.chains.evm.assets import chain_id_of, contract_of, network_of_chain
from keepcool.chains.evm.batch import CALLS_MAX, Call, encode_batch
from keepcool.chains.evm.profiles import SafeProfile
from keepcool.chains.evm.safe import CALL, DELEGATECALL, SafeTx
from keepcool.core.errors import Malformed
from keepcool.core.ids import network_of
from keepcool.core.intent import Output
from keepcool.core.money import UNITS_LIMIT

TRANSFER = bytes.fromhex("a9059cbb")  # transfer(address,uint256)


def pay_native(*, safe: str, chain_id: int, nonce: int, recipient: str, wei: int) -> SafeTx:
    return _single(safe, chain_id, nonce, _native_call(recipient, wei))


def pay_token(*, safe: str, chain_id: int, nonce: int, token: str, recipient: str, units: int) -> SafeTx:
    return _single(safe, chain_id, nonce, _token_call(token, recipient, units))


def pay_many(
    profile: SafeProfile, *, safe: str, chain_id: int, nonce: int, outputs: Sequence[Output]
) -> SafeTx:
    """One batch through the profile's MultiSendCallOnly: either every output is paid or none."""
    if not 1 <= len(outputs) <= CALLS_MAX:
        raise Malformed("batch.size", f"a batch pays 1 to {CALLS_MAX} outputs")
    return SafeTx(
        safe=safe,
        chain_id=chain_id,
        to=profile.multisend_call_only.address,
        value=0,
        data=encode_batch([call_of(output, chain_id) for output in outputs]),
        operation=DELEGATECALL,
        nonce=nonce,
    )


def pay(profile: SafeProfile, *, safe: str, chain_id: int, nonce: int, outputs: Sequence[Output]) -> SafeTx:
    """The cheapest SafeTx that pays these outputs: one directly, several as a batch."""
    if len(outputs) != 1:
        return pay_many(profile, safe=safe, chain_id=chain_id, nonce=nonce, outputs=outputs)
    return _single(safe, chain_id, nonce, call_of(outputs[0], chain_id))


def void(*, safe: str, chain_id: int, nonce: int) -> SafeTx:
    """Consumes the nonce and does nothing: a call of the Safe to itself without value or data."""
    return _single(safe, chain_id, nonce, Call(safe, 0, b""))


def _single(safe: str, chain_id: int, nonce: int, call: Call) -> SafeTx:
    return SafeTx(
        safe=safe,
        chain_id=chain_id,
        to=call.to,
        value=call.value,
        data=call.data,
        operation=CALL,
        nonce=nonce,
    )


def call_of(output: Output, chain_id: int) -> Call:
    """The call that pays it. Raises Malformed on another chain's asset."""
    asset = output.amount.asset
    if chain_id_of(network_of(asset)) != chain_id:
        raise Malformed("asset.network", f"{asset} does not live on {network_of_chain(chain_id)}")
    token = contract_of(asset)
    if token is None:
        return _native_call(output.recipient, output.amount.units)
    return _token_call(token, output.recipient, output.amount.units)


def _native_call(recipient: str, wei: int) -> Call:
    return Call(parse_recipient(recipient), _positive(wei), b"")


def _token_call(token: str, recipient: str, units: int) -> Call:
    words = abi.encode(abi.address(parse_recipient(recipient)), abi.uint(_positive(units)))
    return Call(parse_recipient(token), 0, TRANSFER + words)


def _positive(units: int) -> int:
    if type(units) is not int or not 1 <= units < UNITS_LIMIT:
        raise Malformed("amount.range", "a payment is at least one base unit and below 2**256")
    return units
