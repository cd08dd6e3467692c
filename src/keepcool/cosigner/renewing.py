"""Records attested anew by the key in use, once attestation keys have followed one another.

Laws: only a record that stands in this signer's own registry and whose attesting stands in its own journal is
attested again, byte for byte; the other signer's attestation is taken in only under its key in use. So
whoever stole a key that counts no more gets nothing new signed by bringing what it signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.ids import wallet_id
from keepcool.core.parties import Service
from keepcool.core.registry import parse_record
from keepcool.cosigner.answering import asked_by, body_of
from keepcool.cosigner.attest import attest, verify_attestation
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.service import Signer
from keepcool.cosigner.successions import AttestedRecords, Keys
from keepcool.cosigner.witness import Witness
from keepcool.ports.identity import Identity
from keepcool.ports.signer_store import RecordRow, SignerStore
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import ITEMS_MAX, Attested, Failure, Message, WalletsAnswer
from keepcool.wire.renewing import RenewWallets


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """`wallets.renew.v1`. `keys`: both signers' attestation keys that count now."""

    journal: Journal
    store: SignerStore
    identity: Identity
    witness: Witness
    memory: AttestedRecords
    peer: Service
    keys: Callable[[], Keys]

    @classmethod
    def of(cls, signer: Signer, peer: Service) -> Renewing:
        foundation = signer.foundation
        return cls(
            journal=signer.journal,
            store=foundation.store,
            identity=foundation.identity,
            witness=signer.witness,
            memory=signer.attested,
            peer=peer,
            keys=signer.attesters,
        )

    async def renew(self, opened: Opened) -> Message:
        """One outcome per record, in order."""
        wanted = body_of(opened, RenewWallets).records
        if not 1 <= len(wanted) <= ITEMS_MAX:
            raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")
        items: list[Attested | Failure] = []
        with self.journal.batch(asked_by(opened)) as batch:
            for one in wanted:
                try:
                    row = self._renewed(one)
                    batch.records.append(row)
                    items.append(_told(row))
                except KeepcoolError as error:
                    items.append(failure(error))
        await batch.settled()
        return WalletsAnswer(items=items, head=self.witness.stated())

    def _renewed(self, wanted: Attested) -> RecordRow:
        record = parse_record(wanted.record)
        row = self.store.record(wallet_id(record.wallet))
        if row is None or row.record != wanted.record:
            raise Refused("wallet.unknown", f"this is not the record this signer has of {record.wallet}")
        if record.hash() not in self.memory:
            raise Refused("wallet.unattested", f"this signer's journal knows no attesting of {record.wallet}")
        attestations = {**row.attestations, self.identity.service: attest(self.identity, record)}
        theirs = wanted.attestations.get(self.peer.value)
        if theirs:
            verify_attestation(self.keys()[self.peer][0], wanted.record, theirs)
            attestations[self.peer] = theirs
        return replace(row, attestations=attestations)


def _told(row: RecordRow) -> Attested:
    attestations = {service.value: one for service, one in row.attestations.items()}
    return Attested(record=row.record, attestations=attestations)
