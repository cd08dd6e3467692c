"""The signing path of a batch: read, judge, remember, be witnessed, unseal, sign.

Laws: items are judged one after another without a pause, so each sees what the ones before it did; the
whole batch is one commit, one witness exchange and one keystore call; no signature is made before its
row is on disk and witnessed; identical bytes of a remembered request give the same signature again, and
no new row. See docs/decisions/0004.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains.accounts import node_of
from keepcool.core.approval import Approval
from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner.cases import Read, case_of, failure, read_items
from keepcool.cosigner.drafts import Kept, SignedDrafts
from keepcool.cosigner.entries import SIGN, SignRow
from keepcool.cosigner.evidence import NOTHING, Offered
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.cosigner.judge import Granted, Rulebook, affirm, judge
from keepcool.cosigner.keyring import Keyring, RequestKeys, brought, wiped_after
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.people import Moment, People
from keepcool.cosigner.witness import Witness
from keepcool.hazmat import coinkeys
from keepcool.policy.case import Case
from keepcool.policy.spending import leaving
from keepcool.policy.tiering import needs_nobody
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
)

ReservedAt: TypeAlias = Callable[[NetworkId, str], WalletId | None]


Barred: TypeAlias = Callable[[WalletRecord], str]
Keyed: TypeAlias = Callable[[WalletRecord, Secret | None], str]


def nobody(_: NetworkId, __: str) -> WalletId | None:
    """Nothing is reserved here."""
    return None


def nothing_due(_: Batch, __: int) -> None:
    """Nothing was ordered here."""


def not_barred(_: WalletRecord) -> str:
    """Nothing is locked here."""
    return ""


def not_keyed(_: WalletRecord, __: Secret | None) -> str:
    """No key comes with a request here."""
    return ""


def never_replaced(_: WalletRecord) -> bool:
    """Nobody here orders another key."""
    return False


@dataclass(frozen=True, slots=True)
class Points:
    """Where this service may die."""

    opened: FaultPoint
    remembered: FaultPoint
    signed: FaultPoint


@dataclass(frozen=True, slots=True)
class _Offered:
    """What was verified, by place in the request, under the policy of that moment."""

    book: Rulebook
    by_place: Mapping[int, Offered]


@dataclass(frozen=True, slots=True)
class Remembrance:
    """An approved item and the journal row that remembers it. `free`: nobody is asked about it, so nobody
    rejects it either."""

    read: Read
    approval: Approval
    sequence: int
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoSigner:
    """Everything a decision needs. `rulebook` gives the rules of the policy in use, `reserved_at` the wallet
    that an address was reserved for here, if any, `barred` why a wallet is locked now, `keyed` why the key
    that came with the request does not open it; `due` stages what
    takes effect before anything is judged; `people` knows what was signed, decided and refused."""

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
    people: People
    reserved_at: ReservedAt = nobody
    barred: Barred = not_barred
    keyed: Keyed = not_keyed
    key_replaced: Callable[[WalletRecord], bool] = never_replaced
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
        with brought(request.keys) as keys:
            outcomes, book = await self._remembered(request.items, asked, keys)
            self.faults.reach(self.points.remembered)
            kept = [one for one in outcomes if isinstance(one, Remembrance)]
            signatures = iter(await self._signed(kept, keys))
        self.faults.reach(self.points.signed)
        items = [next(signatures) if isinstance(one, Remembrance) else one for one in outcomes]
        return SignAnswer(items=items, policy=book.policy, head=self.witness.stated())

    async def _remembered(
        self, items: Sequence[SignItem], asked: Asked, keys: RequestKeys
    ) -> tuple[list[Remembrance | Declined | Failure], Rulebook]:
        reads = read_items(items, self.registry)
        await self._settle_due()
        offered = await self._offered(reads)
        with self.journal.batch(asked) as batch:
            now_s = self.journal.now_ms(self.clock.now_ms()) // 1000
            self.due(batch, now_s)
            book = self.rulebook()
            if offered.book.policy != book.policy:
                raise _another_policy()
            moment = Moment(batch, book, now_s, keys)
            outcomes = [
                self._outcome(item, read, offered.by_place.get(place, NOTHING), moment)
                for place, (item, read) in enumerate(zip(items, reads, strict=True))
            ]
        await batch.settled()
        return outcomes, book

    async def _settle_due(self) -> None:
        """What is due takes effect by itself, so that it does not fall with a request."""
        with self.journal.batch() as batch:
            self.due(batch, self.journal.now_ms(self.clock.now_ms()) // 1000)
        await batch.settled()

    async def _offered(self, reads: Sequence[Read | Failure]) -> _Offered:
        """Verified before anything is judged: others speak in between."""
        book = self.rulebook()
        found: dict[int, Offered] = {}
        for place, read in enumerate(reads):
            if isinstance(read, Read) and read.evidence and book.terms is not None:
                found[place] = await self.people.verifier.offered(read, book.terms)
        return _Offered(book, found)

    def _outcome(
        self, item: SignItem, read: Read | Failure, offered: Offered, moment: Moment
    ) -> Remembrance | Declined | Failure:
        if isinstance(read, Read):
            return self._decided(read, offered, moment)
        self.people.refused(read, hashlib.sha256(item.draft).hexdigest(), moment)
        return read

    def case(self, read: Read, offered: Offered, book: Rulebook, now_s: int) -> Case:
        """All that the rules may look at."""
        frozen = self.freezes.holding(read.known.record.wallet, read.effects, book.harbors)
        history = self.drafts.history(read.intent.intent, read.effects.slots, now_s, frozen)
        terms = book.terms
        if terms is None or not (terms.tiers or terms.approvers or read.evidence):
            return case_of(read, history, now_s, self._unproven(read))
        history = self.people.history(read, history, self.drafts.joined(read.effects.slots), now_s)
        proofs = self.people.proofs(read, offered, now_s)
        return case_of(read, history, now_s, self._unproven(read), proofs)

    def _unproven(self, read: Read) -> frozenset[str]:
        """Recipients that are reserved for wallets whose owners nobody has read from the chain yet."""
        network = read.known.record.network
        held = {address: self.reserved_at(network, address) for address in read.recipients}
        return frozenset(
            address
            for address, wallet in held.items()
            if wallet is not None and not self.registry.wallet(wallet).is_proven
        )

    def _decided(self, read: Read, offered: Offered, moment: Moment) -> Remembrance | Declined | Failure:
        batch, book, record = moment.batch, moment.book, read.known.record
        barred = self.barred(record)
        if barred:
            return failure(Refused("keeper.locked", barred))
        unopened = self.keyed(record, moment.keys.get(record.wallet))
        if unopened:
            return failure(Refused("keeper.request_key", unopened))
        if self.people.rekeys.overtaken(record) or self.key_replaced(record):
            return failure(_rekeyed(record))
        case, effects = self.case(read, offered, book, moment.now_s), read.effects
        before = self.drafts.find(effects.digests, effects.slots)
        problem = self._contradiction(read, before, moment.now_s)
        if problem is not None:
            return problem
        sequence = batch.next_sequence if before is None else before.sequence
        if before is not None and _unchanged(before, record, book):
            ruling = affirm(case, before.remembered, book)
        else:
            ruling = judge(case, book)
        if not isinstance(ruling, Granted):
            return self.people.withheld(case, read, offered, ruling, moment)
        if before is None:
            sequence = self._remember(read, case, offered, moment)
        free = book.terms is not None and needs_nobody(case, book.terms)
        return Remembrance(read, ruling.approval, sequence, free)

    def _contradiction(self, read: Read, before: Kept | None, now_s: int) -> Failure | None:
        """Why this cannot be judged, whatever it is."""
        effects = read.effects
        if before is not None:
            same = (before.draft, before.remembered.intent_hash) == (read.draft_hash, read.intent_hash)
            said = "this transaction was signed for another intent"
            return None if same else failure(Conflict("journal.claimed", said))
        if self.drafts.intent_hashes(read.intent.intent) - {read.intent_hash}:
            return failure(Conflict("journal.intent", "this intent id stands for other bytes; use a new one"))
        if self.drafts.crowded(effects.slots, now_s):
            return failure(Unavailable("signing.pace", "this was drafted too often; ask again in an hour"))
        return None

    def _remember(self, read: Read, case: Case, offered: Offered, moment: Moment) -> int:
        """Stage what was decided on, then the row itself; its sequence."""
        self.people.keep(offered, moment)
        self.people.ended(read, moment)
        sequence = moment.batch.next_sequence
        moment.batch.add(
            _sign_row(read, case, moment),
            claims=[Claim(slot, read.effects.digests[0], sequence) for slot in read.effects.slots],
            intents=[ClaimedIntent(read.intent.intent, read.intent_hash)],
        )
        return sequence

    async def _signed(self, kept: Sequence[Remembrance], keys: RequestKeys) -> list[Signed]:
        if not kept:
            return []
        rows = [one.sequence for one in kept]
        await self.witness.cover(max(rows))
        self._refuse_changed(kept)
        records = [one.read.known.record for one in kept]
        secrets = await self.keyring.unseal(records, f"journal:{min(rows)}-{max(rows)}", keys)
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
        """While this request waited, a freeze, another policy, another key or a rejection may have come, and
        a row that another request had staged may have failed to commit."""
        book, committed = self.rulebook(), self.journal.committed.sequence
        for one in kept:
            read, record = one.read, one.read.known.record
            for sentence in self.freezes.holding(record.wallet, read.effects, book.harbors):
                raise Refused("freeze.frozen", sentence)
            if one.approval.policy != book.policy:
                raise _another_policy()
            if self.people.rekeys.overtaken(record) or self.key_replaced(record):
                raise _rekeyed(record)
            if not one.free and self.people.rejected(read.intent_hash, book):
                raise Refused("approval.rejected", "an approver has rejected this intent meanwhile")
            found = self.drafts.find(read.effects.digests, read.effects.slots)
            if found is None or found.sequence != one.sequence or one.sequence > committed:
                raise Conflict("journal.head_moved", "the journal has moved on; ask again")


def _sign_row(read: Read, case: Case, moment: Moment) -> SignRow:
    effects, batch, record = read.effects, moment.batch, read.known.record
    spent = leaving(effects, moment.book.harbors.get(effects.network))
    return SignRow(
        at_s=moment.now_s,
        kind=SIGN,
        digests=[digest.hex() for digest in effects.digests],
        draft=read.draft_hash.hex(),
        intent=read.intent.intent,
        intent_bytes=read.intent_bytes.hex(),
        intent_hash=read.intent_hash,
        policy=moment.book.policy,
        requester=batch.asked.requester.value if batch.asked else "",
        slots=[(slot.network, slot.space, slot.position) for slot in effects.slots],
        spent={asset: str(units) for asset, units in spent.items()},
        wallet=record.wallet,
        owner=record.owner,
        recipients=sorted({payment.recipient for payment in effects.payments}),
        revision=record.revision,
        user=bool(case.proofs.user_key),
        user_key=record.user_key,
    )


def _unchanged(before: Kept, record: WalletRecord, book: Rulebook) -> bool:
    """Whether what was judged then would be asked the same now: by this policy, of this record."""
    return before.policy == book.policy and before.revision in (0, record.revision)


def _rekeyed(record: WalletRecord) -> Conflict:
    return Conflict("registry.revision", f"the owner of {record.wallet} changed his key; ask again")


def _another_policy() -> Conflict:
    return Conflict("policy.changed", "another policy came into force meanwhile; ask again")
