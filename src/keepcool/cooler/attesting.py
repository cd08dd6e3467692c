"""Cooler's part in making wallets: derive the address again from its own pins, then attest.

Laws: the cool and cold keys of a record must be the pinned ones, and Keeper must have attested exactly
these bytes; Cooler believes neither Keeper's nor App's word for an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.chains.accounts import NO_ACCOUNTS, AccountPins
from keepcool.chains.families import family_named
from keepcool.chains.family import terms_of
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import NO_PREVIOUS, Role, Standing, WalletRecord, parse_record
from keepcool.cosigner.attest import attest, verify_attestation
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.service import Signer, attested_row, body_of
from keepcool.ports.signer_store import RecordRow
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import ITEMS_MAX, Attested, AttestWallets, Failure, Message, WalletsAnswer


@dataclass(frozen=True, slots=True)
class Pins:
    """What Cooler knows by itself: its own public key, the cold one (compressed, hex), the key Keeper
    attests with, and the accounts of cool and cold."""

    cool: str
    cold: str
    keeper: bytes
    accounts: AccountPins = NO_ACCOUNTS


class Attesting:
    """`wallets.attest.v1`."""

    def __init__(self, signer: Signer, pins: Pins) -> None:
        self._signer, self._pins = signer, pins

    async def attest(self, opened: Opened) -> Message:
        """One outcome per record, in order; a record attested before gets the same attestation."""
        wanted = body_of(opened, AttestWallets).records
        if not 1 <= len(wanted) <= ITEMS_MAX:
            raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")
        with self._signer.journal.batch(self._signer.asked(opened)) as batch:
            items = [self._outcome(one, batch) for one in wanted]
        await batch.settled()
        self._signer.registry.foresee([row.wallet for row in batch.records])
        return WalletsAnswer(items=items, head=self._signer.witness.stated())

    def _outcome(self, wanted: Attested, batch: Batch) -> Attested | Failure:
        try:
            record, keeper = self._checked(wanted)
            row = self._signer.foundation.store.record(record.wallet)
            if row is not None and row.record != wanted.record:
                raise Conflict("wallet.other", f"another record of {record.wallet} was attested before")
        except KeepcoolError as error:
            return failure(error)
        if row is not None:
            return _told(wanted.record, row.attestations)
        own = attest(self._signer.foundation.identity, record)
        attestations = {Service.KEEPER: keeper, Service.COOLER: own}
        self._remember(record, wanted.record, attestations, batch)
        return _told(wanted.record, attestations)

    def _checked(self, wanted: Attested) -> tuple[WalletRecord, bytes]:
        keeper = wanted.attestations.get(Service.KEEPER.value, b"")
        verify_attestation(self._pins.keeper, wanted.record, keeper)
        record = parse_record(wanted.record)
        rules = self._signer.foundation.policy.networks.get(record.network)
        if rules is None or (record.family, record.profile) != (rules.family, rules.profile):
            raise Refused("wallet.profile", f"the policy has no such wallets on {record.network}")
        pinned = (record.key(Role.COOL).public_key, record.key(Role.COLD).public_key)
        if pinned != (self._pins.cool, self._pins.cold):
            raise Refused("wallet.keys", "the cool or cold key of this record is not the pinned one")
        if (record.threshold, record.revision, record.previous) != (2, 1, NO_PREVIOUS):
            raise Refused("wallet.terms", "a new wallet is a first revision with two signatures of three")
        if record.standing is not Standing.PROVEN:
            raise Refused("wallet.standing", "an address of this family needs no proof by the chain")
        if family_named(record.family).derive_address(terms_of(record)) != record.address:
            raise Refused("wallet.address", "the three keys do not lead to this address")
        return record, keeper

    def _remember(
        self, record: WalletRecord, encoded: bytes, attestations: Mapping[Service, bytes], batch: Batch
    ) -> None:
        signer = self._signer
        at_s = signer.journal.now_ms(signer.foundation.clock.now_ms()) // 1000
        batch.add(attested_row(record, at_s))
        batch.records.append(RecordRow(record.wallet, record.revision, encoded, attestations))


def _told(record: bytes, attestations: Mapping[Service, bytes]) -> Attested:
    return Attested(record=record, attestations={service.value: one for service, one in attestations.items()})
