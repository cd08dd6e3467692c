"""What people sign: an owner his intent, an approver a decision about an intent, an administrator an order.

Laws: each kind of statement has a context of its own, so a signature of one kind is never one of another;
what is signed is always the 32-byte challenge of its context, which is also a WebAuthn challenge; several
decisions signed at once are leaves of one Merkle tree (`core.merkle`). Format version 1 of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepcool.core import canonical, merkle
from keepcool.core.effects import Effects, Payment
from keepcool.core.errors import Malformed

USER_CONTEXT = b"keepcool-user-v1"
REKEY_CONTEXT = b"keepcool-rekey-v1"
EFFECTS_CONTEXT = b"keepcool-effects-v1"
APPROVAL_CONTEXT = b"keepcool-approval-v1"
ORDER_CONTEXT = b"keepcool-order-v1"
SIGN_IN_CONTEXT = b"keepcool-sign-in-v1"
VERSION = 1
TEXT_MAX = 200
DECISIONS_MAX = 100

USER_KIND, APPROVAL_KIND = "user", "approval"  # of `core.intent.Evidence`


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Action(StrEnum):
    """What administrators order. The details of each stand in `DETAILS`."""

    POLICY_PROPOSE = "policy.propose"
    POLICY_CANCEL = "policy.cancel"
    FREEZE = "freeze"
    THAW = "thaw"
    THAW_CANCEL = "thaw.cancel"
    REKEY = "rekey"
    REKEY_CANCEL = "rekey.cancel"


# `document`: a policy's hash. `previous`: of the policy in force. `report`: SHA-256 of the reconciliation
# report (hex). `record`: hash of the wallet record in force. `key`: the new user key.
DETAILS: Mapping[Action, tuple[str, ...]] = {
    Action.POLICY_PROPOSE: ("document", "policy_version", "previous", "service"),
    Action.POLICY_CANCEL: ("document", "service"),
    Action.FREEZE: ("level", "reason", "target"),
    Action.THAW: ("level", "reason", "report", "target"),
    Action.THAW_CANCEL: ("level", "target"),
    Action.REKEY: ("key", "record", "wallet"),
    Action.REKEY_CANCEL: ("key", "wallet"),
}


@dataclass(frozen=True, slots=True)
class Approval:
    """One decision of one approver about one intent as a signer decoded it.

    `intent`: its hash (hex). `effects`: `effects_hash` of the draft (hex). `fee_units_max`: the highest fee
    agreed to, in the fee's asset. `policies`: hashes of the policies it was decided under, each signer's,
    sorted. `approver`: the name the policy knows him by. It counts until `expires_at_s`."""

    decision: Decision
    intent: str
    effects: str
    fee_units_max: int
    policies: tuple[str, ...]
    approver: str
    reason: str
    expires_at_s: int

    def encoded(self) -> bytes:
        return canonical.encode(
            {
                "approver": self.approver,
                "decision": self.decision.value,
                "effects": self.effects,
                "expires_at_s": self.expires_at_s,
                "fee_units_max": str(self.fee_units_max),
                "intent": self.intent,
                "policies": list(self.policies),
                "reason": self.reason,
                "version": VERSION,
            }
        )


@dataclass(frozen=True, slots=True)
class Order:
    """What administrators order: several sign the same bytes. `order` is unique in every journal,
    `installation` the root key (hex) of the one meant; `details` those of the action."""

    order: str
    installation: str
    action: Action
    details: Mapping[str, str]
    expires_at_s: int

    def __post_init__(self) -> None:
        if set(self.details) != set(DETAILS[self.action]):
            named = ", ".join(DETAILS[self.action])
            raise Malformed("order.details", f"an order to {self.action.value} names {named}")

    def encoded(self) -> bytes:
        return canonical.encode(
            {
                "action": self.action.value,
                "details": dict(self.details),
                "expires_at_s": self.expires_at_s,
                "installation": self.installation,
                "order": self.order,
                "version": VERSION,
            }
        )


def user_challenge(intent: bytes) -> bytes:
    """What an owner signs of his intent's canonical bytes (32 bytes)."""
    return canonical.digest(USER_CONTEXT, intent)


def order_challenge(order: bytes) -> bytes:
    """What an administrator signs of an order's canonical bytes (32 bytes)."""
    return canonical.digest(ORDER_CONTEXT, order)


def rekey_statement(wallet: str, record: str, key: str) -> bytes:
    """What an owner signs with his old key to have `key` in its place. `record`: hash of the wallet record in
    force, so that one consent serves one change."""
    return canonical.encode({"key": key, "record": record, "version": VERSION, "wallet": wallet})


def rekey_challenge(statement: bytes) -> bytes:
    return canonical.digest(REKEY_CONTEXT, statement)


def approvals_challenge(statements: Sequence[bytes]) -> bytes:
    """What an approver signs of one decision or of several at once: their tree's root under the context."""
    return approvals_root_challenge(merkle.root(statements))


def approvals_root_challenge(root: bytes) -> bytes:
    return canonical.digest(APPROVAL_CONTEXT, root)


def effects_hash(effects: Effects) -> bytes:
    """What a draft does to others, whichever coins or nonce it uses: who is paid what, in which asset its fee
    is paid, what it carries beside that, and every call and hazard. 32 bytes. How much the fee is and what
    comes back are bounded beside it, so a rebuilt draft keeps it."""
    return canonical.digest(
        EFFECTS_CONTEXT,
        canonical.encode(
            {
                "calls": [[call.contract, call.selector] for call in effects.calls],
                "data_bytes": effects.data_bytes,
                "data_hash": effects.data_hash,
                "family": effects.family,
                "fee_asset": effects.fee_asset or "",
                "hazards": [hazard.code for hazard in effects.hazards],
                "network": effects.network,
                "payments": [_payment(payment) for payment in effects.payments],
                "source": effects.source,
                "version": VERSION,
            }
        ),
    )


def parse_approval(data: bytes) -> Approval:
    """The decision behind canonical bytes. Raises Malformed on anything else."""
    plain = canonical.decode(data, "approval")
    try:
        policies = plain["policies"]
        found = Approval(
            decision=Decision(str(plain["decision"])),
            intent=str(plain["intent"]),
            effects=str(plain["effects"]),
            fee_units_max=int(str(plain["fee_units_max"])),
            policies=tuple(str(one) for one in policies) if isinstance(policies, list) else (),
            approver=str(plain["approver"]),
            reason=str(plain["reason"]),
            expires_at_s=int(str(plain["expires_at_s"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("approval.form", "approval: a field is missing or of the wrong kind") from error
    if found.encoded() != data or found.fee_units_max < 0 or len(found.reason) > TEXT_MAX:
        raise Malformed("approval.form", "approval: not in its one form; is it of another version?")
    return found


def parse_order(data: bytes) -> Order:
    """The order behind canonical bytes. Raises Malformed on anything else."""
    plain = canonical.decode(data, "order")
    try:
        details = plain["details"]
        found = Order(
            order=str(plain["order"]),
            installation=str(plain["installation"]),
            action=Action(str(plain["action"])),
            details={str(k): str(v) for k, v in details.items()} if isinstance(details, dict) else {},
            expires_at_s=int(str(plain["expires_at_s"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("order.form", "order: a field is missing or of the wrong kind") from error
    if found.encoded() != data:
        raise Malformed("order.form", "order: not in its one form; is it of another version?")
    return found


def _payment(payment: Payment) -> list[str]:
    return [payment.recipient, payment.amount.asset, str(payment.amount.units)]
