"""Another key of a wallet's owner: the next revision of its record, verified and attested by this signer.

Laws: the old key consents to this very change of this very record, or administrators have ordered it; the new
revision is made here and differs in the key alone; the one before signs nothing from the moment in which the
new one is staged, and the new one nothing before both signers attested it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keepcool.core import approvals, ids
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.personkeys import parse_person_key
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.attest import attest, verify_by_any
from keepcool.cosigner.cases import failure
from keepcool.cosigner.entries import WALLET, WalletRow
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Journal
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.people import Moment, People
from keepcool.cosigner.revisions import BY_ORDER, BY_OWNER, rekeyed
from keepcool.cosigner.signing import never_replaced
from keepcool.cosigner.witness import Witness
from keepcool.policy.terms import Policy
from keepcool.ports.identity import Identity
from keepcool.ports.signer_store import RecordRow, SignerStore
from keepcool.ports.system import Clock
from keepcool.wire import proofs
from keepcool.wire.messages import (
    ITEMS_MAX,
    Attested,
    Failure,
    RekeyItem,
    RekeyWallets,
    WalletsAnswer,
)

Ordered = Callable[[str, str, str], bool]


def never_ordered(_: str, __: str, ___: str) -> bool:
    """Nobody here orders another key."""
    return False


@dataclass(frozen=True, slots=True)
class _Change:
    """A change that was consented to. `before`: the bytes of the record it changes."""

    before: bytes
    record: WalletRecord
    deed: str
    proof: bytes
    attestations: Mapping[Service, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeying:
    """`wallets.rekey.v1`. `after`: whose attestation has to come along, None for the one that begins.
    `ordered` tells whether administrators put a key (third) in force for a wallet (first) with a record
    (second, its hash), `key_replaced` whether they ordered any other in place of a record's, due or not."""

    journal: Journal
    store: SignerStore
    registry: OwnRegistry
    freezes: Freezes
    people: People
    rulebook: Callable[[], Rulebook]
    identity: Identity
    witness: Witness
    clock: Clock
    after: tuple[Service, Callable[[], Sequence[bytes]]] | None
    ordered: Ordered = never_ordered
    key_replaced: Callable[[WalletRecord], bool] = never_replaced

    async def rekey(self, body: RekeyWallets, asked: Asked) -> WalletsAnswer:
        """One outcome per wallet, in order; what is so already is told as it is."""
        if not 1 <= len(body.items) <= ITEMS_MAX:
            raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")
        planned = [await self._planned(one) for one in body.items]
        with self.journal.batch(asked) as batch:
            moment = Moment(batch, self.rulebook(), self.journal.now_ms(self.clock.now_ms()) // 1000)
            items = [self._outcome(item, one, moment) for item, one in zip(body.items, planned, strict=True)]
        await batch.settled()
        self.registry.foresee([row.wallet for row in batch.records])
        return WalletsAnswer(items=items, head=self.witness.stated())

    async def _planned(self, item: RekeyItem) -> _Change | Attested | KeepcoolError:
        await asyncio.sleep(0)
        try:
            return self._plan(item)
        except KeepcoolError as error:
            return error

    def _plan(self, item: RekeyItem) -> _Change | Attested:
        """Raises what speaks against it."""
        wallet, key = ids.wallet_id(item.wallet), parse_person_key(item.key).text()
        known = self.registry.wallet(wallet)
        record, row = known.record, self.store.record(wallet)
        if row is not None and record.user_key == key:
            return _told(row)
        if row is None or not known.is_proven:
            raise Conflict("rekey.pending", f"the record of {wallet} is not attested by both signers yet")
        terms = self._terms()
        rules = terms.networks.get(record.network)
        if rules is not None and record.profile == rules.pool_profile:
            raise Refused("wallet.user_key", "a pool belongs to no single user and has no user key")
        deed = self._consented(item, record, key, terms)
        changed = rekeyed(record, key)
        return _Change(row.record, changed, deed, item.proof, self._attested(item, changed))

    def _terms(self) -> Policy:
        terms = self.rulebook().terms
        if terms is None:
            raise Refused("rekey.people", "the policy says nothing of people")
        return terms

    def _consented(self, item: RekeyItem, record: WalletRecord, key: str, terms: Policy) -> str:
        """By whom. Raises Refused or Malformed when by nobody."""
        if self.ordered(record.wallet, record.hash(), key):
            return BY_ORDER
        if self.key_replaced(record):
            raise Refused("rekey.order", "administrators have ordered another key for this wallet")
        if not record.user_key:
            raise Refused("rekey.order", "this wallet has no user key yet: administrators order the first")
        for sentence in self.freezes.touching(record.wallet, record.network):
            raise Refused("freeze.frozen", f"while it is frozen only administrators order this: {sentence}")
        if not item.proof:
            raise Refused("rekey.consent", "the old key has to sign this, or administrators order it")
        statement = approvals.rekey_statement(record.wallet, record.hash(), key)
        proof = proofs.parse_proof(item.proof)
        challenge = approvals.rekey_challenge(statement)
        self.people.verifier.verify(record.user_key, challenge, proof, terms.users)
        return BY_OWNER

    def _attested(self, item: RekeyItem, changed: WalletRecord) -> dict[Service, bytes]:
        if self.after is None:
            return {}
        service, keys = self.after
        signature = item.attestations.get(service.value, b"")
        verify_by_any(keys(), changed.encoded(), signature)
        return {service: signature}

    def _outcome(
        self, item: RekeyItem, planned: _Change | Attested | KeepcoolError, moment: Moment
    ) -> Attested | Failure:
        if isinstance(planned, Attested):
            return planned
        if isinstance(planned, KeepcoolError):
            if isinstance(planned, Refused | Malformed):
                self.people.deny(f"key {_name(item)}", moment)
            return failure(planned)
        row, record = self.store.record(planned.record.wallet), planned.record
        if row is None or row.record != planned.before or self._is_overtaken(planned):
            return failure(Conflict("registry.revision", f"the record of {record.wallet} changed; ask again"))
        return _told(self._keep(planned, moment))

    def _is_overtaken(self, planned: _Change) -> bool:
        """Whether this revision was staged by another request."""
        return self.people.rekeys.newest(planned.record.wallet) >= planned.record.revision

    def _keep(self, planned: _Change, moment: Moment) -> RecordRow:
        record = planned.record
        attestations = {**planned.attestations, self.identity.service: attest(self.identity, record)}
        moment.batch.add(
            WalletRow(
                at_s=moment.now_s,
                kind=WALLET,
                deed=planned.deed,
                record=record.hash(),
                revision=record.revision,
                wallet=record.wallet,
                proof=planned.proof if planned.deed == BY_OWNER else b"",
            )
        )
        row = RecordRow(record.wallet, record.revision, record.encoded(), attestations)
        moment.batch.records.append(row)
        return row


def _name(item: RekeyItem) -> str:
    return hashlib.sha256(f"{item.wallet}\0{item.key}\0".encode() + item.proof).hexdigest()


def _told(row: RecordRow) -> Attested:
    attestations = {service.value: one for service, one in row.attestations.items()}
    return Attested(record=row.record, attestations=attestations)
