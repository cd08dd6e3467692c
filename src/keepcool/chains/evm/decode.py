"""What a transaction would really do, from its own bytes: the party about to sign decodes it here.

Laws: everything understood is listed, everything that no ordinary payment has is a hazard, everything not
understood is malformed or an opaque hazard; the digests are computed here. Safe 1.4.1 and 1.5.0.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.evm.address import ZERO
from keepcool.chains.evm.assets import native_asset, network_of_chain
from keepcool.chains.evm.batch import Call, parse_batch
from keepcool.chains.evm.calls import OPAQUE, Meaning, read_call
from keepcool.chains.evm.profiles import SafeProfile
from keepcool.chains.evm.safe import DELEGATECALL, SafeTx, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.effects import ContractCall, Effects, Hazard, Payment, Slot
from keepcool.core.money import Amount

FAMILY = "evm"


def decode_safe_tx(tx: SafeTx, profile: SafeProfile) -> Effects:
    """The effects of executing `tx` on a Safe of `profile`. Raises Malformed on bytes that would not
    execute or are not the standard encoding."""
    meanings, hazards = _meanings(tx, profile)
    payments = tuple(payment for meaning in meanings for payment in meaning.payments)
    inner = tuple(hazard for meaning in meanings for hazard in meaning.hazards)
    return Effects(
        family=FAMILY,
        network=tx.network,
        source=tx.safe,
        payments=payments,
        calls=tuple(meaning.call for meaning in meanings),
        change=(),
        hazards=(*hazards, *_refunds(tx), *inner, *_lost(payments, profile)),
        slots=(tx.slot,),
        fee_max=None,
        digests=(safe_tx_hash(tx),),
    )


def decode_account_tx(tx: Transaction, account: str) -> Effects:
    """The effects of a plain account's transaction; `account` is "" when nobody has signed it yet."""
    network = network_of_chain(tx.chain_id)
    meanings: tuple[Meaning, ...] = ()
    if not (tx.to == account and not tx.value and not tx.data):
        meanings = (read_call(network, account, Call(tx.to, tx.value, tx.data)),)
    return Effects(
        family=FAMILY,
        network=network,
        source=account,
        payments=tuple(payment for meaning in meanings for payment in meaning.payments),
        calls=tuple(meaning.call for meaning in meanings),
        change=(),
        hazards=tuple(hazard for meaning in meanings for hazard in meaning.hazards),
        slots=(Slot(network, f"account:{account}", tx.nonce),),
        fee_max=Amount(native_asset(network), tx.fee_wei_max),
        digests=(tx.digest(),),
    )


def opaque(effects: Effects) -> tuple[Hazard, ...]:
    """The hazards behind which something stayed undecoded."""
    return tuple(hazard for hazard in effects.hazards if hazard.code in OPAQUE)


def is_void(tx: SafeTx) -> bool:
    """A plain call of the Safe to itself without value or data: it only consumes the nonce."""
    return tx.to == tx.safe and not tx.value and not tx.data and tx.operation != DELEGATECALL


def _meanings(tx: SafeTx, profile: SafeProfile) -> tuple[Sequence[Meaning], tuple[Hazard, ...]]:
    if is_void(tx):
        return (), ()
    if tx.operation != DELEGATECALL:
        return (read_call(tx.network, tx.safe, Call(tx.to, tx.value, tx.data)),), ()
    if tx.to != profile.multisend_call_only.address:
        return (_foreign(tx),), ()
    calls = parse_batch(tx.data)
    hazards: tuple[Hazard, ...] = ()
    if tx.value:
        hazards += (Hazard("safe.batch_value", "a batch carries a value of its own, which does nothing"),)
    if not calls:
        hazards += (Hazard("safe.batch_empty", "a batch of no calls: it only consumes the nonce"),)
    return [read_call(tx.network, tx.safe, call) for call in calls], hazards


def _foreign(tx: SafeTx) -> Meaning:
    selector = "0x" + tx.data[:4].hex() if tx.data else ""
    danger = Hazard(
        "safe.delegatecall",
        f"DELEGATECALL: runs the code at {tx.to} as the wallet itself, which may take all and change owners",
    )
    return Meaning((), ContractCall(tx.to, selector, "delegatecall"), (danger,))


def _refunds(tx: SafeTx) -> tuple[Hazard, ...]:
    """A refund pays whoever executes, out of the wallet; safeTxGas lets a failed payment burn the nonce."""
    if not (tx.safe_tx_gas or tx.base_gas or tx.gas_price) and tx.gas_token == tx.refund_receiver == ZERO:
        return ()
    fields = (
        ("safe_tx_gas", tx.safe_tx_gas),
        ("base_gas", tx.base_gas),
        ("gas_price", tx.gas_price),
        ("gas_token", "" if tx.gas_token == ZERO else tx.gas_token),
        ("refund_receiver", "" if tx.refund_receiver == ZERO else tx.refund_receiver),
    )
    return tuple(
        Hazard(f"safe.{name}", f"{name} is {value}; every payment of ours leaves it zero")
        for name, value in fields
        if value
    )


def _lost(payments: Sequence[Payment], profile: SafeProfile) -> tuple[Hazard, ...]:
    return tuple(
        Hazard(
            "recipient.contract",
            f"pays {payment.recipient}, a contract of the Safe itself: coins stuck there",
        )
        for payment in payments
        if profile.owns(payment.recipient)
    )
