"""What people have signed, verified by this signer itself: an owner his intent, an approver a decision.

Laws: a key comes from the attested record or from the policy in force, never from the message; what verified
says nothing of who may do what, that is for rules to judge; what did not verify is told to them as well. What
verified lately is not verified again, and no more is computed at a stretch than others can wait for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from keepcool.core import approvals
from keepcool.core.approvals import APPROVAL_KIND, USER_KIND, Approval
from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.intent import Evidence
from keepcool.core.personkeys import parse_person_key
from keepcool.cosigner.cases import Read
from keepcool.policy.case import Given
from keepcool.policy.terms import Policy, SiteTerms
from keepcool.wire import proofs
from keepcool.wire.proofs import Proof, SignedApproval
from keepcool.wire.webauthn import Site

LATELY_MAX = 4096
UNKNOWN_APPROVER = "approval.approver"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that verified: under which key, and how it came (`SignedApproval`, encoded)."""

    approval: Approval
    key: str
    signed: bytes

    def given(self, at_s: int) -> Given:
        said = self.approval
        return Given(
            approver=said.approver,
            key=self.key,
            decision=said.decision,
            effects=said.effects,
            fee_units_max=said.fee_units_max,
            policies=said.policies,
            expires_at_s=said.expires_at_s,
            at_s=at_s,
            reason=said.reason,
        )


@dataclass(frozen=True, slots=True)
class Offered:
    """What came with a request. `user_key`: the owner's key if his signature over this very intent verified,
    else "". `invalid`: what did not verify, as sentences."""

    user_key: str = ""
    decided: tuple[Decided, ...] = ()
    invalid: tuple[str, ...] = ()


NOTHING = Offered()


class Verifier:
    """Keeps in mind what verified lately: the very same key, challenge, proof and site."""

    def __init__(self, lately_max: int = LATELY_MAX) -> None:
        self._lately: OrderedDict[bytes, None] = OrderedDict()
        self._lately_max = lately_max

    def decision(self, signed: SignedApproval, policy: Policy) -> Decided:
        """Raises Malformed, or Refused when no approver of this policy signed it."""
        said = approvals.parse_approval(signed.statement)
        person = policy.approvers.get(said.approver)
        if person is None:
            raise Refused(UNKNOWN_APPROVER, f"the policy names no approver {said.approver[:64]!r}")
        self.verify(person.key, proofs.approval_challenge(signed), signed.proof, policy.desk)
        return Decided(said, person.key, proofs.encode(signed))

    def verify(self, key: str, challenge: bytes, proof: Proof, site: SiteTerms | None) -> None:
        """Returns when the holder of the key signed this. Raises Refused or Malformed."""
        where = "" if site is None else "\n".join((site.rp_id, *sorted(site.origins)))
        name = hashlib.sha256(b"\0".join((key.encode(), challenge, where.encode(), proofs.encode(proof))))
        if name.digest() in self._lately:
            self._lately.move_to_end(name.digest())
            return
        place = None if site is None else Site(site.rp_id, site.origins)
        proofs.verify(parse_person_key(key), challenge, proof, place)
        self._lately[name.digest()] = None
        if len(self._lately) > self._lately_max:
            self._lately.popitem(last=False)

    async def offered(self, read: Read, policy: Policy) -> Offered:
        """Others speak in between."""
        user_key, decided, invalid = "", list[Decided](), list[str]()
        for item in read.evidence:
            await asyncio.sleep(0)
            try:
                if item.kind == USER_KIND:
                    user_key = self._user(read, item, policy)
                elif item.kind == APPROVAL_KIND:
                    decided.append(self._approval(read, item, policy))
            except KeepcoolError as error:
                invalid.append(error.public)
        return Offered(user_key, tuple(decided), tuple(invalid))

    def _user(self, read: Read, item: Evidence, policy: Policy) -> str:
        key = read.known.record.user_key
        if not key:
            raise Refused("user.no_key", "this wallet has no user key")
        if item.key != key:
            raise Refused("user.key", "this is a signature of another key than the wallet's owner has")
        proof = proofs.parse_proof(item.proof)
        self.verify(key, approvals.user_challenge(read.intent_bytes), proof, policy.users)
        return key

    def _approval(self, read: Read, item: Evidence, policy: Policy) -> Decided:
        decided = self.decision(proofs.parse_signed_approval(item.proof), policy)
        if decided.approval.intent != read.intent_hash:
            raise Refused("approval.intent", "this decision is about another intent")
        if item.key != decided.key:
            raise Refused("approval.key", "this decision is of another key than it is said to be of")
        return decided
