"""Two signers of known test keys, in this process, and Keeper's purse.

They sign with real keys what they decode, remember which intent holds which slot as the never-twice rule
does, and object when the test tells them to. The purse signs in the order of its nonces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from coincurve import PrivateKey

from keepcool.chains.evm import address, transaction
from keepcool.chains.evm.safe import parse_draft, safe_tx_hash
from keepcool.chains.keccak import keccak256
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Intent, Purpose, parse_intent
from keepcool.core.parties import Service
from keepcool.wire import messages
from keepcool.wire.envelope import Opened

_REASON = "the test said no"


def key(name: str) -> PrivateKey:
    """Test keys; never fund one."""
    return PrivateKey(keccak256(name.encode()))


def sign(one: PrivateKey, digest: bytes) -> bytes:
    raw = one.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes((27 + raw[64],))


@dataclass
class Decider:
    """One signer. `objects(intent id)` is what it says instead of signing: "deny", "review" or nothing;
    `objects_to` the same of a whole intent."""

    service: Service
    signing_key: PrivateKey
    objects: Callable[[str], str] = lambda _: ""
    objects_to: Callable[[Intent], str] = lambda _: ""
    slots: dict[tuple[str, int], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sequence: int = 0
    spoil: bool = False
    rule: str = "test"

    def head(self) -> messages.Head:
        digest = keccak256(f"{self.service}{self.sequence}".encode())
        return messages.Head(
            service=self.service.value, sequence=self.sequence, hash=digest, signature=bytes(64)
        )

    async def sign(self, opened: Opened) -> messages.Message:
        assert isinstance(opened.body, messages.SignRequest)
        items = [*map(self._item, opened.body.items)]
        return messages.SignAnswer(items=[*items], policy="p" * 64, head=self.head())

    def _item(self, item: messages.SignItem) -> messages.Signed | messages.Declined:
        intent, tx = parse_intent(item.intent), parse_draft(item.draft)
        self.asked.append(intent.intent)
        place = (tx.safe, tx.nonce)
        holder = self.slots.get(place, intent.intent)
        objection = self.objects(intent.intent) or self.objects_to(intent)
        if item.evidence and objection == "review":
            objection = ""
        if holder != intent.intent and intent.purpose is Purpose.PAY:
            objection = "deny"
        if objection:
            outcome = "needs_review" if objection == "review" else "denied"
            verdict = messages.VerdictItem(rule=self.rule, outcome=outcome, reason=_REASON)
            return messages.Declined(verdicts=[verdict], review=objection == "review")
        self.slots[place] = intent.intent
        self.sequence += 1
        digest = keccak256(b"another") if self.spoil else safe_tx_hash(tx)
        return messages.Signed(signatures=[sign(self.signing_key, digest)], sequence=self.sequence)


@dataclass
class PurseHolder:
    """Keeper's purse: signs what comes at its lowest unsigned nonce, and again at used ones."""

    network: NetworkId
    decider: Decider
    signing_key: PrivateKey = field(default_factory=lambda: key("purse"))
    next_nonce: int = 0
    signed: list[bytes] = field(default_factory=list)
    declines: int = 0
    forgotten: set[int] = field(default_factory=set)  # nonces signed for something App does not know

    @property
    def address(self) -> str:
        return address.of_public_key(self.signing_key.public_key.format())

    async def sign(self, opened: Opened) -> messages.Message:
        assert isinstance(opened.body, messages.PurseRequest)
        items = [*map(self._item, opened.body.items)]
        return messages.PurseAnswer(items=[*items], head=self.decider.head())

    def _item(self, item: messages.PurseItem) -> messages.PurseSigned | messages.Declined:
        tx = transaction.parse_unsigned(item.transaction)
        foreign = tx.nonce in self.forgotten and bool(tx.data)
        if tx.nonce > self.next_nonce or self.declines or foreign:
            self.declines = max(self.declines - 1, 0)
            verdict = messages.VerdictItem(rule="nonce_order", outcome="denied", reason=_REASON)
            return messages.Declined(verdicts=[verdict], review=False)
        self.next_nonce = max(self.next_nonce, tx.nonce + 1)
        raw = tx.with_signature(sign(self.signing_key, tx.digest()))
        self.signed.append(raw)
        return messages.PurseSigned(transaction=raw, sequence=1)

    async def status(self, _: Opened) -> messages.Message:
        purse = messages.PurseStatus(
            network=self.network,
            address=self.address,
            next_nonce=self.next_nonce,
            gas_spent_today_wei="0",
            deployments_today=0,
        )
        return messages.StatusAnswer(
            ready=True,
            waiting_for="",
            frozen=[],
            policy="",
            wallets=0,
            purses=[purse],
            head=self.decider.head(),
            started_at_s=1,
        )
