"""What this signer has seen of each owner: whom he pays and since when, and what he spent lately.

Laws: what an owner has spent counts over all his wallets, by the name in their records; whom he is known to
pay counts under the key he signs with as well, so that a wallet made for somebody else's name teaches nothing
about him, and a new key begins anew. An owner of whom nothing is left in a day's window is not kept in it.
Recipients are told each once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from keepcool.core.ids import AssetId
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.entries import SignRow, WaitingRow
from keepcool.cosigner.windows import DAY_S, HOUR_S, Spending, Window

Whose: TypeAlias = tuple[str, str]


def whose(record: WalletRecord) -> Whose:
    return record.owner, record.user_key


class Seen(NamedTuple):
    """`first_s` and `sequence`: when, and by which entry, a recipient became known. `times`: how often it was
    signed for."""

    first_s: int
    sequence: int
    times: int


@dataclass(frozen=True, slots=True)
class _Spender:
    hour: Window
    day: Window

    def add(self, spending: Spending) -> None:
        for window in (self.hour, self.day):
            window.add(spending)
            window.advance(spending.at_s)


class Owners:
    """Told of what was signed (`drafts.Told`) and of what waits, and untold the newest first. Sums are kept
    of those owners that somebody asked about."""

    def __init__(self) -> None:
        self._seen: dict[Whose, dict[str, Seen]] = {}
        self._signed: dict[str, list[int]] = {}
        self._recent: dict[str, deque[Spending]] = {}
        self._spenders: dict[str, _Spender] = {}
        self._leaving: deque[tuple[int, int, str]] = deque()  # at_s, sequence, owner: of the last day

    def signed(self, row: SignRow, spending: Spending) -> None:
        owner, at_s = row.owner, row.at_s
        if row.recipients:
            self._see((owner, row.user_key), row.recipients, spending.sequence, at_s, times=1)
        told = self._signed.get(owner)
        if told is None:
            self._signed[owner] = [spending.sequence]
        else:
            told.append(spending.sequence)
        recent = self._recent.get(owner)
        if recent is None:
            self._recent[owner] = deque((spending,))
        else:
            recent.append(spending)
        if owner in self._spenders:
            self._spenders[owner].add(spending)
        self._leaving.append((at_s, spending.sequence, owner))
        if self._leaving[0][0] <= at_s - DAY_S:
            self._forget(at_s)

    def unsigned(self, row: SignRow, sequence: int) -> None:
        self._unsee((row.owner, row.user_key), row.recipients, sequence, times=1)
        rest = self._signed[row.owner]
        rest.pop()
        if not rest:
            del self._signed[row.owner]
        spender = self._spenders.get(row.owner)
        if spender is not None:
            spender.hour.drop_newest(sequence)
            spender.day.drop_newest(sequence)
        if self._leaving and self._leaving[-1][1] == sequence:
            self._leaving.pop()
            self._recent[row.owner].pop()
            self._drop_if_empty(row.owner)

    def waited(self, row: WaitingRow, sequence: int) -> None:
        """Whom an owner has signed for is known from then on; where there is no key to sign with, from when
        it was asked for."""
        if row.user or not row.user_key:
            self._see((row.owner, row.user_key), row.recipients, sequence, row.at_s, times=0)

    def unwaited(self, row: WaitingRow, sequence: int) -> None:
        if row.user or not row.user_key:
            self._unsee((row.owner, row.user_key), row.recipients, sequence, times=0)

    def destinations(self, who: Whose, recipients: Iterable[str]) -> dict[str, int]:
        """When these were first seen; one that is absent never was."""
        seen = self._seen.get(who, {})
        return {one: seen[one].first_s for one in recipients if one in seen}

    def seen(self, who: Whose, recipient: str) -> Seen | None:
        return self._seen.get(who, {}).get(recipient)

    def spent(
        self, owner: str, now_s: int, without: Sequence[int] = ()
    ) -> tuple[Mapping[AssetId, int], Mapping[AssetId, int]]:
        """In the last hour and day, leaving out these groups."""
        if owner not in self._recent:
            return {}, {}
        spender = self._spenders.get(owner)
        if spender is None:
            spender = self._spenders[owner] = _Spender(Window(HOUR_S), Window(DAY_S))
            for one in self._recent[owner]:
                spender.add(one)
        spender.hour.advance(now_s)
        spender.day.advance(now_s)
        return spender.hour.spent(without), spender.day.spent(without)

    def newest(self, owner: str, most: int) -> list[int]:
        """The entries of this owner's last drafts, newest first."""
        return self._signed.get(owner, [])[: -most - 1 : -1]

    @property
    def spending(self) -> int:
        """How many owners are kept in a window."""
        return len(self._recent)

    def _see(self, who: Whose, recipients: Sequence[str], sequence: int, at_s: int, times: int) -> None:
        of_owner = self._seen.get(who)
        if of_owner is None:
            of_owner = self._seen[who] = {}
        for one in recipients:
            seen = of_owner.get(one)
            if seen is None:
                of_owner[one] = Seen(at_s, sequence, times)
            elif times:
                of_owner[one] = Seen(seen.first_s, seen.sequence, seen.times + times)

    def _unsee(self, who: Whose, recipients: Sequence[str], sequence: int, times: int) -> None:
        of_owner = self._seen.get(who, {})
        for one in recipients:
            seen = of_owner[one]
            if seen.sequence == sequence:
                del of_owner[one]
            else:
                of_owner[one] = Seen(seen.first_s, seen.sequence, seen.times - times)
        if not of_owner:
            self._seen.pop(who, None)

    def _forget(self, now_s: int) -> None:
        while self._leaving and self._leaving[0][0] <= now_s - DAY_S:
            owner = self._leaving.popleft()[2]
            self._recent[owner].popleft()
            self._drop_if_empty(owner)

    def _drop_if_empty(self, owner: str) -> None:
        if not self._recent[owner]:
            del self._recent[owner]
            self._spenders.pop(owner, None)
