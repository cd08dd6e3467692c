"""Which numbers and hot keys Cooler has attested in families that share one row of accounts.

Law: each is one wallet's for ever, on whatever network of the family: two wallets under one number have one
cool and one cold key, and a Keeper that begins anew starts counting at 0. Rebuilt from the journal.
"""

from __future__ import annotations

from collections.abc import Iterator

from keepcool.core.errors import Breach
from keepcool.core.registry import Role, WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row

NUMBERED = "numbered"


class NumberedRow(Row, frozen=True):
    """An attested wallet. `number` is None for a pool."""

    address: str
    family: str
    hot: str
    network: str
    number: int | None
    wallet: str


def numbered_row(record: WalletRecord, number: int | None, at_s: int) -> NumberedRow:
    return NumberedRow(
        at_s=at_s,
        kind=NUMBERED,
        address=record.address,
        family=record.family,
        hot=record.key(Role.HOT).public_key,
        network=record.network,
        number=number,
        wallet=record.wallet,
    )


class NumberMemory:
    """A `journal.Memory` of the kind `numbered`."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], tuple[str, ...]] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind == NUMBERED:
            row = entries.decoded(entry, NumberedRow)
            for place in _places(row):
                self._holders[place] = (*self._holders.get(place, ()), row.wallet)

    def unlearn(self, entry: Entry) -> None:
        """One of them: two requests at once may have staged the same wallet."""
        if entry.kind == NUMBERED:
            for place in _places(entries.decoded(entry, NumberedRow)):
                self._holders[place] = self._holders[place][:-1]

    def check_unique(self, record: WalletRecord, number: int | None) -> None:
        """Raises Breach when any part of this wallet is another's already."""
        for place in _places(numbered_row(record, number, 0)):
            others = [one for one in self._holders.get(place, ()) if one != record.wallet]
            if others:
                raise Breach(
                    "wallet.twice_used",
                    f"{place[1]} of wallet {record.wallet} is that of {others[0]}: it is not attested again. "
                    "Has Keeper's database been lost? Restore it from the newest copy",
                )


def _places(row: NumberedRow) -> Iterator[tuple[str, str]]:
    yield row.family, f"hot key {row.hot}"
    yield row.network, f"address {row.address}"
    if row.number is not None:
        yield row.family, f"number {row.number}"
