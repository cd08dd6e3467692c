"""Messages between the desk and the signers: what waits for people, what they decided, what they order.

Law: the desk has no key that counts; each signer verifies every signature of a person itself, and shows of a
draft only what it decoded from the bytes. Hashes are hex, amounts decimal strings of base units.
"""

from __future__ import annotations

from keepcool.wire.messages import Failure, Head, Message, VerdictItem

REVIEWS_MAX = 200


class GivenApproval(Message, frozen=True):
    """A decision this signer has verified and written into its journal (row `sequence`)."""

    approver: str
    decision: str
    reason: str
    at_s: int
    expires_at_s: int
    sequence: int


class ReviewSummary(Message, frozen=True):
    """One intent this signer did not sign for want of evidence. `state`: waiting | signed | rejected |
    expired. `tier`: of the policy. `needs`: what is missing, in words. `until_s`: when a delay or the cooling
    of a destination ends, 0 when nothing but people is waited for. `sequence`: of its first journal row."""

    intent_hash: str
    intent: bytes
    owner: str
    since_s: int
    until_s: int
    state: str
    tier: str
    needs: list[str]
    approvals: list[GivenApproval]
    sequence: int


class ReviewsRequest(Message, frozen=True):
    """`reviews.v1`: a page, newest first. `before`: only rows older than this sequence, 0 for the newest.
    `state`: only these, "" for all. `text`: only those whose id, hash, owner, wallet or recipient
    contains it."""

    state: str = "waiting"
    text: str = ""
    before: int = 0
    limit: int = 50


class ReviewsAnswer(Message, frozen=True):
    """`waiting`: how many wait in all. `policy`: the hash in force."""

    items: list[ReviewSummary]
    waiting: int
    policy: str
    policy_version: int
    head: Head


class ReviewRequest(Message, frozen=True):
    """`review.v1`: all there is to one intent."""

    intent_hash: str


class SeenDestination(Message, frozen=True):
    """`first_s`: when this signer first saw this owner pay there, 0: never. `times`: how often it signed."""

    recipient: str
    first_s: int
    times: int


class PastDraft(Message, frozen=True):
    """A draft signed before. `spent` as in a journal row."""

    at_s: int
    intent_hash: str
    recipients: list[str]
    spent: dict[str, str]


class WindowUse(Message, frozen=True):
    """`window`: hour | day. `of`: all | user."""

    asset: str
    window: str
    of: str
    spent: str
    cap: str


class ReviewAnswer(Message, frozen=True):
    """`record`: the wallet's canonical bytes. `drafts`: every draft asked for (a fee ladder has several), as
    bytes, as many as an answer holds; `draft_hashes`: SHA-256 of every one of them, in order. `effects`: what
    the dearest does, decoded by this signer, as canonical JSON (`family`, `network`, `source`, `payments`,
    `change`, `calls`, `hazards`, `fee`, `fee_rate`, `data_bytes`, `data_hash`, `slots`, `digests`);
    `effects_hash` is what an approval names, `fee_units_max` the highest fee among the drafts (of the
    intent, where drafts state none), `policy` this signer's. `user_key` of the record, `user_signed`: its
    signature over this intent was verified. `hints`: what looks unusual, in sentences."""

    summary: ReviewSummary
    record: bytes
    drafts: list[bytes]
    draft_hashes: list[str]
    effects: bytes
    effects_hash: str
    fee_units_max: str
    policy: str
    policy_version: int
    verdicts: list[VerdictItem]
    user_key: str
    user_signed: bool
    destinations: list[SeenDestination]
    history: list[PastDraft]
    windows: list[WindowUse]
    hints: list[str]
    head: Head


class SubmitApprovals(Message, frozen=True):
    """`approvals.v1`: decisions (`wire.proofs.SignedApproval`, encoded), each verified by itself."""

    items: list[bytes]


class Accepted(Message, frozen=True, tag="accepted"):
    """Verified and in the journal."""

    sequence: int


class ApprovalsAnswer(Message, frozen=True):
    items: list[Accepted | Failure]
    head: Head


class OrderProof(Message, frozen=True):
    """An administrator's name and his `wire.proofs.Proof`, encoded."""

    administrator: str
    proof: bytes


class SubmitOrder(Message, frozen=True):
    """`orders.v1`: an order (`core.approvals.Order`), who signed it, and what it speaks of: the policy
    proposed, or the reconciliation report behind a thaw. Sending it again changes nothing; sending it with
    more proofs adds those."""

    order: bytes
    proofs: list[OrderProof]
    document: bytes = b""


class PendingOrder(Message, frozen=True):
    """`state`: collecting | pending | done | cancelled | expired. `effective_at_s`: 0 while collecting.
    `encoded`: the order's canonical bytes, which the next administrator signs; `document`: what it speaks
    of, for him to read."""

    order: str
    action: str
    details: dict[str, str]
    signed_by: list[str]
    quorum: int
    effective_at_s: int
    state: str
    encoded: bytes = b""
    document: bytes = b""


class OrderAnswer(Message, frozen=True):
    pending: PendingOrder
    frozen: list[str]
    head: Head


class PeopleRequest(Message, frozen=True):
    """`people.v1`: whom this signer's policy knows, and what administrators have ordered. `order`: tell this
    one alone, in full, and the policy in force."""

    order: str = ""


class Person(Message, frozen=True):
    """`key`: `core.personkeys`. `credential`: base64url of a passkey's id, "" for other keys. `owner`: the
    user reference this person has himself, "" for none: nobody approves what he asked for."""

    name: str
    key: str
    credential: str
    groups: list[str]
    owner: str
    administrator: bool


class PeopleAnswer(Message, frozen=True):
    """`document`: the policy in force, as its file reads, told beside an order in full: what a proposal is
    compared with."""

    people: list[Person]
    rp_id: str
    origins: list[str]
    policy: str
    policy_version: int
    installation: str
    orders: list[PendingOrder]
    frozen: list[str]
    head: Head
    document: bytes = b""
