"""Which addresses, hot keys and wallet numbers Cooler has attested, rebuilt from its journal.

Law: each is one wallet's for ever. Two wallets with one cool key would let a signature of the one be used
for the other, because nothing that is signed on Minter names the wallet.
"""

from __future__ import annotations

from collections.abc import Iterator

from keepcool.chains.minter.wallets import owners_of
from keepcool.core.errors import Breach
from keepcool.core.registry import Role, WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row

PROVEN = "proven"


class ProvenRow(Row, frozen=True):
    """A wallet whose owners were read from the chain. `number`: whose children its cool and cold keys are,
    None where all wallets share them."""

    address: str
    hot: str
    network: str
    number: int | None
    owners: list[str]
    wallet: str


def proven_row(record: WalletRecord, number: int | None, at_s: int) -> ProvenRow:
    return ProvenRow(
        at_s=at_s,
        kind=PROVEN,
        address=record.address,
        hot=record.key(Role.HOT).public_key,
        network=record.network,
        number=number,
        owners=list(owners_of(record)),
        wallet=record.wallet,
    )


class ProvenMemory:
    """A `journal.Memory` of the kind `proven`."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], tuple[str, ...]] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind == PROVEN:
            row = entries.decoded(entry, ProvenRow)
            for place in _places(row):
                self._holders[place] = (*self._holders.get(place, ()), row.wallet)

    def unlearn(self, entry: Entry) -> None:
        """One of them: two requests at once may have staged the same wallet."""
        if entry.kind == PROVEN:
            for place in _places(entries.decoded(entry, ProvenRow)):
                self._holders[place] = self._holders[place][:-1]

    def check_unique(self, record: WalletRecord, number: int | None) -> None:
        """Raises Breach when any part of this wallet is another's already."""
        for network, part in _places(proven_row(record, number, 0)):
            others = [one for one in self._holders.get((network, part), ()) if one != record.wallet]
            if others:
                raise Breach(
                    "wallet.twice_used",
                    f"{part} of wallet {record.wallet} is that of {others[0]}: it is not attested again",
                )


def _places(row: ProvenRow) -> Iterator[tuple[str, str]]:
    yield row.network, f"address {row.address}"
    yield row.network, f"hot key {row.hot}"
    if row.number is not None:
        yield row.network, f"number {row.number}"
