"""What this signer has seen of each owner: whom he pays and since when, and what he spent lately.

Laws: what an owner has spent counts over all his wallets, by the name in their records; whom he is known to
pay counts under the key he signs with as well, so that a wallet made for somebody else's name teaches nothing
about him, and a new key begins anew. An owner of whom nothing is left in a window is not kept in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from keepcool.core.ids import AssetId
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.entries import SignRow, WaitingRow
from keepcool.cosigner.windows import DAY_S, HOUR_S, Spending, Window

Whose: TypeAlias = tuple[str, str]


def whose(record: WalletRecord) -> Whose:
    return record.owner, record.user_key


@dataclass(frozen=True, slots=True)
class Seen:
    """`first_s` and `sequence`: when, and by which entry, a recipient became known. `times`: how often it was
    signed for."""

    first_s: int
    sequence: int
    times: int


@dataclass(frozen=True, slots=True)
class _Spender:
    hour: Window
    day: Window


class Owners:
    """Told of what was signed (`drafts.Told`) and of what waits, and untold the newest first."""

    def __init__(self) -> None:
        self._seen: dict[Whose, dict[str, Seen]] = {}
        self._signed: dict[str, list[int]] = {}
        self._spenders: dict[str, _Spender] = {}
        self._leaving: deque[tuple[int, int, str]] = deque()  # at_s, sequence, owner: of the last day

    def signed(self, row: SignRow, spending: Spending) -> None:
        self._see((row.owner, row.user_key), row.recipients, spending.sequence, row.at_s, times=1)
        self._signed.setdefault(row.owner, []).append(spending.sequence)
        spender = self._spenders.get(row.owner)
        if spender is None:
            spender = self._spenders[row.owner] = _Spender(Window(HOUR_S), Window(DAY_S))
        for window in (spender.hour, spender.day):
            window.add(spending)
            window.advance(row.at_s)
        self._leaving.append((row.at_s, spending.sequence, row.owner))
        self._forget(row.at_s)

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
        spender = self._spenders.get(owner)
        if spender is None:
            return {}, {}
        for window in (spender.hour, spender.day):
            window.advance(now_s)
        return spender.hour.spent(without), spender.day.spent(without)

    def newest(self, owner: str, most: int) -> list[int]:
        """The entries of this owner's last drafts, newest first."""
        return self._signed.get(owner, [])[: -most - 1 : -1]

    @property
    def spending(self) -> int:
        """How many owners are kept in a window."""
        return len(self._spenders)

    def _see(self, who: Whose, recipients: Sequence[str], sequence: int, at_s: int, times: int) -> None:
        if not recipients:
            return
        of_owner = self._seen.setdefault(who, {})
        for one in dict.fromkeys(recipients):
            seen = of_owner.get(one, Seen(at_s, sequence, 0))
            of_owner[one] = replace(seen, times=seen.times + times)

    def _unsee(self, who: Whose, recipients: Sequence[str], sequence: int, times: int) -> None:
        of_owner = self._seen.get(who, {})
        for one in dict.fromkeys(recipients):
            seen = of_owner[one]
            if seen.sequence == sequence:
                del of_owner[one]
            else:
                of_owner[one] = replace(seen, times=seen.times - times)
        if not of_owner:
            self._seen.pop(who, None)

    def _forget(self, now_s: int) -> None:
        while self._leaving and self._leaving[0][0] <= now_s - DAY_S:
            _, _, owner = self._leaving.popleft()
            spender = self._spenders.get(owner)
            if spender is not None:
                spender.hour.advance(now_s)
                spender.day.advance(now_s)
                self._drop_if_empty(owner)

    def _drop_if_empty(self, owner: str) -> None:
        spender = self._spenders.get(owner)
        if spender is not None and not len(spender.day) and not len(spender.hour):
            del self._spenders[owner]
