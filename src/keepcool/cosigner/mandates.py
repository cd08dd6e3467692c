"""Who may order what by a policy: whose signatures count, how many it takes, how long it then waits.

Laws: pure, of one policy; a name and a key count once; the root key stands for itself and orders nothing but
a policy; to freeze and to cancel one administrator is enough, and at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.core.approvals import Action, Order, order_challenge
from keepcool.core.errors import Malformed, Refused
from keepcool.core.personkeys import PersonKey, Scheme, parse_person_key
from keepcool.cosigner.orders import SignedBy
from keepcool.cosigner.policies import governed
from keepcool.policy.terms import Governance, Policy
from keepcool.wire import proofs
from keepcool.wire.reviews import OrderProof, SubmitOrder
from keepcool.wire.webauthn import Site

ROOT = "root"  # who signs with the installation's root key
PROOFS_MAX = 32
CANCELS = {
    Action.POLICY_CANCEL: Action.POLICY_PROPOSE,
    Action.THAW_CANCEL: Action.THAW,
    Action.REKEY_CANCEL: Action.REKEY,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """How many signatures an order takes, and how long it waits from then on."""

    quorum: int
    delay_s: int


@dataclass(frozen=True, slots=True)
class Mandates:
    """`installation`: the root key (hex)."""

    policy: Policy
    installation: str

    def fresh(
        self, order: Order, body: SubmitOrder, before: Sequence[SignedBy]
    ) -> list[tuple[SignedBy, bytes]]:
        """Whoever signed and is not known to have, each name and each key once. Raises on a proof that does
        not verify: its sender meant it to count."""
        if len(body.proofs) > PROOFS_MAX:
            raise Malformed("order.proofs", f"at most {PROOFS_MAX} signatures at once")
        names, keys = {one.administrator for one in before}, {one.key for one in before}
        challenge, fresh = order_challenge(body.order), list[tuple[SignedBy, bytes]]()
        for one in body.proofs:
            key = self._verified(order, challenge, one)
            if one.administrator not in names and key.text() not in keys:
                fresh.append((SignedBy(one.administrator, key.text()), one.proof))
                names.add(one.administrator)
                keys.add(key.text())
        return fresh

    def _verified(self, order: Order, challenge: bytes, one: OrderProof) -> PersonKey:
        policy = self.policy
        if one.administrator == ROOT:
            if order.action is not Action.POLICY_PROPOSE:
                raise Refused("order.root", "the root key alone orders nothing but a policy")
            key = PersonKey(Scheme.ED25519, bytes.fromhex(self.installation))
        elif one.administrator in policy.administrators:
            key = parse_person_key(policy.administrators[one.administrator].key)
        else:
            raise Refused(
                "order.administrator", f"the policy names no administrator {one.administrator[:64]!r}"
            )
        desk = policy.desk
        site = None if desk is None else Site(desk.rp_id, desk.origins)
        proofs.verify(key, challenge, proofs.parse_proof(one.proof), site)
        return key

    def terms(self, order: Order) -> Terms:
        """By the policy in force. Raises Refused on an order that it has no terms for."""
        if order.action in CANCELS or order.action is Action.FREEZE:
            return Terms(1, 0)
        terms = _terms(order.action, self.policy.governance)
        if terms is None or not governed(self.policy):
            raise Refused(
                "order.ungoverned",
                "the policy in force names no administrators and [governance]: give it both, sign the file",
            )
        return terms

    def quorum(self, order: Order) -> int:
        try:
            return self.terms(order).quorum
        except Refused:
            return 0

    def delay_s(self, order: Order, signed: Sequence[SignedBy]) -> int | None:
        """How long it waits from now on; None while its quorum is not there."""
        terms, policy = self.terms(order), self.policy
        keys = {
            one.key
            for one in signed
            if one.administrator in policy.administrators
            and policy.administrators[one.administrator].key == one.key
        }
        if len(keys) >= terms.quorum:
            return terms.delay_s
        alone = any(one.administrator == ROOT for one in signed)
        return policy.governance.root_delay_s if alone and policy.governance is not None else None


def _terms(action: Action, governance: Governance | None) -> Terms | None:
    if governance is None:
        return None
    match action:
        case Action.POLICY_PROPOSE:
            return Terms(governance.quorum, governance.delay_s)
        case Action.THAW:
            return Terms(governance.thaw_quorum, governance.thaw_delay_s)
        case Action.REKEY:
            return Terms(governance.quorum, governance.rekey_delay_s)
        case Action.FREEZE | Action.POLICY_CANCEL | Action.THAW_CANCEL | Action.REKEY_CANCEL:
            return Terms(1, 0)
