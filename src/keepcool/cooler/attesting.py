"""Cooler's part in making wallets: derive the address again from its own pins, then attest.

Laws: the cool and cold keys of a record must be the pinned ones or the wallet's own children of the pinned
accounts, and Keeper must have attested exactly these bytes; Cooler believes neither Keeper's nor App's word
for an address, and where an address does not commit to its owners it reads them from its own nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.chains.accounts import NO_ACCOUNTS, WHOLE, AccountPins
from keepcool.chains.family import FamilyName, terms_of
from keepcool.cooler.number_memory import NumberMemory, numbered_row
from keepcool.cooler.proven_memory import ProvenMemory, proven_row
from keepcool.cooler.proving import Findings, Proofs
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.personkeys import parse_person_key
from keepcool.core.registry import NO_PREVIOUS, Role, Standing, WalletRecord, parse_record
from keepcool.cosigner.answering import attested_row, body_of
from keepcool.cosigner.attest import attest, verify_by_any
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.revisions import first_revision
from keepcool.cosigner.service import Signer
from keepcool.policy.terms import NetworkRules
from keepcool.ports.signer_store import RecordRow
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import ITEMS_MAX, Attested, AttestWallets, Failure, Message, WalletsAnswer

_log = logging.getLogger("keepcool.cooler")


@dataclass(frozen=True, slots=True)
class Pins:
    """What Cooler knows by itself: its own public key, the cold one (compressed, hex), and the accounts of
    cool and cold."""

    cool: str
    cold: str
    accounts: AccountPins = NO_ACCOUNTS


@dataclass(frozen=True, slots=True)
class _Checked:
    """A record that adds up, as far as it can without the chain, and Keeper's attestation of it."""

    record: WalletRecord
    encoded: bytes
    keeper: bytes
    number: int | None
    needs_proof: bool
    is_numbered: bool


class Attesting:
    """`wallets.attest.v1`. `memory` and `numbers` are of the signer's journal."""

    def __init__(
        self,
        signer: Signer,
        pins: Pins,
        memory: ProvenMemory,
        proofs: Proofs,
        numbers: NumberMemory,
    ) -> None:
        self._signer, self._pins, self._proofs = signer, pins, proofs
        self._memory, self._numbers = memory, numbers

    async def attest(self, opened: Opened) -> Message:
        """One outcome per record, in order; a record attested before gets the same attestation."""
        wanted = body_of(opened, AttestWallets).records
        if not 1 <= len(wanted) <= ITEMS_MAX:
            raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")
        checked = [self._checked_or_failure(one) for one in wanted]
        unproven = [one.record for one in checked if isinstance(one, _Checked) and self._is_unproven(one)]
        objections = await self._proofs.objections(unproven) if unproven else {}
        with self._signer.journal.batch(self._signer.asked(opened)) as batch:
            items = [
                one if isinstance(one, Failure) else self._outcome(one, objections, batch) for one in checked
            ]
        await batch.settled()
        self._signer.registry.foresee([row.wallet for row in batch.records])
        return WalletsAnswer(items=items, head=self._signer.witness.stated())

    def _is_unproven(self, one: _Checked) -> bool:
        """Whether the chain has to be read: not again for what was attested."""
        return one.needs_proof and self._signer.foundation.store.record(one.record.wallet) is None

    def _outcome(self, one: _Checked, objections: Findings, batch: Batch) -> Attested | Failure:
        record = one.record
        try:
            row = self._signer.foundation.store.record(record.wallet)
            if row is not None and row.record != one.encoded:
                raise Conflict("wallet.other", f"another record of {record.wallet} was attested before")
            if row is None and record.wallet in objections:
                raise objections[record.wallet]
            if row is None and one.needs_proof:
                self._memory.check_unique(record, one.number)
            if row is None and one.is_numbered:
                self._numbers.check_unique(record, one.number)
        except KeepcoolError as error:
            return _failed(record, error)
        if row is not None:
            return _told(one.encoded, row.attestations)
        own = attest(self._signer.foundation.identity, record)
        attestations = {Service.KEEPER: one.keeper, Service.COOLER: own}
        self._remember(one, attestations, batch)
        return _told(one.encoded, attestations)

    def _checked_or_failure(self, wanted: Attested) -> _Checked | Failure:
        try:
            return self._checked(wanted)
        except KeepcoolError as error:
            return failure(error)

    def _checked(self, wanted: Attested) -> _Checked:
        keeper = wanted.attestations.get(Service.KEEPER.value, b"")
        verify_by_any(self._signer.attesters()[Service.KEEPER], wanted.record, keeper)
        record = parse_record(wanted.record)
        rules = self._signer.policy.networks.get(record.network)
        if rules is None or record.family != rules.family or profile_kind(record) not in issued(rules):
            raise Refused("wallet.profile", f"the policy has no such wallets on {record.network}")
        number = self._wallet_number(record, rules)
        needs_proof = record.family == FamilyName.MINTER
        if self._is_known(record, wanted.record):
            return _Checked(record, wanted.record, keeper, number, needs_proof, record.family in WHOLE)
        if record.threshold != 2:
            raise Refused("wallet.terms", "a wallet is spent by two signatures of three")
        _check_user_key(record, rules)
        if needs_proof:
            _check_proven(record)
        else:
            _check_new(record)
        family = self._signer.foundation.families.named(record.family)
        if family.derive_address(terms_of(record)) != record.address:
            raise Refused("wallet.address", "the three keys do not lead to this address")
        return _Checked(record, wanted.record, keeper, number, needs_proof, record.family in WHOLE)

    def _is_known(self, record: WalletRecord, encoded: bytes) -> bool:
        """Whether it was attested before, whichever revision it is."""
        row = self._signer.foundation.store.record(record.wallet)
        return row is not None and row.record == encoded

    def _wallet_number(self, record: WalletRecord, rules: NetworkRules) -> int | None:
        """Whose children the cool and cold keys are; None where all wallets share them."""
        cool, cold = record.key(Role.COOL), record.key(Role.COLD)
        if rules.layout == "children" or record.family in WHOLE:
            return self._pins.accounts.wallet_number(record.family, cool, cold)
        if (cool.public_key, cold.public_key) != (self._pins.cool, self._pins.cold):
            raise Refused("wallet.keys", "the cool or cold key of this record is not the pinned one")
        return None

    def _remember(self, one: _Checked, attestations: Mapping[Service, bytes], batch: Batch) -> None:
        signer, record = self._signer, one.record
        at_s = signer.journal.now_ms(signer.foundation.clock.now_ms()) // 1000
        if one.needs_proof:
            batch.add(proven_row(record, one.number, at_s))
        if one.is_numbered:
            batch.add(numbered_row(record, one.number, at_s))
        batch.add(attested_row(record, at_s))
        batch.records.append(RecordRow(record.wallet, record.revision, one.encoded, attestations))


def profile_kind(record: WalletRecord) -> str:
    """A profile as a policy names it: without what the address was made of."""
    return record.profile.partition(":")[0] if record.family == FamilyName.MINTER else record.profile


def issued(rules: NetworkRules) -> tuple[str, ...]:
    """The profiles that new wallets may have."""
    return (rules.profile,) if rules.pool_profile is None else (rules.profile, rules.pool_profile)


def _check_user_key(record: WalletRecord, rules: NetworkRules) -> None:
    if not record.user_key:
        return
    parse_person_key(record.user_key)
    if record.profile == rules.pool_profile:
        raise Refused("wallet.user_key", "a pool belongs to no single user and has no user key")


def _check_new(record: WalletRecord) -> None:
    if (record.revision, record.previous) != (1, NO_PREVIOUS):
        raise Refused("wallet.terms", "a new wallet is a first revision")
    if record.standing is not Standing.PROVEN:
        raise Refused("wallet.standing", "an address of this family needs no proof by the chain")


def _check_proven(record: WalletRecord) -> None:
    if record.standing is not Standing.PROVEN or record.revision != 2:
        raise Refused("wallet.standing", "what is attested here is the second revision, given to an owner")
    first_revision(record)


def _failed(record: WalletRecord, error: KeepcoolError) -> Failure:
    if isinstance(error, Breach):
        _log.critical("breach", extra={"code": error.code, "why": error.public, "wallet": record.wallet})
    return failure(error)


def _told(record: bytes, attestations: Mapping[Service, bytes]) -> Attested:
    return Attested(record=record, attestations={service.value: one for service, one in attestations.items()})
