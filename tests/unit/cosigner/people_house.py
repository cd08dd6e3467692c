"""A signer whose policy asks people: owners with keys, approvers with passkeys, tiers and an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from keepcool.core.approvals import Approval, Decision, effects_hash
from keepcool.core.ids import UserId
from keepcool.core.intent import intent_hash
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.approving import Approving
from keepcool.cosigner.journal import Asked
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.policies import rulebook
from keepcool.cosigner.rekeying import Ordered, Rekeying, never_ordered
from keepcool.cosigner.reviews import Reviews
from keepcool.cosigner.signing import nothing_due
from keepcool.policy.terms import (
    Alarm,
    Approver,
    AssetRules,
    NativeAsset,
    NeededApprovals,
    NetworkRules,
    Policy,
    SiteTerms,
    Tier,
)
from keepcool.wire import proofs
from keepcool.wire.messages import Declined, EvidenceItem, Failure, Signed, SignItem
from keepcool.wire.proofs import SignedApproval
from keepcool.wire.reviews import (
    Accepted,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    ReviewsRequest,
    SubmitApprovals,
)
from tests.fixtures.softkey import (
    ORIGIN,
    RP_ID,
    USERS_ORIGIN,
    USERS_RP_ID,
    SoftEd25519,
    SoftKey,
    SoftPasskey,
    approved,
    user_proof,
)
from tests.unit.cosigner.house import (
    ETH,
    NETWORK,
    NOW_S,
    Keys,
    Pair,
    PlainFamily,
    Signer,
    item,
    register,
    sent,
    wallet_record,
)

OWNER, THIEF = SoftEd25519("owner"), SoftEd25519("thief")
ALICE, BOB, MALLORY = SoftPasskey("alice"), SoftPasskey("bob"), SoftPasskey("mallory")
CAROL = SoftEd25519("carol")
DENIALS_MAX, WINDOW_S, REVIEWS_MAX = 5, 60, 8
DAY_S = 86_400


def tier(name: str, most: int, **needs: Any) -> Tier:
    return replace(Tier(name, transaction_units_max={ETH: most}), **needs)


ACCOUNTING, BOARD = NeededApprovals("accounting", 1), NeededApprovals("board", 1)
POLICY = Policy(
    version=1,
    hash="a1" * 32,
    intent_lifetime_s_max=7200,
    attestations=frozenset({Service.KEEPER, Service.COOLER}),
    evidence_kinds=frozenset({"user", "approval"}),
    networks={
        NETWORK: NetworkRules(
            network=NETWORK,
            family="evm",
            profile="safe-1.5.0-l1",
            older_profiles=(),
            native=NativeAsset(ETH, "ETH", 0),
            fee_max_units=10,
            purse=None,
            allow=None,
            deny=frozenset(),
        )
    },
    assets={ETH: AssetRules(ETH, "ETH", 0, 1000, 2000, 3000)},
    classes={},
    users=SiteTerms(USERS_RP_ID, frozenset({USERS_ORIGIN})),
    desk=SiteTerms(RP_ID, frozenset({ORIGIN})),
    approvers={
        "alice": Approver("alice", ALICE.text, ALICE.credential, frozenset({"accounting"})),
        "bob": Approver("bob", BOB.text, BOB.credential, frozenset({"board"})),
        "carol": Approver("carol", CAROL.text, "", frozenset({"accounting"}), owner="u1"),
    },
    alarm=Alarm(DENIALS_MAX, WINDOW_S, REVIEWS_MAX),
    tiers=(
        tier("small", 100, user=True),
        tier("middle", 500, user=True, approvals=(ACCOUNTING,)),
        tier("big", 900, approvals=(ACCOUNTING, BOARD), delay_s=600),
    ),
)


@dataclass
class House:
    """Keeper with its people; Cooler is its witness. `policy` may be changed at any moment."""

    pair: Pair
    signer: Signer
    policy: Policy = POLICY
    books: dict[int, Rulebook] = field(default_factory=dict)

    def book(self) -> Rulebook:
        return self.books.setdefault(id(self.policy), rulebook(self.policy))

    @property
    def now_s(self) -> int:
        return self.signer.hands.at_ms // 1000

    def pass_s(self, seconds: int) -> None:
        self.signer.hands.at_ms += seconds * 1000

    def rows(self, *kinds: str) -> int:
        found = [b'"kind":"' + kind.encode() + b'"' for kind in kinds]
        return sum(not kinds or any(one in row.body for one in found) for row in self.signer.store.entries())

    async def sign(self, *items: SignItem, by: Service = Service.APP) -> list[Signed | Declined | Failure]:
        asked = replace(self.signer.new_envelope(), requester=by)
        return (await self.signer.sign(*items, asked=asked)).items

    @property
    def approving(self) -> Approving:
        signer = self.signer
        return Approving(
            journal=signer.journal,
            people=signer.people,
            rulebook=self.book,
            due=nothing_due,
            witness=signer.witness,
            clock=signer.hands,
        )

    async def submit(
        self, *signed: SignedApproval | bytes, by: Service = Service.DESK
    ) -> list[Accepted | Failure]:
        raw = [one if isinstance(one, bytes) else proofs.encode(one) for one in signed]
        asked = replace(self.signer.new_envelope(), requester=by)
        return sent(await self.approving.submit(SubmitApprovals(items=raw), asked)).items

    @property
    def reviews(self) -> Reviews:
        signer = self.signer
        return Reviews(
            journal=signer.journal,
            store=signer.store,
            registry=signer.cosigner.registry,
            people=signer.people,
            cosigner=signer.cosigner,
            witness=signer.witness,
            clock=signer.hands,
        )

    async def page(self, body: ReviewsRequest | None = None) -> ReviewsAnswer:
        return sent(await self.reviews.page(body or ReviewsRequest()))

    async def one(self, wanted: SignItem) -> ReviewAnswer:
        return sent(await self.reviews.one(ReviewRequest(intent_hash=hash_of(wanted))))

    def rekeying(
        self, ordered: Ordered = never_ordered, after: tuple[Service, bytes] | None = None
    ) -> Rekeying:
        signer = self.signer
        return Rekeying(
            journal=signer.journal,
            store=signer.store,
            registry=signer.cosigner.registry,
            freezes=signer.freezes,
            people=signer.people,
            rulebook=self.book,
            identity=Keys(signer.service),
            witness=signer.witness,
            clock=signer.hands,
            after=None if after is None else (after[0], lambda: (after[1],)),
            ordered=ordered,
        )

    def asked(self, by: Service = Service.APP) -> Asked:
        return replace(self.signer.new_envelope(), requester=by)

    def reopened(self) -> House:
        """The same signer, stopped and started again."""
        self.pair.close(self.signer.service)
        return opened(self.pair, self.signer.service, self.policy, at_ms=self.signer.hands.at_ms)


def opened(
    pair: Pair, service: Service = Service.KEEPER, policy: Policy = POLICY, at_ms: int = NOW_S * 1000
) -> House:
    made: list[House] = []

    def book() -> Rulebook:
        return made[0].book()

    signer = pair.open(service, book)
    signer.hands.at_ms = at_ms
    made.append(House(pair, signer, policy))
    return made[0]


async def ready(folder: Path, *wallets: str, policy: Policy = POLICY, user_key: str = OWNER.text) -> House:
    pair = Pair(folder)
    pair.open(Service.COOLER)
    house = opened(pair, policy=policy)
    for number, wallet in enumerate(wallets or ("w1",), 5):
        await register(house.signer, wallet, number, owned(wallet, number, user_key))
    return house


def owned(wallet: str, number: int, user_key: str = OWNER.text, owner: str = "u1") -> WalletRecord:
    return replace(wallet_record(wallet, number), owner=UserId(owner), user_key=user_key)


def hash_of(one: SignItem) -> str:
    return intent_hash(one.intent).hex()


def with_evidence(one: SignItem, *evidence: EvidenceItem) -> SignItem:
    return SignItem(intent=one.intent, draft=one.draft, evidence=[*one.evidence, *evidence])


def by_owner(one: SignItem, key: SoftKey = OWNER) -> SignItem:
    """With its owner's signature."""
    return with_evidence(one, EvidenceItem(kind="user", key=key.text, proof=user_proof(key, one.intent)))


def decision(
    one: SignItem,
    approver: str = "alice",
    verdict: Decision = Decision.APPROVE,
    *,
    policy: Policy = POLICY,
    expires_in_s: int = 3600,
    fee_units_max: int = 10,
    reason: str = "ok",
    record: WalletRecord | None = None,
    now_s: int = NOW_S,
) -> Approval:
    effects = PlainFamily().decode(one.draft, record or wallet_record("w1", 5))
    return Approval(
        decision=verdict,
        intent=hash_of(one),
        effects=effects_hash(effects).hex(),
        fee_units_max=fee_units_max,
        policies=tuple(sorted((policy.hash, "c2" * 32))),
        approver=approver,
        reason=reason,
        expires_at_s=now_s + expires_in_s,
    )


def signed_by(key: SoftKey, *decisions: Approval) -> list[SignedApproval]:
    return approved(key, *decisions)


def code(one: object) -> str:
    """What an outcome comes to, in a word."""
    if isinstance(one, Failure):
        return one.problem.code
    if isinstance(one, Declined):
        return "review" if one.review else "denied"
    return "signed" if isinstance(one, Signed) else "accepted"


def codes(many: Sequence[object]) -> list[str]:
    return [code(one) for one in many]


def pay(units: int, nonce: int = 0, wallet: str = "w1", to: str = "bob", intent: str = "") -> SignItem:
    return item(wallet, nonce, {to: units}, intent or None)
