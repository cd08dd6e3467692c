"""The signing path of a batch: read, judge, remember, be witnessed, unseal, sign.

Laws: items are judged one after another without a pause, so each sees what the ones before it did; the
whole batch is one commit, one witness exchange and one keystore call; no signature is made before its
row is on disk and witnessed; identical bytes of a remembered request give the same signature again, and
no new row. See docs/decisions/0004.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from keepcool.chains.accounts import node_of
from keepcool.core.approval import Approval
from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import WalletRecord
from keepcool.core.secret import Secret
from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview, Verdict
from keepcool.cosigner.cases import Read, case_of, failure, read_items
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import SIGN, SignRow
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.cosigner.judge import Granted, Rulebook, affirm, judge
from keepcool.cosigner.keyring import Keyring, wiped_after
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.witness import Witness
from keepcool.hazmat import coinkeys
from keepcool.policy.case import Case
from keepcool.policy.spending import leaving
from keepcool.ports.signer_store import Claim, ClaimedIntent
from keepcool.ports.system import Clock, Faults
from keepcool.wire.messages import (
    ITEMS_MAX,
    Declined,
    Failure,
    SignAnswer,
    Signed,
    SignItem,
    SignRequest,
    VerdictItem,
)

ReservedAt: TypeAlias = Callable[[NetworkId, str], WalletId | None]


Barred: TypeAlias = Callable[[WalletRecord], str]


def nobody(_: NetworkId, __: str) -> WalletId | None:
    """Nothing is reserved here."""
    return None


def nothing_due(_: Batch, __: int) -> None:
    """Nothing was ordered here."""


def not_barred(_: WalletRecord) -> str:
    """Nothing is locked here."""
    return ""


@dataclass(frozen=True, slots=True)
class Points:
    """Where this service may die."""

    opened: FaultPoint
    remembered: FaultPoint
    signed: FaultPoint


@dataclass(frozen=True, slots=True)
class Remembrance:
    """An approved item and the journal row that remembers it."""

    read: Read
    approval: Approval
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoSigner:
    """Everything a decision needs. `rulebook` gives the rules of the policy in use, `reserved_at` the wallet
    that an address was reserved for here, if any, `barred` why a wallet is locked now; `due` stages what
    takes effect before anything is judged."""

    journal: Journal
    drafts: SignedDrafts
    freezes: Freezes
    registry: OwnRegistry
    witness: Witness
    keyring: Keyring
    rulebook: Callable[[], Rulebook]
    clock: Clock
    faults: Faults
    points: Points
    reserved_at: ReservedAt = nobody
    barred: Barred = not_barred
    due: Callable[[Batch, int], None] = nothing_due

    async def sign(self, request: SignRequest, asked: Asked) -> SignAnswer:
        """One outcome per item, in order. Raises what closes the whole request: a replay, a breach, a
        peer, a keystore or a disk that is not there; and a batch of none or too many."""
        if not 1 <= len(request.items) <= ITEMS_MAX:
            raise Malformed("signing.batch", f"ask for 1 to {ITEMS_MAX} signatures at once")
        self.witness.shown(request.heads)
        if not self.witness.ready:
            await self.witness.start()
        self.faults.reach(self.points.opened)
        outcomes, book = await self._remembered(request.items, asked)
        self.faults.reach(self.points.remembered)
        kept = [one for one in outcomes if isinstance(one, Remembrance)]
        signatures = iter(await self._signed(kept))
        self.faults.reach(self.points.signed)
        items = [next(signatures) if isinstance(one, Remembrance) else one for one in outcomes]
        return SignAnswer(items=items, policy=book.policy, head=self.witness.stated())

    async def _remembered(
        self, items: Sequence[SignItem], asked: Asked
    ) -> tuple[list[Remembrance | Declined | Failure], Rulebook]:
        reads = read_items(items, self.registry)
        with self.journal.batch(asked) as batch:
            now_s = self.journal.now_ms(self.clock.now_ms()) // 1000
            self.due(batch, now_s)
            book = self.rulebook()
            outcomes = [
                one if isinstance(one, Failure) else self._decided(one, batch, book, now_s) for one in reads
            ]
        await batch.settled()
        return outcomes, book

    def _case(self, read: Read, book: Rulebook, now_s: int) -> Case:
        frozen = self.freezes.holding(read.known.record.wallet, read.effects, book.harbors)
        history = self.drafts.history(read.intent.intent, read.effects.slots, now_s, frozen)
        return case_of(read, history, now_s, self._unproven(read))

    def _unproven(self, read: Read) -> frozenset[str]:
        """Recipients that are reserved for wallets whose owners nobody has read from the chain yet."""
        network = read.known.record.network
        held = {address: self.reserved_at(network, address) for address in read.recipients}
        return frozenset(
            address
            for address, wallet in held.items()
            if wallet is not None and not self.registry.wallet(wallet).is_proven
        )

    def _decided(
        self, read: Read, batch: Batch, book: Rulebook, now_s: int
    ) -> Remembrance | Declined | Failure:
        barred = self.barred(read.known.record)
        if barred:
            return failure(Refused("keeper.locked", barred))
        case, effects = self._case(read, book, now_s), read.effects
        before = self.drafts.find(effects.digests, effects.slots)
        again = before is not None and before.draft == read.draft_hash
        if before is not None and again and before.remembered.intent_hash == read.intent_hash:
            ruling, sequence = affirm(case, before.remembered, book), before.sequence
        elif before is not None:
            return failure(Conflict("journal.claimed", "this transaction was signed for another intent"))
        elif self.drafts.intent_hashes(read.intent.intent) - {read.intent_hash}:
            return failure(Conflict("journal.intent", "this intent id stands for other bytes; use a new one"))
        elif self.drafts.crowded(effects.slots, now_s):
            return failure(Unavailable("signing.pace", "this was drafted too often; ask again in an hour"))
        else:
            ruling, sequence = judge(case, book), batch.next_sequence
        if not isinstance(ruling, Granted):
            return declined(ruling.verdicts, review=ruling.review)
        if before is None:
            _remember(read, batch, book, now_s)
        return Remembrance(read, ruling.approval, sequence)

    async def _signed(self, kept: Sequence[Remembrance]) -> list[Signed]:
        if not kept:
            return []
        rows = [one.sequence for one in kept]
        await self.witness.cover(max(rows))
        self._refuse_changed(kept)
        records = [one.read.known.record for one in kept]
        secrets = await self.keyring.unseal(records, f"journal:{min(rows)}-{max(rows)}")
        with wiped_after(secrets):
            self._refuse_changed(kept)  # opening them took its time as well
            return [
                Signed(signatures=self._signatures(one, secret), sequence=one.sequence)
                for one, secret in zip(kept, secrets, strict=True)
            ]

    def _signatures(self, one: Remembrance, secret: Secret) -> list[bytes]:
        owner = one.read.known.record.key(self.keyring.role)
        return coinkeys.sign(one.approval, secret, bytes.fromhex(owner.public_key), node_of(owner))

    def _refuse_changed(self, kept: Sequence[Remembrance]) -> None:
        """While this request waited, a freeze or another policy may have come, and a row that another request
        had staged may have failed to commit."""
        book = self.rulebook()
        for one in kept:
            for sentence in self.freezes.holding(
                one.read.known.record.wallet, one.read.effects, book.harbors
            ):
                raise Refused("freeze.frozen", sentence)
            if one.approval.policy != book.policy:
                raise Conflict("policy.changed", "another policy came into force meanwhile; ask again")
            found = self.drafts.find(one.read.effects.digests, one.read.effects.slots)
            committed = self.journal.committed.sequence
            if found is None or found.sequence != one.sequence or one.sequence > committed:
                raise Conflict("journal.head_moved", "the journal has moved on; ask again")


def _remember(read: Read, batch: Batch, book: Rulebook, now_s: int) -> None:
    effects, sequence = read.effects, batch.next_sequence
    spent = leaving(effects, book.harbors.get(effects.network))
    row = SignRow(
        at_s=now_s,
        kind=SIGN,
        digests=[digest.hex() for digest in effects.digests],
        draft=read.draft_hash.hex(),
        intent=read.intent.intent,
        intent_bytes=read.intent_bytes.hex(),
        intent_hash=read.intent_hash,
        policy=book.policy,
        requester=batch.asked.requester.value if batch.asked else "",
        slots=[(slot.network, slot.space, slot.position) for slot in effects.slots],
        spent={asset: str(units) for asset, units in spent.items()},
        wallet=read.known.record.wallet,
    )
    batch.add(
        row,
        claims=[Claim(slot, effects.digests[0], sequence) for slot in effects.slots],
        intents=[ClaimedIntent(read.intent.intent, read.intent_hash)],
    )


def declined(verdicts: Sequence[Verdict], *, review: bool) -> Declined:
    return Declined(verdicts=[_verdict(verdict) for verdict in verdicts], review=review)


def _verdict(verdict: Verdict) -> VerdictItem:
    match verdict:
        case Approved(rule):
            return VerdictItem(rule=rule, outcome="approved")
        case Denied(rule, reason):
            return VerdictItem(rule=rule, outcome="denied", reason=reason)
        case NeedsReview(rule, reason):
            return VerdictItem(rule=rule, outcome="needs_review", reason=reason)
        case Failed(rule, error):
            return VerdictItem(rule=rule, outcome="failed", reason=error)
        case _ as never:
            assert_never(never)
