"""Which withdrawals one transaction pays: a segregated wallet's each by itself, a pool's together.

Laws: a pool's wait for one another no longer than configured; what was split off a batch that was given up is
drafted at once and with nothing new, so that whom a signer objects to is found; voids of one batch are one;
what a confirmed transaction has paid is never drafted again, whoever thaws it, nor what one may be paying.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from keepcool.app.coins.tables import address
from keepcool.app.controls import stops
from keepcool.app.payouts import holding, store
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import part
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.upserts import upsert
from keepcool.core.ids import WalletId
from keepcool.core.intent import OUTPUTS_MAX
from keepcool.core.withdrawal import Froze
from keepcool.core.withdrawal_states import Requested

READ_MAX = 2_000
GROUPS_MAX = 50
_LOOK_AGAIN_MS = 5_000


@dataclass(frozen=True, slots=True)
class Group:
    """`burns`: the batch whose coins these voids spend; None for payments."""

    source: WalletId
    members: tuple[Withdrawal, ...]
    burns: str | None = None


def payments(tx: Connection, lane: BitcoinLane) -> list[Group]:
    """What can be drafted now, in the order of the requests."""
    alone, pooled = list[Group](), dict[WalletId, list[Withdrawal]]()
    sources = _Sources(tx, lane)
    for one in _waiting(tx, lane, voids=False):
        source = sources.of(one.wallet)
        if source == one.wallet:
            alone.append(Group(source, (one,)))
        elif not sources.holds_back(one):
            pooled.setdefault(source, []).append(one)
    together = [one for source, rows in pooled.items() for one in _collected(tx, lane, source, rows)]
    ordered = sorted([*alone, *together], key=lambda group: group.members[0].number)
    return ordered[:GROUPS_MAX]


def burns(tx: Connection, lane: BitcoinLane) -> list[Group]:
    """Voids that were asked for: those of one batch are one."""
    found = dict[str, Group]()
    for one in _waiting(tx, lane, voids=True):
        _add_burn(tx, found, one)
    return list(found.values())[:GROUPS_MAX]


def _waiting(tx: Connection, lane: BitcoinLane, *, voids: bool) -> list[Withdrawal]:
    now_ms = lane.clock.now_ms()
    rows = store.in_states(tx, lane.network, [Requested], limit=READ_MAX, due_ms=now_ms)
    found = [one for one in rows if (one.kind is Kind.VOID) is voids]
    return found if voids else _unpaid(tx, lane, found)


def _unpaid(tx: Connection, lane: BitcoinLane, waiting: Sequence[Withdrawal]) -> list[Withdrawal]:
    """Without those that a given-up draft has paid after all: these are stopped, again if need be; and those
    that one is paying now: what comes of it is seen first."""
    names = [one.id for one in waiting]
    paid, paying = batches.confirmed(tx, names), batches.seen_paying(tx, names)
    for name, transaction in paid.items():
        lane.step_in(tx, name, Froze(f"{transaction} has paid it already: it is not paid again"))
    for name in paying.keys() - paid.keys():
        text = f"{paying[name]}, a draft that was given up, may pay it: it is not drafted anew meanwhile"
        store.postpone(tx, name, now_ms=lane.clock.now_ms(), wait_ms=_LOOK_AGAIN_MS, problem=text)
    return [one for one in waiting if one.id not in paid | paying]


def paid_already(tx: Connection, names: Sequence[str]) -> frozenset[str]:
    """Those of them that a given-up draft has paid after all, or may be paying now."""
    return frozenset(batches.confirmed(tx, names)) | frozenset(batches.seen_paying(tx, names))


class _Sources:
    """Whose coins pay for each wallet, and which wallets are stopped; asked once for each."""

    def __init__(self, tx: Connection, lane: BitcoinLane) -> None:
        self._tx, self._lane = tx, lane
        self._found: dict[WalletId, WalletId] = {}
        self._stopped: dict[WalletId, str | None] = {}

    def of(self, wallet: WalletId) -> WalletId:
        if wallet not in self._found:
            self._found[wallet] = source_of(self._tx, wallet)
        return self._found[wallet]

    def holds_back(self, one: Withdrawal) -> bool:
        """One whose wallet or user is stopped waits by itself, and holds up nobody else of its pool."""
        if one.wallet not in self._stopped:
            self._stopped[one.wallet] = stops.of(self._tx, one)
        text = self._stopped[one.wallet]
        if text is not None:
            holding.hold_back(self._tx, one, now_ms=self._lane.clock.now_ms(), problem=text)
        return text is not None


def source_of(tx: Connection, wallet: WalletId) -> WalletId:
    """The wallet whose coins pay for this one: itself, or the pool its address belongs to."""
    query = select(address.c.source).where(address.c.wallet == wallet).limit(1)
    found = tx.execute(query).scalar_one_or_none()
    return wallet if found is None else WalletId(found)


def split(tx: Connection, batch: str, members: Sequence[str]) -> None:
    """They are drafted again in two parts, which are drafted by themselves."""
    half = -(-len(members) // 2)
    for number, some in enumerate((members[:half], members[half:])):
        for name in some:
            row = upsert(part).values(withdrawal=name, part=f"{batch}/{number}")
            tx.execute(
                row.on_conflict_do_update(index_elements=["withdrawal"], set_={"part": row.excluded.part})
            )


def drafted(tx: Connection, members: Iterable[str]) -> None:
    tx.execute(delete(part).where(part.c.withdrawal.in_(list(members))))


def _add_burn(tx: Connection, found: dict[str, Group], void: Withdrawal) -> None:
    target = batches.of_withdrawal(tx, void.voids or "")
    if not target:
        return
    parent = target[-1]
    known = found.get(parent.id)
    rows = (*known.members, void) if known else (void,)
    found[parent.id] = Group(parent.source, rows, parent.id)


def _collected(
    tx: Connection, lane: BitcoinLane, source: WalletId, rows: Sequence[Withdrawal]
) -> list[Group]:
    parts = _parts(tx, [one.id for one in rows])
    split_off: dict[str, list[Withdrawal]] = {}
    fresh = list[Withdrawal]()
    for one in rows:
        if one.id in parts:
            split_off.setdefault(parts[one.id], []).append(one)
        else:
            fresh.append(one)
    fees = lane.settings.fees
    most = min(fees.batch_outputs_max, OUTPUTS_MAX)
    groups = [group for some in split_off.values() for group in _filled(source, some, most)]
    full = _filled(source, fresh, most)
    waited_ms = lane.clock.now_ms() - min((one.created_at_ms for one in fresh), default=0)
    if full and waited_ms < int(fees.batch_s * 1000) and not _is_full(full[-1], most):
        full = full[:-1]  # it may still fill up
    return [*groups, *full]


def _filled(source: WalletId, rows: Sequence[Withdrawal], most: int) -> list[Group]:
    groups, current, outputs = list[Group](), list[Withdrawal](), 0
    for one in rows:
        size = len(one.payments)
        if current and outputs + size > most:
            groups.append(Group(source, tuple(current)))
            current, outputs = [], 0
        current.append(one)
        outputs += size
    return [*groups, Group(source, tuple(current))] if current else groups


def _is_full(group: Group, most: int) -> bool:
    return sum(len(one.payments) for one in group.members) >= most


def _parts(tx: Connection, names: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(names), 500):
        query = select(part).where(part.c.withdrawal.in_(names[start : start + 500]))
        found |= {row.withdrawal: row.part for row in tx.execute(query)}
    return found
