"""What waits for people: every intent this signer would not sign for want of evidence, and how that ended.

Laws: an intent is noted when it is first put to wait, once more when its owner's signature comes, and again
when it waits after it was signed; so much is noted in an hour and no more; what ended long ago is not kept.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from keepcool.core.approvals import Decision
from keepcool.core.intent import parse_intent
from keepcool.cosigner import entries
from keepcool.cosigner.entries import APPROVAL, WAITING, ApprovalRow, Entry, SignRow, WaitingRow
from keepcool.cosigner.owners import Owners
from keepcool.cosigner.windows import HOUR_S, Spending

OPEN, SIGNED, REJECTED, EXPIRED = "waiting", "signed", "rejected", "expired"
ENDED_MAX = 50_000
RECIPIENTS_A_ROW = 10
_LOOKED_AT = 100


@dataclass(slots=True, eq=False)
class Item:
    """`sequence`, `since_s`: of the first row. `marks`: its rows, those that signed it negative.
    `user_row`: the row since which its owner's signature is known, 0 for none; `user_key`: his key then.
    `text`: what it is found by."""

    sequence: int
    since_s: int
    intent: str
    intent_hash: str
    wallet: str
    owner: str
    user_key: str
    tier: str
    expires_at_s: int
    text: str
    marks: tuple[int, ...]
    user_row: int = 0
    rejections: int = 0

    @property
    def user(self) -> bool:
        """Whether the signature of its owner was verified."""
        return self.user_row > 0

    @property
    def is_signed(self) -> bool:
        return self.marks[-1] < 0


class Waiting:
    """A `journal.Memory` of the kinds `waiting` and `approval`, told of what is signed (`drafts.Told`)."""

    def __init__(self, owners: Owners, ended_max: int = ENDED_MAX) -> None:
        self._owners, self._ended_max = owners, ended_max
        self._items: dict[str, Item] = {}
        self._open: dict[str, None] = {}
        self._ends: list[tuple[int, str]] = []
        self._lately: deque[int] = deque()

    def learn(self, entry: Entry) -> None:
        if entry.kind == WAITING:
            self._learn(entry.head.sequence, entries.decoded(entry, WaitingRow))
        elif entry.kind == APPROVAL:
            self._decided(entries.decoded(entry, ApprovalRow), 1)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == WAITING:
            self._unlearn(entry.head.sequence, entries.decoded(entry, WaitingRow))
        elif entry.kind == APPROVAL:
            self._decided(entries.decoded(entry, ApprovalRow), -1)

    def signed(self, row: SignRow, spending: Spending) -> None:
        item = self._items.get(row.intent_hash)
        if item is not None:
            item.marks = (*item.marks, -spending.sequence)
            self._settle(item)

    def unsigned(self, row: SignRow, sequence: int) -> None:
        item = self._items.get(row.intent_hash)
        if item is not None and item.marks[-1] == -sequence:
            item.marks = item.marks[:-1]
            self._settle(item)

    def item(self, intent_hash: str) -> Item | None:
        return self._items.get(intent_hash)

    def since_s(self, intent_hash: str) -> int | None:
        """When it was first put to wait; None: never."""
        item = self._items.get(intent_hash)
        return None if item is None else item.since_s

    def is_news(self, intent_hash: str, *, user: bool) -> bool:
        """Whether there is something to note when this is put to wait."""
        item = self._items.get(intent_hash)
        return item is None or item.is_signed or (user and not item.user)

    def noted_lately(self, now_s: int) -> int:
        """How many rows the last hour has, a long one counted as several."""
        while self._lately and self._lately[0] <= now_s - HOUR_S:
            self._lately.popleft()
        return len(self._lately)

    def state(self, item: Item, now_s: int) -> str:
        if item.rejections:
            return REJECTED
        if item.is_signed:
            return SIGNED
        return EXPIRED if item.expires_at_s <= now_s else OPEN

    def open_count(self, now_s: int) -> int:
        """How many wait now."""
        while self._ends and self._ends[0][0] <= now_s:
            self._open.pop(heapq.heappop(self._ends)[1], None)
        return len(self._open)

    def newest(self, state: str, text: str, before: int, now_s: int) -> Iterator[Item]:
        """Those in this state ("": any) whose text contains this, noted before that row (0: all), the newest
        first."""
        wanted = text.casefold()
        for item in reversed(self._items.values()):
            if before and item.sequence >= before:
                continue
            if state and self.state(item, now_s) != state:
                continue
            if wanted in item.text:
                yield item

    def latest(self, most: int) -> list[Item]:
        """Of any state, the newest first."""
        return list(islice(reversed(self._items.values()), most))

    def __len__(self) -> int:
        return len(self._items)

    def _learn(self, sequence: int, row: WaitingRow) -> None:
        item = self._items.get(row.intent_hash)
        if item is None:
            item = self._items[row.intent_hash] = _item(sequence, row)
        else:
            item.marks = (*item.marks, sequence)
        if row.user and not item.user:
            item.user_row, item.user_key = sequence, row.user_key
        self._lately.extend([row.at_s] * _pace(row))
        self._owners.waited(row, sequence)
        self._settle(item)
        self.open_count(row.at_s)  # whether or not anybody looks: what has expired does not wait any more
        self._forget()

    def _unlearn(self, sequence: int, row: WaitingRow) -> None:
        self._owners.unwaited(row, sequence)
        for _ in range(min(_pace(row), len(self._lately))):
            self._lately.pop()
        item = self._items[row.intent_hash]
        if item.user_row == sequence:
            item.user_row = 0
        item.marks = item.marks[:-1]
        if item.marks:
            self._settle(item)
            return
        del self._items[row.intent_hash]
        self._open.pop(row.intent_hash, None)

    def _decided(self, row: ApprovalRow, times: int) -> None:
        item = self._items.get(row.intent_hash)
        if item is not None and row.decision == Decision.REJECT.value:
            item.rejections += times
            self._settle(item)

    def _settle(self, item: Item) -> None:
        if item.rejections or item.is_signed:
            self._open.pop(item.intent_hash, None)
        elif item.intent_hash not in self._open:
            self._open[item.intent_hash] = None
            heapq.heappush(self._ends, (item.expires_at_s, item.intent_hash))

    def _forget(self) -> None:
        if len(self._items) - len(self._open) <= self._ended_max:
            return
        oldest = next((one for one in islice(self._items, _LOOKED_AT) if one not in self._open), None)
        if oldest is not None:
            del self._items[oldest]


def _pace(row: WaitingRow) -> int:
    """As how many rows it counts: whom it pays is kept for good, so what pays hundreds takes more room."""
    return 1 + len(row.recipients) // RECIPIENTS_A_ROW


def _item(sequence: int, row: WaitingRow) -> Item:
    intent = parse_intent(row.intent)
    found_by = (intent.intent, row.intent_hash, row.owner, row.wallet, *row.recipients)
    return Item(
        sequence=sequence,
        since_s=row.at_s,
        intent=intent.intent,
        intent_hash=row.intent_hash,
        wallet=row.wallet,
        owner=row.owner,
        user_key=row.user_key,
        tier=row.tier,
        expires_at_s=intent.expires_at_s,
        text="\n".join(found_by).casefold(),
        marks=(sequence,),
    )
