"""Reserving wallets whose address comes from the transaction that makes them, and proving whose they are.

Laws: one wallet id is one creator, one nonce, one number and one record for ever; the transaction is built
here and never received; a first revision belongs to nobody and pays nothing; there is one second revision,
which names its owner and counts once Cooler has read the chain and attested it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepcool.chains.family import terms_of
from keepcool.chains.minter.transaction import Transaction
from keepcool.chains.minter.wallets import Birth, creation_of
from keepcool.core import ids
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.core.verdict import Approved, Failed, Verdict
from keepcool.cosigner.answering import attested_row, body_of
from keepcool.cosigner.attest import attest
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.keyring import NewKey, brought, sealed, wiped_after
from keepcool.cosigner.keyring import RequestKeys as Brought
from keepcool.cosigner.revisions import PROVEN_REVISION, first_revision, second_revision
from keepcool.cosigner.service import Signer
from keepcool.cosigner.underway import Hands
from keepcool.hazmat import coinkeys
from keepcool.keeper.creator_memory import RESERVATION, CreatorMemory, ReservationRow
from keepcool.keeper.creators import Creator, Creators
from keepcool.keeper.issuing import PaperKeys, bounded, checked_texts
from keepcool.keeper.paying import Kept, ready, signed
from keepcool.keeper.request_keys import RequestKeys
from keepcool.policy.terms import NetworkRules
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import RecordRow, SealedKey
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import (
    Attested,
    Failure,
    Message,
    ProveItem,
    ProveWallets,
    PurseSigned,
    ReserveAnswer,
    Reserved,
    ReserveItem,
    ReserveWallets,
    WalletsAnswer,
)

_RULES_OF_STATE = frozenset({"nonce_order", "slot"})


@dataclass(frozen=True, slots=True)
class _Plan:
    """A wallet asked for: its creator, its first revision, the transaction that makes it and, where it is
    new, its hot key still in clear and its number."""

    creator: Creator
    record: WalletRecord
    tx: Transaction
    key: NewKey | None
    number: int
    check: SealedKey | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan that was approved and remembered."""

    record: WalletRecord
    kept: Kept


class Reserving:
    """Keeper's part in making wallets of such a family."""

    def __init__(
        self, signer: Signer, memory: CreatorMemory, creators: Creators, paper: PaperKeys, keys: RequestKeys
    ) -> None:
        self._signer, self._memory, self._creators, self._paper = signer, memory, creators, paper
        self._keys = keys
        self._one_at_a_time = asyncio.Lock()

    async def reserve(self, opened: Opened) -> Message:
        """`wallets.reserve.v1`: one outcome per wallet, in order."""
        signer, faults = self._signer, self._signer.foundation.faults
        request = body_of(opened, ReserveWallets)
        bounded(request.items)
        await ready(signer, request.heads)
        async with self._one_at_a_time:
            with brought(request.keys) as brought_keys:
                plans = self._planned(request.items, brought_keys)
            with signer.foundation.underway.one() as hands:
                keys = await self._sealed(plans, hands)
                with signer.journal.batch(signer.asked(opened)) as batch:
                    signer.ordering.carry_out(batch, signer.ordering.now_s())
                    policy = signer.policy.hash
                    outcomes = [
                        one if isinstance(one, Failure) else self._made(one, keys, batch) for one in plans
                    ]
                await batch.settled()
        faults.reach(FaultPoint.KEEPER_PURSE_REMEMBERED)
        made = [one.kept for one in outcomes if isinstance(one, _Made)]
        sent = iter(await signed(signer, made, policy))
        faults.reach(FaultPoint.KEEPER_PURSE_SIGNED)
        items = [self._reserved(one, next(sent)) if isinstance(one, _Made) else one for one in outcomes]
        return ReserveAnswer(items=items, head=signer.witness.stated())

    async def prove(self, opened: Opened) -> Message:
        """`wallets.prove.v1`: one outcome per wallet, in order."""
        wanted = body_of(opened, ProveWallets).items
        bounded(wanted)
        async with self._one_at_a_time:
            with self._signer.journal.batch(self._signer.asked(opened)) as batch:
                items = [self._proved(one, batch) for one in wanted]
            await batch.settled()
        return WalletsAnswer(items=items, head=self._signer.witness.stated())

    def _planned(self, wanted: Sequence[ReserveItem], keys: Brought) -> list[_Plan | Failure]:
        plans: list[_Plan | Failure] = []
        numbers, seen = dict[str, int](), set[str]()
        for one in wanted:
            try:
                if one.wallet in seen:
                    raise Malformed("wallet.twice", f"wallet {one.wallet[:64]} stands twice in one request")
                seen.add(one.wallet)
                number = numbers.get(one.network, self._memory.next_number(one.network))
                plan = self._plan(one, number, keys.get(one.wallet))
                numbers[one.network] = max(number, plan.number + 1)
                plans.append(plan)
            except KeepcoolError as error:
                plans.append(failure(error))
        return plans

    def _plan(self, wanted: ReserveItem, number: int, key: Secret | None) -> _Plan:
        wallet, creator = ids.wallet_id(wanted.wallet), self._creators.creator(wanted.network, wanted.creator)
        row, place = self._signer.foundation.store.record(wallet), self._memory.reservation(wallet)
        if row is None and place is None:
            return self._new_plan(wallet, creator, wanted, number, key)
        if place is None:
            raise Conflict("wallet.other", f"wallet {wallet} was never reserved; choose another id")
        if row is None:
            raise Unavailable("wallet.pending", f"wallet {wallet} is being stored; ask again")
        if (place.network, place.account, place.nonce) != (wanted.network, wanted.creator, wanted.nonce):
            raise Conflict(
                "wallet.other",
                f"wallet {wallet} is reserved at nonce {place.nonce} of {place.account}, for ever: ask for "
                "that, or for another wallet",
            )
        record = first_revision(parse_record(row.record))
        return _Plan(creator, record, _creation(record, wanted), None, place.number)

    def _new_plan(
        self,
        wallet: WalletId,
        creator: Creator,
        wanted: ReserveItem,
        number: int,
        own: Secret | None,
    ) -> _Plan:
        foundation = self._signer.foundation
        rules, birth = self._signer.policy.networks.get(creator.network), Birth(creator.address, wanted.nonce)
        if rules is None:
            raise Refused("wallet.network", f"the policy in force names no {creator.network}")
        cool, cold = self._cool_and_cold(rules, number)
        bound = Bound(Service.KEEPER.value, wallet, rules.network, Role.HOT.value)
        key = NewKey(bound, *coinkeys.new_key(foundation.entropy))
        try:
            blank = WalletRecord(
                wallet=wallet,
                revision=1,
                previous=NO_PREVIOUS,
                family=rules.family,
                network=rules.network,
                profile=birth.profile,
                threshold=2,
                owners=(OwnerKey(Role.HOT, key.public_key.hex()), cool, cold),
                address="",
                owner="",
                user_key="",
                policy_class="",
                standing=Standing.RESERVED,
                made_at_s=foundation.clock.now_ms() // 1000,
            )
            address = foundation.families.named(rules.family).derive_address(terms_of(blank))
            record = replace(blank, address=address)
            bound, secret, check = self._keys.kept(record, bound, key.secret, own)
            kept = replace(key, bound=bound, secret=secret)
            return _Plan(creator, record, _creation(record, wanted), kept, number, check)
        except BaseException:
            key.secret.wipe()
            raise

    def _cool_and_cold(self, rules: NetworkRules, number: int) -> tuple[OwnerKey, OwnerKey]:
        if rules.layout == "children":
            return self._paper.accounts.owner_keys(rules.family, number)
        if rules.layout == "shared":
            return self._paper.cool, self._paper.cold
        raise Refused("wallet.layout", f"the policy does not say whose keys wallets of {rules.network} have")

    async def _sealed(self, plans: Sequence[_Plan | Failure], hands: Hands) -> dict[str, SealedKey]:
        """Sealed hot keys by wallet; whatever happens, none stays in clear."""
        keys = [one.key for one in plans if isinstance(one, _Plan) and one.key is not None]
        if not keys:
            return {}
        foundation = self._signer.foundation
        with wiped_after([key.secret for key in keys]):
            rows = await sealed(keys, foundation.keystore, foundation.inner, foundation.entropy, hands)
        return {row.wallet: row for row in rows}

    def _made(self, plan: _Plan, keys: dict[str, SealedKey], batch: Batch) -> _Made | Failure:
        """Judged, and remembered with all that belongs to it: transaction, place, record and hot key."""
        ruling = self._creators.ruled(plan.creator, plan.tx, plan.record, batch)
        if not isinstance(ruling, Kept):
            return _declined(ruling)
        if plan.key is not None:
            at_s, record = self._creators.now_s(), plan.record
            place = ReservationRow(
                at_s=at_s,
                kind=RESERVATION,
                account=plan.creator.address,
                network=record.network,
                nonce=plan.tx.nonce,
                number=plan.number,
                wallet=record.wallet,
            )
            batch.add(place)
            self._keep(record, batch)
            batch.keys.append(keys[record.wallet])
            batch.keys += [] if plan.check is None else [plan.check]
        return _Made(plan.record, ruling)

    def _proved(self, wanted: ProveItem, batch: Batch) -> Attested | Failure:
        try:
            wallet = ids.wallet_id(wanted.wallet)
            checked_texts(wanted.owner, wanted.user_key, wanted.policy_class)
            row = self._signer.foundation.store.record(wallet)
            if row is None or self._memory.reservation(wallet) is None:
                raise Refused("wallet.unreserved", f"wallet {wallet} was never reserved here")
            if any(staged.wallet == wallet for staged in batch.records):
                raise Malformed("wallet.twice", f"wallet {wallet} stands twice in one request")
            record = parse_record(row.record)
            if record.revision > PROVEN_REVISION:
                return _same_terms(record, wanted, row)
            terms = replace(
                record, owner=wanted.owner, user_key=wanted.user_key, policy_class=wanted.policy_class
            )
            proven = second_revision(first_revision(record), terms)
            if record.standing is Standing.PROVEN:
                if record != proven:
                    raise Conflict("wallet.other", f"wallet {wallet} was given to another owner or terms")
                return _told(row)
        except KeepcoolError as error:
            return failure(error)
        return _told(self._keep(proven, batch))

    def _keep(self, record: WalletRecord, batch: Batch) -> RecordRow:
        signature = attest(self._signer.foundation.identity, record)
        batch.add(attested_row(record, self._creators.now_s()))
        row = RecordRow(record.wallet, record.revision, record.encoded(), {Service.KEEPER: signature})
        batch.records.append(row)
        return row

    def _reserved(self, made: _Made, sent: PurseSigned) -> Reserved:
        """Ed25519 gives the same signature each time, so a record told again is the same to the byte."""
        signature = attest(self._signer.foundation.identity, made.record)
        record = Attested(record=made.record.encoded(), attestations={Service.KEEPER.value: signature})
        return Reserved(record=record, transaction=sent.transaction, sequence=sent.sequence)


def _same_terms(record: WalletRecord, wanted: ProveItem, row: RecordRow) -> Attested:
    """Of a wallet whose owner changed his key since. Raises Conflict when it is asked for on other terms."""
    terms = (record.owner, record.user_key, record.policy_class)
    if terms != (wanted.owner, wanted.user_key, wanted.policy_class):
        raise Conflict("wallet.other", f"wallet {record.wallet} was given to another owner or terms")
    return _told(row)


def _creation(record: WalletRecord, wanted: ReserveItem) -> Transaction:
    return creation_of(record, gas_price=wanted.gas_price, gas_coin=wanted.gas_coin)


def _declined(verdicts: Sequence[Verdict]) -> Failure:
    """The first objection: a wallet is not reviewed, it is asked for anew."""
    for verdict in verdicts:
        match verdict:
            case Approved():
                continue
            case _:
                text = verdict.error if isinstance(verdict, Failed) else verdict.reason
                kind = Conflict if verdict.rule in _RULES_OF_STATE else Refused
                return failure(kind(f"reserve.{verdict.rule}", text))
    return failure(Refused("reserve.declined", "no rule was asked"))


def _told(row: RecordRow) -> Attested:
    attestations = {service.value: one for service, one in row.attestations.items()}
    return Attested(record=row.record, attestations=attestations)
