"""How the effects of a draft of any family are shown: as plain values for JSON, as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepcool.core.effects import Effects, Payment


def plain_effects(effects: Effects) -> dict[str, object]:
    """For JSON; units as decimal strings."""
    fee = effects.fee_max
    return {
        "family": effects.family,
        "network": effects.network,
        "source": effects.source,
        "payments": [_plain_payment(payment) for payment in effects.payments],
        "calls": [
            {"contract": call.contract, "selector": call.selector, "name": call.name}
            for call in effects.calls
        ],
        "change": [_plain_payment(payment) for payment in effects.change],
        "hazards": [{"code": hazard.code, "text": hazard.text} for hazard in effects.hazards],
        "slots": [
            {"network": slot.network, "space": slot.space, "position": slot.position}
            for slot in effects.slots
        ],
        "fee_max": None if fee is None else {"asset": fee.asset, "units": str(fee.units)},
        "fee_rate": effects.fee_rate,
        "fee_asset": effects.fee_asset,
        "data_bytes": effects.data_bytes,
        "digests": ["0x" + digest.hex() for digest in effects.digests],
    }


def _plain_payment(payment: Payment) -> dict[str, str]:
    return {
        "recipient": payment.recipient,
        "asset": payment.amount.asset,
        "units": str(payment.amount.units),
    }


def payment_lines(effects: Effects) -> list[str]:
    return [
        f"Pays           {payment.amount.units} of {payment.amount.asset} to {payment.recipient}"
        for payment in effects.payments
    ]


def idle_lines(effects: Effects) -> list[str]:
    """One line when nothing is paid and nothing called."""
    if effects.payments or effects.calls:
        return []
    return ["Pays           nobody: it only uses up the nonce"]


def hazard_lines(effects: Effects) -> list[str]:
    if not effects.hazards:
        return ["Hazards        none"]
    return [f"HAZARD         {hazard.text} [{hazard.code}]" for hazard in effects.hazards]
