"""Which numbers wallets were given in families that share one row of accounts, rebuilt from the journal.

Laws: a number is one wallet's for ever and is never given twice, on whatever network of the family; a pool
has no number, and there are few of them. What this memory has lost (a database begun anew) Cooler still has.
"""

from __future__ import annotations

from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row

NUMBERED = "numbered"
POOLS_MAX = 16  # of one network


class NumberRow(Row, frozen=True):
    """A wallet's place for ever. `number`: whose children its three keys are, None for a pool."""

    family: str
    network: str
    number: int | None
    wallet: str


class NumberMemory:
    """A `journal.Memory` of the kind `numbered`. No number below `first` is given: for a Keeper that begins
    anew beside a Cooler that has attested those."""

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._next: dict[str, int] = {}
        self._pools: dict[str, int] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind == NUMBERED:
            row = entries.decoded(entry, NumberRow)
            if row.number is None:
                self._pools[row.network] = self.pools(row.network) + 1
            else:
                self._next[row.family] = max(self.next_number(row.family), row.number + 1)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == NUMBERED:
            row = entries.decoded(entry, NumberRow)
            if row.number is None:
                self._pools[row.network] -= 1
            else:
                self._next[row.family] = row.number

    def next_number(self, family: str) -> int:
        """The number of the next wallet of this family."""
        return max(self._first, self._next.get(family, 0))

    def pools(self, network: str) -> int:
        """How many pools there are on this network."""
        return self._pools.get(network, 0)
