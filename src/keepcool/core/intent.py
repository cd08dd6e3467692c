"""What the business wants: pay these outputs from this wallet, at most this fee, before this time.

The canonical bytes are fixed once, when App makes the intent; evidence (a user's, an approver's
signature) signs `intent_hash` of exactly these bytes. Format version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from keepcool.core import canonical, ids
from keepcool.core.canonical import quoted
from keepcool.core.errors import Malformed
from keepcool.core.ids import IntentId, NetworkId, WalletId
from keepcool.core.money import Amount, parse_units

INTENT_CONTEXT = b"keepcool-intent-v1"
INTENT_VERSION = 1
OUTPUTS_MAX = 200


class Purpose(StrEnum):
    """PAY moves coins to the outputs. VOID pays nobody: it consumes a nonce so that an abandoned
    transaction of the same nonce can never confirm."""

    PAY = "pay"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Output:
    recipient: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Intent:
    """`fee_max` bounds what is spent on fees, in the network's native asset."""

    intent: IntentId
    purpose: Purpose
    network: NetworkId
    source: WalletId
    outputs: tuple[Output, ...]
    fee_max: Amount
    expires_at_s: int

    def __post_init__(self) -> None:
        if (self.purpose is Purpose.PAY) != bool(self.outputs):
            raise Malformed("intent.outputs", "a payment has outputs, a void has none")
        if len(self.outputs) > OUTPUTS_MAX:
            raise Malformed("intent.outputs", f"at most {OUTPUTS_MAX} outputs in one intent")
        if any(output.amount.units == 0 for output in self.outputs):
            raise Malformed("intent.amount", "an output pays at least one base unit")
        if type(self.expires_at_s) is not int or self.expires_at_s <= 0:
            raise Malformed("intent.expiry", "expires_at_s is a Unix time in whole seconds")

    def encoded(self) -> bytes:
        """Canonical bytes: what evidence signs, what every journal remembers."""
        # spelled out, because every signer does this to prove the form of every intent it reads
        outputs = ",".join(
            f'{{"asset":{quoted(output.amount.asset)},"recipient":{quoted(output.recipient)},'
            f'"units":"{output.amount.units}"}}'
            for output in self.outputs
        )
        return (
            f'{{"expires_at_s":{self.expires_at_s},'
            f'"fee_max":{{"asset":{quoted(self.fee_max.asset)},"units":"{self.fee_max.units}"}},'
            f'"intent":{quoted(self.intent)},"network":{quoted(self.network)},"outputs":[{outputs}],'
            f'"purpose":{quoted(self.purpose.value)},"source":{quoted(self.source)},'
            f'"version":{INTENT_VERSION}}}'
        ).encode("ascii")

    def hash(self) -> str:
        return intent_hash(self.encoded()).hex()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What makes an intent legitimate without trusting App. `kind` names the scheme, `key` the
    verifying key by id, `proof` its bytes. A signer refuses kinds it does not know."""

    kind: str
    key: str
    proof: bytes


def intent_hash(encoded: bytes) -> bytes:
    """The 32 bytes evidence signs."""
    return canonical.digest(INTENT_CONTEXT, encoded)


def parse_intent(data: bytes) -> Intent:
    """The intent behind canonical bytes. Raises Malformed on anything else, unknown versions included."""
    try:
        intent = _built(canonical.unproven(data))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, Malformed):
        return _refused(data)
    return intent if intent.encoded() == data else _refused(data)


def _refused(data: bytes) -> NoReturn:
    """Says what is wrong with bytes that no intent encodes to."""
    plain = canonical.decode(data, "intent")
    if plain.get("version") != INTENT_VERSION:
        raise Malformed("intent.version", "intent: this version is not known here")
    try:
        _built(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed("intent.form", "intent: a field is missing or of the wrong kind") from error
    raise Malformed("intent.form", "intent: unknown or misplaced fields")


def _amount(row: canonical.Plain) -> Amount:
    if not isinstance(row, dict):
        raise TypeError("amount")
    return Amount(ids.asset_id(row["asset"]), parse_units(row["units"]))


def _built(plain: Mapping[str, canonical.Plain]) -> Intent:
    rows, expires_at_s, network = plain["outputs"], plain["expires_at_s"], plain["network"]
    if not isinstance(rows, list) or type(expires_at_s) is not int:
        raise TypeError("outputs")
    return Intent(
        intent=ids.intent_id(str(plain["intent"])),
        purpose=Purpose(str(plain["purpose"])),
        network=ids.network_id(str(network)),
        source=ids.wallet_id(str(plain["source"])),
        outputs=tuple(Output(str(row["recipient"]), _amount(row)) for row in rows),
        fee_max=_amount(plain["fee_max"]),
        expires_at_s=expires_at_s,
    )
