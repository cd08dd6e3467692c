"""What a Minter transaction would really do, from its own bytes: the party about to sign decodes it here.

Laws: payments are listed to the last pip, every type that is no payment is a hazard, so are bytes no payment
of ours carries; the digest is computed here. The fee is taken from the wallet itself in the gas coin: its
price stands on the chain, so what is known here is the multiplier.
"""

from __future__ import annotations

import hashlib

from keepcool.chains import rlp
from keepcool.chains.minter.address import is_reserved
from keepcool.chains.minter.assets import coin_asset
from keepcool.chains.minter.data import CreateMultisig, EditMultisig, Multisend, Other, Owners, Send, name_of
from keepcool.chains.minter.payouts import is_burn
from keepcool.chains.minter.signature import MULTI
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.effects import ContractCall, Effects, Hazard, Payment, Slot
from keepcool.core.money import Amount

FAMILY = "minter"


def decode_transaction(tx: Transaction, source: str) -> Effects:
    """The effects of `tx` sent from `source`; "" when nobody has signed it yet."""
    network = tx.network
    burns = bool(source) and is_burn(tx, source)
    sends = () if burns else _sends(tx)
    return Effects(
        family=FAMILY,
        network=network,
        source=source,
        payments=tuple(
            Payment(send.to, Amount(coin_asset(network, send.coin), send.value)) for send in sends
        ),
        calls=() if burns else (ContractCall("", f"0x{tx.type:02x}", name_of(tx.type)),),
        change=(),
        hazards=(*_of_type(tx), *_beside(tx), *_lost(sends)),
        slots=(Slot(network, f"account:{source}", tx.nonce),),
        fee_max=None,
        digests=(tx.digest(),),
        fee_rate=tx.gas_price,
        fee_asset=coin_asset(network, tx.gas_coin),
        data_bytes=len(tx.payload) + len(tx.service_data),
        data_hash=_data_hash(tx),
    )


def _data_hash(tx: Transaction) -> str:
    if not tx.payload and not tx.service_data:
        return ""
    return hashlib.sha256(rlp.encode([tx.payload, tx.service_data])).hexdigest()


def _sends(tx: Transaction) -> tuple[Send, ...]:
    match tx.data:
        case Send() as send:
            return (send,)
        case Multisend(items):
            return items
        case CreateMultisig() | EditMultisig() | Other():
            return ()


def _of_type(tx: Transaction) -> tuple[Hazard, ...]:
    match tx.data:
        case Send() | Multisend():
            return ()
        case EditMultisig(owners):
            text = f"replaces the wallet's owners: it would belong to {_shared(owners)}"
            return (Hazard("minter.edit_multisig", text),)
        case CreateMultisig(owners):
            return (Hazard("minter.create_multisig", f"creates another multisig, of {_shared(owners)}"),)
        case Other(code, _):
            return (Hazard("minter.type", f"is of type {name_of(code)} (0x{code:02x}), which is no payment"),)


def _shared(owners: Owners) -> str:
    if owners.threshold == 0:
        return "ANYBODY: its threshold is 0"
    rows = (
        f"{address} (weight {weight})"
        for address, weight in zip(owners.addresses, owners.weights, strict=True)
    )
    locked = ", which nobody can reach" if owners.threshold > sum(owners.weights) else ""
    return f"{', '.join(rows)} with a threshold of {owners.threshold}{locked}"


def _beside(tx: Transaction) -> tuple[Hazard, ...]:
    found: tuple[Hazard, ...] = ()
    if tx.service_data:
        found += (Hazard("minter.service_data", "carries service data; our payments leave it empty"),)
    if tx.signature_type != MULTI:
        found += (
            Hazard("minter.signature_type", "is signed as a plain account's transaction, not a multisig's"),
        )
    if tx.nonce == 0:
        found += (Hazard("minter.nonce", "has the nonce 0, which no account ever uses"),)
    return found


def _lost(sends: tuple[Send, ...]) -> tuple[Hazard, ...]:
    return tuple(
        Hazard("recipient.reserved", f"pays {send.to}, which belongs to nobody: coins sent there are lost")
        for send in sends
        if is_reserved(send.to)
    )
