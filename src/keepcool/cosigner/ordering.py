"""Orders of administrators at work: verified, gathered, carried out when their time has come.

Laws: who signs counts by the policy in force and by the key that verified, once; an order that needs a quorum
waits the policy's delay from the moment the quorum is there; any one administrator ends it before; what was
ordered under one policy is not carried out under another; everything stands in the journal in the moment it
is decided, and time is the largest the journal has seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keepcool.core import approvals
from keepcool.core.approvals import Action, Order, parse_order
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.personkeys import parse_person_key
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner import thawing
from keepcool.cosigner.entries import ORDER, ORDER_END, OrderEndRow, OrderRow, ascii_text
from keepcool.cosigner.freezes import Freezes, Place, Said, place_of
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.cosigner.mandates import CANCELS, Mandates
from keepcool.cosigner.orders import CANCELLED, DONE, EXPIRED, Given, Orders, SignedBy, told
from keepcool.cosigner.policies import PolicyInForce, governed, note
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import Policy
from keepcool.ports.system import Clock
from keepcool.wire.reviews import PendingOrder, SubmitOrder

LIFETIME_S_MAX = 30 * 86_400
OPEN_MAX, OPENED_PER_DAY_MAX = 8, 100  # begun by one administrator
_ORDER_BYTES_MAX = 4096
_OVERTAKEN = "another policy came into force since"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_WITH_DOCUMENT = frozenset({Action.POLICY_PROPOSE, Action.THAW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """`installation`: the root key (hex), "" where this signer was told none. `checked`: the policy of a
    document that this signer could work under; raises what is wrong with it."""

    journal: Journal
    orders: Orders
    freezes: Freezes
    in_force: PolicyInForce
    service: Service
    installation: str
    clock: Clock
    checked: Callable[[bytes], Policy] = parse_policy

    async def submit(self, body: SubmitOrder, asked: Asked | None = None) -> PendingOrder:
        """How the order stands now. Raises Malformed, Refused or Conflict, and then nothing has changed."""
        order = _parsed(body)
        await self.settle()
        with self.journal.batch(asked) as batch:
            now_s = self.now_s()
            self.carry_out(batch, now_s)
            self._submitted(order, body, batch, now_s)
            self.carry_out(batch, now_s)
        await batch.settled()
        return self.told(order.order)

    async def freeze(self, place: Place, reason: str, by: str, asked: Asked | None = None) -> None:
        """Freeze, durably; and whoever wanted to thaw it has to begin anew."""
        with self.journal.batch(asked) as batch:
            wide = self.freezes.widened(place)
            freeze_anew(batch, self.freezes, self.orders, wide, Said(reason, by, self.now_s()))
        await batch.settled()

    async def settle(self) -> None:
        """Carry out what is due, durably."""
        if not self.orders.due(self.now_s()):
            return
        with self.journal.batch() as batch:
            self.carry_out(batch, self.now_s())
        await batch.settled()

    def carry_out(self, batch: Batch, now_s: int) -> None:
        """Stage what is due, or that it expired because its ground is gone."""
        while due := self.orders.due(now_s):
            given = due[0]
            why = self._objection(given)
            if why:
                end(batch, given, EXPIRED, Said(why, self.service.value, now_s))
                continue
            end(batch, given, DONE, Said("", _names(given), now_s))
            self._effect(batch, given, now_s)

    def told(self, order: str, *, in_full: bool = False) -> PendingOrder:
        """An order that was given. Raises Conflict on any other."""
        given = self.orders.get(order)
        if given is None:
            raise Conflict("order.unknown", f"there is no order {order[:64]}")
        return told(given, self._mandates.quorum(given.order), self.now_s(), in_full=in_full)

    def shown(self) -> list[PendingOrder]:
        """For people: the open ones, then those that ended lately."""
        now_s = self.now_s()
        return [told(one, self._mandates.quorum(one.order), now_s) for one in self.orders.shown(now_s)]

    @property
    def _mandates(self) -> Mandates:
        return Mandates(self.in_force.policy, self.installation)

    def thaws_locally(self) -> bool:
        """Whether a thaw is a deed of this signer's host: nobody is named who would order it."""
        return not governed(self.in_force.policy)

    def _submitted(self, order: Order, body: SubmitOrder, batch: Batch, now_s: int) -> None:
        known = self.orders.get(order.order)
        if known is not None and known.encoded != body.order:
            raise Conflict("order.id", "this order id stands for another order already; use a new one")
        if known is not None and not known.is_open(now_s):
            return
        self._check_meant(order, now_s, known)
        fresh = self._mandates.fresh(order, body, () if known is None else known.signed)
        if not fresh:
            if known is None:
                raise Refused("order.unsigned", "no administrator of the policy in force signed this order")
            return
        document = body.document if known is None else known.document
        if known is None:
            self._check_new(order, document, fresh[0][0], now_s)
        elif body.document and body.document != document:
            raise Malformed("order.document", "this order was given with another document")
        self._add(order, batch, document if known is None else b"", (known, fresh), now_s)

    def _add(
        self,
        order: Order,
        batch: Batch,
        document: bytes,
        signed: tuple[Given | None, Sequence[tuple[SignedBy, bytes]]],
        now_s: int,
    ) -> None:
        known, fresh = signed
        all_signed = (*(known.signed if known is not None else ()), *(one for one, _ in fresh))
        delay_s = self._mandates.delay_s(order, all_signed)
        batch.add(
            OrderRow(
                at_s=now_s,
                kind=ORDER,
                order=order.order,
                encoded=order.encoded(),
                document=document,
                administrators=[one.administrator for one, _ in fresh],
                keys=[one.key for one, _ in fresh],
                proofs=[proof for _, proof in fresh],
                policy=self.in_force.policy.hash,
                effective_at_s=0 if delay_s is None else now_s + delay_s,
            )
        )

    def _check_meant(self, order: Order, now_s: int, known: Given | None) -> None:
        if not self.installation or order.installation != self.installation:
            raise Refused("order.installation", "this order is for another installation")
        if order.details.get("service", self.service.value) != self.service.value:
            raise Refused("order.service", f"this order is for {order.details['service'][:32]}")
        waits = known is not None and known.effective_at_s is not None
        if order.expires_at_s <= now_s and not waits:
            raise Refused("order.expired", "this order's time has passed; give a new one")
        if order.expires_at_s > now_s + LIFETIME_S_MAX:
            raise Refused("order.lifetime", "an order gathers its signatures within 30 days; end it sooner")
        if known is not None and known.policy != self.in_force.policy.hash:
            raise Refused("order.policy", "another policy came into force since; give a new order")

    def _check_new(self, order: Order, document: bytes, opener: SignedBy, now_s: int) -> None:
        terms = self._mandates.terms(order)
        if bool(document) != (order.action in _WITH_DOCUMENT):
            raise Malformed(
                "order.document", f"an order to {order.action.value} comes with what it speaks of"
            )
        self._check_ground(order, document, now_s)
        still_open, today = self.orders.opened_by(opener.administrator, now_s)
        if terms.quorum > 1 and still_open >= OPEN_MAX:
            raise Conflict("order.many", f"{opener.administrator} has {OPEN_MAX} open orders; cancel some")
        if today >= OPENED_PER_DAY_MAX:
            raise Conflict("order.many", f"{opener.administrator} has given enough orders for one day")

    def _check_ground(self, order: Order, document: bytes, now_s: int) -> None:
        """Raises what keeps the order from making sense here and now."""
        details = order.details
        match order.action:
            case Action.POLICY_PROPOSE:
                self._check_policy(order, document)
            case Action.FREEZE:
                place_of(details["level"], details["target"])
            case Action.THAW:
                self._check_thaw(order, document)
            case Action.REKEY:
                parse_person_key(details["key"])
            case Action.POLICY_CANCEL | Action.THAW_CANCEL | Action.REKEY_CANCEL:
                if not self._cancelled_by(order, now_s):
                    raise Conflict("order.nothing", "there is no open order that this would cancel")

    def _check_policy(self, order: Order, document: bytes) -> None:
        now, new = self.in_force.policy, self.checked(document)
        stated = (new.hash, str(new.version), now.hash)
        if tuple(order.details[name] for name in ("document", "policy_version", "previous")) != stated:
            raise Refused(
                "order.policy",
                f"the order does not name this document, or was not written for policy {now.hash} in force",
            )
        if new.version <= now.version:
            raise Refused(
                "policy.older", f"version {now.version} is in force: a new policy has a higher version"
            )

    def _check_thaw(self, order: Order, document: bytes) -> None:
        place = place_of(order.details["level"], order.details["target"])
        frozen = self.freezes.at(place)
        if frozen is None:
            what = f"{place.level.value} {place.target}".strip()
            raise Conflict("freeze.not_frozen", f"{what} is not frozen")
        thawing.check_report(
            document,
            order.details["report"],
            thawing.Ground(place, frozen, self.service, self.journal.hash_at, self.in_force.policy),
        )

    def _objection(self, given: Given) -> str:
        """Why an order that is due is not carried out; empty when it is."""
        if given.policy != self.in_force.policy.hash:
            return _OVERTAKEN
        try:
            if self._mandates.delay_s(given.order, given.signed) is None:
                return "its quorum is gone"
            if given.order.action not in CANCELS:
                self._check_ground(given.order, given.document, self.now_s())
        except KeepcoolError as error:
            return error.public
        return ""

    def _effect(self, batch: Batch, given: Given, now_s: int) -> None:
        details = given.order.details
        match given.order.action:
            case Action.POLICY_PROPOSE:
                note(batch, self.checked(given.document), given.document, now_s, given.order.order)
                for other in self.orders.open(now_s):
                    end(batch, other, EXPIRED, Said(_OVERTAKEN, _names(given), now_s))
            case Action.FREEZE:
                place = place_of(details["level"], details["target"])
                freeze_anew(
                    batch, self.freezes, self.orders, place, Said(details["reason"], _names(given), now_s)
                )
            case Action.THAW:
                place = place_of(details["level"], details["target"])
                freezing.thawed(batch, place, Said(details["reason"], _names(given), now_s))
            case Action.REKEY:
                return  # whoever keeps the wallet's record asks `Orders.rekeyed`
            case Action.POLICY_CANCEL | Action.THAW_CANCEL | Action.REKEY_CANCEL:
                for other in self._cancelled_by(given.order, now_s):
                    end(batch, other, CANCELLED, Said("", _names(given), now_s))

    def _cancelled_by(self, order: Order, now_s: int) -> list[Given]:
        some = self.orders.open(now_s, CANCELS[order.action])
        return [one for one in some if one.names(**order.details)]

    def now_s(self) -> int:
        """The largest time this signer has seen."""
        return self.journal.now_ms(self.clock.now_ms()) // 1000


def freeze_anew(batch: Batch, freezes: Freezes, orders: Orders, place: Place, said: Said) -> None:
    """Stage a freeze, and the end of every open order to thaw it."""
    freezing.frozen(batch, freezes, place, said)
    for other in orders.open(said.at_s, Action.THAW):
        if other.names(level=place.level.value, target=place.target):
            end(batch, other, CANCELLED, Said("frozen once more", said.by, said.at_s))


def end(batch: Batch, given: Given, outcome: str, said: Said) -> None:
    """Stage how an order ended."""
    batch.add(
        OrderEndRow(
            at_s=said.at_s,
            kind=ORDER_END,
            order=given.order.order,
            outcome=outcome,
            by=ascii_text(said.by),
            reason=ascii_text(said.reason),
        )
    )


def _parsed(body: SubmitOrder) -> Order:
    if len(body.order) > _ORDER_BYTES_MAX:
        raise Malformed("order.form", f"an order is at most {_ORDER_BYTES_MAX} bytes")
    order = parse_order(body.order)
    if not _ID.fullmatch(order.order):
        raise Malformed("order.id", "an order's id is 8 to 64 letters, digits, . _ -")
    if any(len(text) > approvals.TEXT_MAX for text in order.details.values()):
        raise Malformed("order.details", f"an order's details have at most {approvals.TEXT_MAX} characters")
    return order


def _names(given: Given) -> str:
    names = ", ".join(one.administrator for one in given.signed)
    return f"{names} (order {given.order.order})"
