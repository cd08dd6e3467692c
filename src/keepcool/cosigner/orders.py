"""What administrators have ordered, rebuilt from the journal: who signed, when it takes effect, how it ended.

Laws: an order's id stands for one byte string for ever; an order ends once; nothing here decides, so what is
rebuilt at start is what was decided when the rows were written (`cosigner.ordering`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from keepcool.core.approvals import Action, Order, parse_order
from keepcool.core.registry import WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.entries import ORDER, ORDER_END, Entry, OrderEndRow, OrderRow
from keepcool.wire.reviews import PendingOrder

DONE, CANCELLED, EXPIRED = "done", "cancelled", "expired"
COLLECTING, PENDING = "collecting", "pending"
ENDED_SHOWN = 20
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class SignedBy:
    """An administrator and the key that verified (`core.personkeys`)."""

    administrator: str
    key: str


@dataclass(frozen=True, slots=True)
class Given:
    """An order as it stands. `policy`: in force when it was given; `effective_at_s`: None until the quorum is
    there; `outcome`: how it ended, "" while it is open."""

    order: Order
    encoded: bytes
    document: bytes
    signed: tuple[SignedBy, ...]
    policy: str
    opened_at_s: int
    sequence: int
    effective_at_s: int | None = None
    outcome: str = ""

    def is_open(self, now_s: int) -> bool:
        """Whether it may still take effect. An order whose quorum came in time no longer expires."""
        return not self.outcome and (self.effective_at_s is not None or now_s < self.order.expires_at_s)

    def is_due(self, now_s: int) -> bool:
        return not self.outcome and self.effective_at_s is not None and self.effective_at_s <= now_s

    def state(self, now_s: int) -> str:
        if self.outcome:
            return self.outcome
        if not self.is_open(now_s):
            return EXPIRED
        return COLLECTING if self.effective_at_s is None else PENDING

    def names(self, **details: str) -> bool:
        """Whether it speaks of this."""
        return all(self.order.details.get(name) == text for name, text in details.items())


class Orders:
    """A `journal.Memory` of the kinds `order` and `order_end`."""

    def __init__(self) -> None:
        self._given: dict[str, Given] = {}
        self._open: dict[str, None] = {}
        self._rekeys: dict[str, list[str]] = {}  # by wallet: every signature asks for them
        self._before: list[tuple[str, Given | None]] = []

    def learn(self, entry: Entry) -> None:
        if entry.kind == ORDER:
            row = entries.decoded(entry, OrderRow)
            self._put(row.order, _signed(self._given.get(row.order), row, entry))
        elif entry.kind == ORDER_END:
            end = entries.decoded(entry, OrderEndRow)
            self._put(end.order, replace(self._given[end.order], outcome=end.outcome))

    def unlearn(self, entry: Entry) -> None:
        if entry.kind not in (ORDER, ORDER_END):
            return
        name, before = self._before.pop()
        if before is None:
            order = self._given.pop(name).order
            if order.action is Action.REKEY:
                self._rekeys[order.details["wallet"]].pop()
            self._open.pop(name, None)
        else:
            self._given[name] = before
            self._note(name)

    def get(self, order: str) -> Given | None:
        return self._given.get(order)

    def open(self, now_s: int, *actions: Action) -> list[Given]:
        """Those that may still take effect, of these actions or of any, the oldest first."""
        some = [self._given[name] for name in self._open]
        wanted = [one for one in some if one.is_open(now_s) and (not actions or one.order.action in actions)]
        return sorted(wanted, key=lambda one: one.sequence)

    def due(self, now_s: int) -> list[Given]:
        """What shall take effect now, in the order in which it should have."""
        some = [self._given[name] for name in self._open]
        return sorted(
            (one for one in some if one.is_due(now_s)),
            key=lambda one: (one.effective_at_s or 0, one.sequence),
        )

    def opened_by(self, administrator: str, now_s: int) -> tuple[int, int]:
        """How many orders that began with his signature are open, and how many he began within a day."""
        his = [one for one in self._given.values() if one.signed[0].administrator == administrator]
        today = [one for one in his if one.opened_at_s > now_s - _DAY_S]
        return sum(one.is_open(now_s) for one in his), len(today)

    def rekeyed(self, wallet: str, record: str) -> str | None:
        """The user key that administrators have put in force for the wallet with this record (its hash)."""
        for name in self._rekeys.get(wallet, ()):
            one = self._given[name]
            if one.outcome == DONE and one.names(record=record):
                return one.order.details["key"]
        return None

    def replaces_key(self, record: WalletRecord) -> bool:
        """Whether administrators put another user key in force in place of this record's."""
        if not self._rekeys.get(record.wallet):
            return False
        key = self.rekeyed(record.wallet, record.hash())
        return key is not None and key != record.user_key

    def claims_key(self, record: WalletRecord) -> bool:
        """Whether another user key stands in this record's place, or shall once its delay is over: the key of
        a thief must not choose a successor first."""
        waiting = (self._given[name] for name in self._rekeys.get(record.wallet, ()))
        return self.replaces_key(record) or any(
            not one.outcome and one.effective_at_s is not None and one.names(record=record.hash())
            for one in waiting
        )

    def shown(self, now_s: int) -> list[Given]:
        """The open ones, then the ended, the newest of them first and not all."""
        waiting = self.open(now_s)
        known = {one.order.order for one in waiting}
        ended = sorted(
            (one for name, one in self._given.items() if name not in known),
            key=lambda one: one.sequence,
            reverse=True,
        )
        return [*waiting, *ended[:ENDED_SHOWN]]

    def __iter__(self) -> Iterator[Given]:
        return iter(self._given.values())

    def _put(self, name: str, given: Given) -> None:
        self._before.append((name, self._given.get(name)))
        if name not in self._given and given.order.action is Action.REKEY:
            self._rekeys.setdefault(given.order.details["wallet"], []).append(name)
        self._given[name] = given
        self._note(name)

    def _note(self, name: str) -> None:
        if self._given[name].outcome:
            self._open.pop(name, None)
        else:
            self._open[name] = None


def told(given: Given, quorum: int, now_s: int, *, in_full: bool = False) -> PendingOrder:
    """As it crosses the wire; `in_full` with what the next administrator signs and reads."""
    return PendingOrder(
        order=given.order.order,
        action=given.order.action.value,
        details=dict(given.order.details),
        signed_by=[one.administrator for one in given.signed],
        quorum=quorum,
        effective_at_s=given.effective_at_s or 0,
        state=given.state(now_s),
        encoded=given.encoded if in_full else b"",
        document=given.document if in_full else b"",
    )


def _signed(before: Given | None, row: OrderRow, entry: Entry) -> Given:
    new = tuple(SignedBy(name, key) for name, key in zip(row.administrators, row.keys, strict=True))
    effective = row.effective_at_s or None
    if before is None:
        return Given(
            order=parse_order(row.encoded),
            encoded=row.encoded,
            document=row.document,
            signed=new,
            policy=row.policy,
            opened_at_s=row.at_s,
            sequence=entry.head.sequence,
            effective_at_s=effective,
        )
    times = [one for one in (before.effective_at_s, effective) if one is not None]
    return replace(before, signed=(*before.signed, *new), effective_at_s=min(times, default=None))
