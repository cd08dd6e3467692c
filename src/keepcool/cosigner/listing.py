"""What a restored App asks a signer: which wallets there are, and what was signed that a chain now shows.

Laws: nothing is decided and nothing remembered here, so any question may be asked any number of times; what
is told is what lies in this signer's own database, a bounded page of it; whoever asks verifies all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from keepcool.core.effects import Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import network_id
from keepcool.cosigner import entries
from keepcool.cosigner.addressing import IssuedAddresses
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import SignRow
from keepcool.cosigner.witness import Witness
from keepcool.ports.signer_store import RecordRow, SignerStore
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import OpenedHandler
from keepcool.wire.listing import (
    FIND_MAX,
    FindSigned,
    FoundSigned,
    Listed,
    ListWallets,
    SignedAnswer,
    SignedDraft,
    WalletsListed,
)
from keepcool.wire.messages import ITEMS_MAX, Message

_UNKNOWN = FoundSigned(intent=b"", at_s=0, sequence=0)
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Listing:
    """`issued` and `drafts` are memories of this signer's journal."""

    store: SignerStore
    issued: IssuedAddresses
    drafts: SignedDrafts
    witness: Witness

    def wallets(self, request: ListWallets) -> WalletsListed:
        """`wallets.list.v1`: in the order of their names."""
        rows = self.store.records(request.after, ITEMS_MAX + 1)
        items = [self._listed(row) for row in rows[:ITEMS_MAX]]
        return WalletsListed(items=items, more=len(rows) > ITEMS_MAX, head=self.witness.stated())

    def signed(self, request: FindSigned) -> SignedAnswer:
        """`signed.find.v1`: one answer per draft, in order."""
        if not 1 <= len(request.items) <= FIND_MAX:
            raise Malformed("signed.batch", f"ask for 1 to {FIND_MAX} drafts at once")
        return SignedAnswer(items=[self._found(one) for one in request.items], head=self.witness.stated())

    def _listed(self, row: RecordRow) -> Listed:
        attestations = {service.value: one for service, one in row.attestations.items()}
        return Listed(record=row.record, attestations=attestations, issued=self.issued.highest(row.wallet))

    def _found(self, one: SignedDraft) -> FoundSigned:
        slot = Slot(network_id(one.network), one.space, one.position)
        sequence = self.drafts.named(one.digest, slot)
        row = None if sequence is None else self.store.entry(sequence)
        if row is None:
            return _UNKNOWN
        signed = entries.decoded(entries.read(row.head, row.previous, row.body), SignRow)
        intent = bytes.fromhex(signed.intent_bytes)
        return FoundSigned(intent=intent, at_s=signed.at_s, sequence=row.head.sequence)


def handlers(
    store: SignerStore, issued: IssuedAddresses, drafts: SignedDrafts, witness: Witness
) -> dict[str, OpenedHandler]:
    """By the type of request."""
    listing = Listing(store, issued, drafts, witness)

    async def wallets(opened: Opened) -> Message:
        return listing.wallets(_body(opened, ListWallets))

    async def signed(opened: Opened) -> Message:
        return listing.signed(_body(opened, FindSigned))

    return {"wallets.list.v1": wallets, "signed.find.v1": signed}


def _body(opened: Opened, form: type[M]) -> M:
    if not isinstance(opened.body, form):
        raise Malformed("wire.body", f"{opened.typ} carries something else")
    return opened.body
