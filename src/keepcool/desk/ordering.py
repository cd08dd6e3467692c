"""What administrators order through the desk: made here, signed by their keys, carried to the signers.

Laws: the desk orders nothing of itself; an order is carried only when the one signed in is an administrator
and his proof verifies; a policy's order goes to the signer it names, the others to both.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core import approvals
from keepcool.core.approvals import DETAILS, TEXT_MAX, Action, Order
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.desk.people import Holder
from keepcool.desk.signers import SIGNERS, Both, Signers, told
from keepcool.ports.system import Clock, Entropy
from keepcool.wire import proofs
from keepcool.wire.proofs import Proof
from keepcool.wire.reviews import OrderAnswer, OrderProof, PendingOrder, PeopleAnswer, SubmitOrder
from keepcool.wire.webauthn import Site

FREEZE_LIVES_S, OTHERS_LIVE_S = 3_600, 7 * 86_400
_CANCELS = {
    Action.POLICY_PROPOSE: Action.POLICY_CANCEL,
    Action.THAW: Action.THAW_CANCEL,
    Action.REKEY: Action.REKEY_CANCEL,
}
OPEN_STATES = ("collecting", "pending")


@dataclass(frozen=True, slots=True)
class Open:
    """One order as both signers hold it. `encoded`, `document`: what the next administrator signs and
    reads, b"" where they do not agree about it. `in_force`: the policy that a proposal would replace."""

    order: str
    action: str
    details: Mapping[str, str]
    at: Mapping[Service, PendingOrder]
    encoded: bytes
    document: bytes
    in_force: bytes

    @property
    def open(self) -> bool:
        return any(one.state in OPEN_STATES for one in self.at.values())

    def signed_by(self, name: str) -> bool:
        return all(name in one.signed_by for one in self.at.values())


@dataclass(frozen=True, slots=True)
class Carried:
    """What a signer made of an order: its state there, or the error."""

    service: Service
    state: str
    code: str
    error: str


class Ordering:
    """`site`: where the desk's passkeys are touched."""

    def __init__(self, signers: Signers, clock: Clock, entropy: Entropy, site: Site) -> None:
        self._signers, self._clock, self._entropy, self._site = signers, clock, entropy, site

    async def pending(self) -> tuple[list[Open], Both[PeopleAnswer]]:
        """Orders of both signers, the open ones first."""
        people = await self._signers.both_people()
        found = await asyncio.gather(*(self._whole(one) for one in _merged(people).values()))
        return sorted(found, key=lambda one: (not one.open, one.order)), people

    async def draft(
        self, holder: Holder, action: Action, details: Mapping[str, str], document: bytes
    ) -> bytes:
        """The canonical bytes of a new order. Raises Refused when this person orders nothing."""
        _administrator(holder)
        people = await self._signers.both_people()
        filled = dict(details)
        if action is Action.THAW:
            filled["report"] = hashlib.sha256(document).hexdigest()
        if len(filled.get("reason", "")) > TEXT_MAX:
            raise Malformed("order.reason", f"a reason has at most {TEXT_MAX} characters")
        lives_s = FREEZE_LIVES_S if action is Action.FREEZE else OTHERS_LIVE_S
        order = Order(
            order=f"ord_{self._entropy(12).hex()}",
            installation=_installation(people),
            action=action,
            details={name: filled.get(name, "") for name in DETAILS[action]},
            expires_at_s=self._clock.now_ms() // 1000 + lives_s,
        )
        return order.encoded()

    async def submit(self, holder: Holder, encoded: bytes, proof: Proof, document: bytes) -> list[Carried]:
        """What each signer it goes to made of it. Raises before anything is carried when the proof is not
        this administrator's."""
        name, order = _administrator(holder), approvals.parse_order(encoded)
        proofs.verify(holder.person_key(), approvals.order_challenge(encoded), proof, self._site)
        body = SubmitOrder(
            order=encoded,
            proofs=[OrderProof(administrator=name, proof=proofs.encode(proof))],
            document=document,
        )
        carried = [await self._carried(service, body) for service in goes_to(order)]
        self._signers.forget_people()
        return carried

    async def _whole(self, at: dict[Service, PendingOrder]) -> Open:
        """An order that can still be signed, as each signer that has it shows it in full."""
        rows, in_force = dict(at), list[bytes]()
        for service, one in at.items():
            if one.state not in OPEN_STATES:
                continue
            answer = await told(self._signers.in_full(service, one.order))
            if isinstance(answer, PeopleAnswer) and [row.order for row in answer.orders] == [one.order]:
                rows[service] = answer.orders[0]
                in_force.append(answer.document)
        return _open(rows, in_force)

    async def _carried(self, service: Service, body: SubmitOrder) -> Carried:
        answer: OrderAnswer | KeepcoolError = await told(self._signers.submit_order(service, body))
        if isinstance(answer, KeepcoolError):
            return Carried(service, "", answer.code, answer.public)
        return Carried(service, answer.pending.state, "", "")


def cancelling(one: Open) -> tuple[Action, dict[str, str]] | None:
    """The order that ends this one, None where nothing does."""
    action = _CANCELS.get(Action(one.action)) if one.action in set(Action) else None
    if action is None or not one.open:
        return None
    return action, {name: one.details.get(name, "") for name in DETAILS[action]}


def goes_to(order: Order) -> tuple[Service, ...]:
    """Raises Malformed when it names a service that signs nothing."""
    named = order.details.get("service")
    if named is None:
        return SIGNERS
    if named not in [service.value for service in SIGNERS]:
        raise Malformed("order.service", "a policy is keeper's or cooler's")
    return (Service(named),)


def _administrator(holder: Holder) -> str:
    if not holder.administrator:
        raise Refused("order.administrator", "only an administrator of the policy orders this")
    return holder.administrator


def _installation(people: Both[PeopleAnswer]) -> str:
    said = {one.installation for one in (people.cooler, people.keeper) if isinstance(one, PeopleAnswer)}
    if not said:
        raise Conflict("order.installation", "neither signer answers: freeze on their own hosts, by command")
    if len(said) != 1:
        raise Conflict("order.installation", "the signers belong to different installations")
    return said.pop()


def _merged(people: Both[PeopleAnswer]) -> dict[str, dict[Service, PendingOrder]]:
    at: dict[str, dict[Service, PendingOrder]] = {}
    for service in SIGNERS:
        answer = people.of(service)
        for one in answer.orders if isinstance(answer, PeopleAnswer) else ():
            at.setdefault(one.order, {})[service] = one
    return at


def _open(rows: dict[Service, PendingOrder], in_force: list[bytes]) -> Open:
    first = next(iter(rows.values()))
    return Open(
        order=first.order,
        action=first.action,
        details=first.details,
        at=rows,
        encoded=_same([one.encoded for one in rows.values()]),
        document=_same([one.document for one in rows.values()]),
        in_force=_same(in_force),
    )


def _same(values: list[bytes]) -> bytes:
    said = {one for one in values if one}
    return said.pop() if len(said) == 1 else b""
