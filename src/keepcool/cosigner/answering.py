"""What every signer answers: signatures, addresses, its peer's questions, how it stands, and a freeze.

Law: a handler hands the typed body on and adds nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner import showing
from keepcool.cosigner.addressing import Addressing
from keepcool.cosigner.approving import Approving
from keepcool.cosigner.entries import WALLET, WalletRow
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked
from keepcool.cosigner.ordering import Ordering
from keepcool.cosigner.rekeying import Rekeying
from keepcool.cosigner.reviews import Reviews
from keepcool.cosigner.signing import CoSigner
from keepcool.cosigner.witness import Witness
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import OpenedHandler
from keepcool.wire.messages import (
    AttestAddresses,
    FreezeAnswer,
    FreezeRequest,
    Message,
    RekeyWallets,
    SignRequest,
    StatusAnswer,
    WitnessRequest,
)
from keepcool.wire.reviews import (
    OrderAnswer,
    PeopleAnswer,
    PeopleRequest,
    ReviewRequest,
    ReviewsRequest,
    SubmitApprovals,
    SubmitOrder,
)

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """`peer`: the only one whose head is witnessed here. `standing`: the answer to `status.v1`."""

    freezes: Freezes
    witness: Witness
    cosigner: CoSigner
    addressing: Addressing
    peer: Service
    standing: Callable[[], StatusAnswer]
    ordering: Ordering
    approving: Approving
    reviews: Reviews
    rekeying: Rekeying

    def handlers(self) -> dict[str, OpenedHandler]:
        """By the type of request."""
        return {
            "sign.v1": self._sign,
            "addresses.attest.v1": self._addresses,
            "witness.v1": self._witnessed,
            "status.v1": self._status,
            "freeze.v1": self._freeze,
            "orders.v1": self._order,
            "approvals.v1": self._approvals,
            "reviews.v1": self._reviews,
            "review.v1": self._review,
            "people.v1": self._people,
            "wallets.rekey.v1": self._rekey,
        }

    async def _sign(self, opened: Opened) -> Message:
        return await self.cosigner.sign(body_of(opened, SignRequest), asked_by(opened))

    async def _addresses(self, opened: Opened) -> Message:
        return await self.addressing.attest(body_of(opened, AttestAddresses), asked_by(opened))

    async def _status(self, _: Opened) -> Message:
        return self.standing()

    async def _witnessed(self, opened: Opened) -> Message:
        if opened.sender is not self.peer:
            raise Refused("witness.sender", "only the peer signer is a witness here")
        return await self.witness.answer(body_of(opened, WitnessRequest))

    async def _freeze(self, opened: Opened) -> Message:
        body = body_of(opened, FreezeRequest)
        place = freezing.place_of(body.level, body.target)
        await self.ordering.freeze(place, body.reason, opened.sender.value, asked_by(opened))
        return FreezeAnswer(frozen=self.freezes.all(), head=self.witness.stated())

    async def _order(self, opened: Opened) -> Message:
        pending = await self.ordering.submit(body_of(opened, SubmitOrder), asked_by(opened))
        return OrderAnswer(pending=pending, frozen=self.freezes.all(), head=self.witness.stated())

    async def _approvals(self, opened: Opened) -> Message:
        return await self.approving.submit(body_of(opened, SubmitApprovals), asked_by(opened))

    async def _reviews(self, opened: Opened) -> Message:
        return await self.reviews.page(body_of(opened, ReviewsRequest))

    async def _review(self, opened: Opened) -> Message:
        return await self.reviews.one(body_of(opened, ReviewRequest))

    async def _rekey(self, opened: Opened) -> Message:
        return await self.rekeying.rekey(body_of(opened, RekeyWallets), asked_by(opened))

    async def _people(self, opened: Opened) -> Message:
        terms, asked = self.ordering.in_force.policy, body_of(opened, PeopleRequest).order
        return PeopleAnswer(
            people=showing.people_of(terms),
            rp_id="" if terms.desk is None else terms.desk.rp_id,
            origins=[] if terms.desk is None else sorted(terms.desk.origins),
            policy=terms.hash,
            policy_version=terms.version,
            installation=self.ordering.installation,
            orders=[self.ordering.told(asked, in_full=True)] if asked else self.ordering.shown(),
            frozen=self.freezes.all(),
            head=self.witness.stated(),
            document=self.ordering.in_force.document if asked else b"",
        )


def asked_by(opened: Opened) -> Asked:
    """The envelope that a change answers to."""
    return Asked(opened.id, opened.keep_until_ms, opened.sender)


def body_of(opened: Opened, form: type[M]) -> M:
    """The typed body of a request. The exchange has checked it against the type already."""
    if not isinstance(opened.body, form):
        raise Malformed("wire.body", f"{opened.typ} carries something else")
    return opened.body


def attested_row(record: WalletRecord, at_s: int) -> WalletRow:
    """The journal entry of an attestation."""
    return WalletRow(
        at_s=at_s,
        kind=WALLET,
        deed="attested",
        record=record.hash(),
        revision=record.revision,
        wallet=record.wallet,
    )
