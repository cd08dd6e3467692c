"""One intent as the desk shows it: what Cooler says, what Keeper says, what the bytes say.

Law: approval is open only where all three agree; rejection is open to every approver always.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from keepcool.chains.families import Families
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.parties import Service
from keepcool.desk import recount
from keepcool.desk.recount import Recount
from keepcool.desk.signers import Both, Signers
from keepcool.wire.reviews import PeopleAnswer, ReviewAnswer

ABSENT_CODES = frozenset({"review.unknown", "review.no_draft"})


@dataclass(frozen=True, slots=True)
class Item:
    """`found`: from Cooler's bytes, or why they do not decode. `differences`: why nothing may be approved.
    `policies`: hashes of both signers' policies, sorted, as an approval names them."""

    cooler: ReviewAnswer
    keeper: ReviewAnswer | KeepcoolError
    found: Recount | KeepcoolError
    differences: tuple[str, ...]
    policies: tuple[str, ...]

    @property
    def hash(self) -> str:
        return self.cooler.summary.intent_hash

    @property
    def waiting(self) -> bool:
        return self.cooler.summary.state == "waiting" or (
            isinstance(self.keeper, ReviewAnswer) and self.keeper.summary.state == "waiting"
        )


class Items:
    """Looks items up at both signers."""

    def __init__(self, signers: Signers, families: Families) -> None:
        self._signers, self._families = signers, families

    async def item(self, intent_hash: str) -> Item:
        """Raises what Cooler answered when it knows no such intent."""
        views, people = await asyncio.gather(
            self._signers.both_reviews(intent_hash), self._signers.both_people()
        )
        cooler = views.cooler
        if isinstance(cooler, KeepcoolError):
            raise _missing(cooler)
        found = await asyncio.to_thread(recount.tried, cooler, self._families)
        return Item(
            cooler=cooler,
            keeper=views.keeper,
            found=found,
            differences=(*differences(cooler, views.keeper, found), *_without_policy(people)),
            policies=_policies(people),
        )


def differences(
    cooler: ReviewAnswer, keeper: ReviewAnswer | KeepcoolError, found: Recount | KeepcoolError
) -> list[str]:
    """Where the signers and the bytes do not agree. Empty when nothing speaks against an approval."""
    told: list[str] = []
    if isinstance(found, KeepcoolError):
        told.append(f"Cooler's bytes do not decode here: {found.public}")
    else:
        told += [f"Cooler: {one}" for one in recount.unlike_bytes(cooler, found)]
    if isinstance(keeper, ReviewAnswer):
        told += recount.unlike_each_other(cooler, keeper)
    elif not _absent(keeper):
        told.append(f"Keeper does not answer: {keeper.public}")
    return told


def _without_policy(people: Both[PeopleAnswer]) -> list[str]:
    return [
        f"{service.value.capitalize()} does not say which policy is in force: {said.public}"
        for service in (Service.COOLER, Service.KEEPER)
        if isinstance(said := people.of(service), KeepcoolError)
    ]


def _policies(people: Both[PeopleAnswer]) -> tuple[str, ...]:
    said = (people.cooler, people.keeper)
    return tuple(sorted({one.policy for one in said if isinstance(one, PeopleAnswer)}))


def _absent(error: KeepcoolError) -> bool:
    return error.code in ABSENT_CODES


def _missing(error: KeepcoolError) -> KeepcoolError:
    if error.code == "review.unknown":
        return Conflict(
            "item.not_found", "Cooler has no such intent: it was never put to wait, or is forgotten"
        )
    return error
