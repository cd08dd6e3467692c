"""Transactions of Keeper's own accounts, from an approval to signed bytes; whichever family they are of.

Laws: a row is on disk and witnessed before its signature is made; what is signed is looked at again after
every wait; all keys of a batch are opened in one keystore call, which names the rows, and wiped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepcool.core.approval import PurseApproval
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.faults import FaultPoint
from keepcool.cosigner.answering import body_of
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.keyring import wiped_after
from keepcool.cosigner.service import Signer
from keepcool.hazmat import coinkeys
from keepcool.ports.keystore import Bound
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import (
    ITEMS_MAX,
    Declined,
    Failure,
    Head,
    Message,
    PurseAnswer,
    PurseItem,
    PurseRequest,
    PurseSigned,
    PurseStatus,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An approved transaction and the journal row that remembers it. `finish` puts the signature (65 bytes)
    to it, `look_again` raises what has come in between: a freeze, or a row that was not stored."""

    bound: Bound
    public_key: bytes
    approval: PurseApproval
    sequence: int
    finish: Callable[[bytes], bytes]
    look_again: Callable[[], None]


class Book(Protocol):
    """The accounts of one family."""

    @property
    def networks(self) -> frozenset[str]: ...

    def decided(self, item: PurseItem, batch: Batch) -> Kept | Declined | Failure:
        """Judge one item and remember it in the batch. Raises nothing of the asker's making."""

    def status(self) -> list[PurseStatus]: ...


class Purses:
    """`purse.sign.v1` for every family."""

    def __init__(self, signer: Signer, books: Sequence[Book]) -> None:
        self._signer, self._books = signer, tuple(books)

    def status(self) -> list[PurseStatus]:
        return [one for book in self._books for one in book.status()]

    async def sign(self, opened: Opened) -> Message:
        """One outcome per item, in order."""
        signer, faults = self._signer, self._signer.foundation.faults
        request = body_of(opened, PurseRequest)
        await ready(signer, request.heads)
        if not 1 <= len(request.items) <= ITEMS_MAX:
            raise Malformed("purse.batch", f"ask for 1 to {ITEMS_MAX} transactions at once")
        with signer.journal.batch(signer.asked(opened)) as batch:
            signer.ordering.carry_out(batch, signer.ordering.now_s())
            policy = signer.policy.hash
            outcomes = [self._decided(item, batch) for item in request.items]
        await batch.settled()
        faults.reach(FaultPoint.KEEPER_PURSE_REMEMBERED)
        sent = iter(await signed(signer, [one for one in outcomes if isinstance(one, Kept)], policy))
        faults.reach(FaultPoint.KEEPER_PURSE_SIGNED)
        items = [next(sent) if isinstance(one, Kept) else one for one in outcomes]
        return PurseAnswer(items=items, head=signer.witness.stated())

    def _decided(self, item: PurseItem, batch: Batch) -> Kept | Declined | Failure:
        for book in self._books:
            if item.network in book.networks:
                return book.decided(item, batch)
        return failure(Refused("purse.network", f"there is no purse on {item.network[:64]}"))


async def ready(signer: Signer, heads: Sequence[Head]) -> None:
    """Returns when this signer may sign at all. Raises Unavailable or Breach."""
    signer.witness.shown(heads)
    if not signer.witness.ready:
        await signer.witness.start()


async def signed(signer: Signer, kept: Sequence[Kept], policy: str) -> list[PurseSigned]:
    """Their signed bytes, in order. `policy`: by which they were judged. Raises what closes all of them."""
    if not kept:
        return []
    rows = [one.sequence for one in kept]
    await signer.witness.cover(max(rows))
    _look_again(signer, kept, policy)
    bounds = list(dict.fromkeys(one.bound for one in kept))
    opened = await signer.keyring.open(bounds, f"journal:{min(rows)}-{max(rows)}")
    keys = dict(zip(bounds, opened, strict=True))
    with wiped_after(opened):
        _look_again(signer, kept, policy)  # opening them took its time as well
        return [
            PurseSigned(
                transaction=one.finish(coinkeys.sign(one.approval, keys[one.bound], one.public_key)[0]),
                sequence=one.sequence,
            )
            for one in kept
        ]


def _look_again(signer: Signer, kept: Sequence[Kept], policy: str) -> None:
    if signer.policy.hash != policy:
        raise Conflict("policy.changed", "another policy came into force meanwhile; ask again")
    for one in kept:
        one.look_again()
