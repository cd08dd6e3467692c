"""What an owner asked for, and whether an intent says exactly that: the check before a signature.

Law: every field of an intent is compared with what the caller himself holds, and none is taken from App; what
differs is refused and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from keepcool.chains.families import family_of
from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Intent, Purpose

LIFETIME_S_MAX = 604_800
_PURSE_PAYS = "eip155:"


@dataclass(frozen=True, slots=True)
class Order:
    """One payment out of `wallet`: `units` of `asset` (base units) to `to`, or shared out as `outputs` says.
    `fee_max`: the most it may cost, base units of the network's own asset; it may be left out only where the
    house's purse pays the fee and not the wallet (EVM networks). `lifetime_s_max`: how long it may wait."""

    wallet: str
    asset: str
    units: int
    to: str = ""
    fee_max: int | None = None
    outputs: Mapping[str, int] = field(default_factory=dict)
    lifetime_s_max: int = LIFETIME_S_MAX

    @property
    def payments(self) -> dict[str, int]:
        return dict(self.outputs) or {self.to: self.units}


def check_bounded(order: Order, network: str) -> None:
    """Raises Malformed on an order that leaves open what its owner pays."""
    if order.fee_max is None and not network.startswith(_PURSE_PAYS):
        text = (
            "this wallet pays its own fees: say the most it may cost (fee_max; --fee-max), it is signed too"
        )
        raise Malformed("client.fee_max", text)
    if sum(order.payments.values()) != order.units:
        raise Malformed("client.outputs", "the outputs do not add up to the amount")


def check_intent(intent: Intent, order: Order, network: str, now_s: int) -> None:
    """Returns when the intent is this order and nothing else. Raises Refused with all that differs."""
    check_bounded(order, network)
    wrong = list(_differences(intent, order, network, now_s))
    if wrong:
        text = f"not signed: this is not what you asked for: {'; '.join(wrong)}"
        raise Refused("client.intent_differs", text)


def _differences(intent: Intent, order: Order, network: str, now_s: int) -> Iterator[str]:
    if intent.purpose is not Purpose.PAY:
        yield "it pays nobody"
    if intent.network != network:
        yield f"network {intent.network} instead of {network}"
    if intent.source != order.wallet:
        yield f"out of wallet {intent.source} instead of {order.wallet}"
    yield from _paid(intent, order, network)
    yield from _fee(intent, order, network)
    if intent.expires_at_s <= now_s:
        yield "it has expired"
    if intent.expires_at_s > now_s + order.lifetime_s_max:
        yield f"it could wait {intent.expires_at_s - now_s} s, longer than {order.lifetime_s_max} s"


def _paid(intent: Intent, order: Order, network: str) -> Iterator[str]:
    wanted = [(_spelled(network, to), order.asset, units) for to, units in order.payments.items()]
    found = [(one.recipient, str(one.amount.asset), one.amount.units) for one in intent.outputs]
    if found != wanted:
        yield f"it pays {_told(found)} instead of {_told(wanted)}"


def _fee(intent: Intent, order: Order, network: str) -> Iterator[str]:
    fee = intent.fee_max
    name = fee.asset.removeprefix(f"{network}/")
    if not (name == "coin:0" or name.startswith("slip44:")):
        yield f"its fee is in {fee.asset}, which is not the network's own asset"
    if order.fee_max is not None and fee.units > order.fee_max:
        yield f"it may cost {fee.units}, more than {order.fee_max}"


def _spelled(network: str, to: str) -> str:
    """In the one spelling intents have; as it stands where this release knows no such network."""
    try:
        return family_of(NetworkId(network)).parse_recipient(NetworkId(network), to)
    except Malformed:
        return to


def _told(payments: Sequence[tuple[str, str, int]]) -> str:
    return ", ".join(f"{units} of {asset} to {to}" for to, asset, units in payments) or "nothing"
