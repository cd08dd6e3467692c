"""Attesting addresses by ranges: derived here, from this signer's own registry copy, and remembered.

Laws: nothing but the wallet's name and the indices is taken from the asker; how far was attested is in the
journal before the statement leaves, so that a restore knows how far to look without App, and never farther
than it could; the same range asked again is the same statement, and only what goes farther is remembered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepcool.core import addresses, ids
from keepcool.core.addresses import COUNT_MAX, AddressRange
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.cases import failure
from keepcool.cosigner.entries import Entry, Row
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.witness import Witness
from keepcool.ports.identity import Identity
from keepcool.ports.system import Clock
from keepcool.wire.messages import (
    ITEMS_MAX,
    AddressesAnswer,
    AddressItem,
    AttestAddresses,
    Failure,
    RangeAttested,
)

ADDRESSES = "addresses"
_AT_ONCE = 100  # what is derived without letting anybody else of this process speak


class Listing(Protocol):
    """One branch of a record."""

    @property
    def cosigner(self) -> int: ...

    @property
    def end(self) -> int:
        """No index from here on is attested."""

    def addresses(self, indices: Sequence[int]) -> tuple[str, ...]: ...


class AddressesRow(Row, frozen=True):
    """A range was attested."""

    change: int
    cosigner: int
    count: int
    first: int
    record: str
    root: str
    wallet: str


class IssuedAddresses:
    """A `journal.Memory` of the kind `addresses`: how far was attested, by wallet and branch."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, int], list[int]] = defaultdict(list)

    def learn(self, entry: Entry) -> None:
        if entry.kind != ADDRESSES:
            return
        row = entries.decoded(entry, AddressesRow)
        highest = self._highest[row.wallet, row.change]
        highest.append(max(row.first + row.count - 1, highest[-1] if highest else 0))

    def unlearn(self, entry: Entry) -> None:
        if entry.kind != ADDRESSES:
            return
        row = entries.decoded(entry, AddressesRow)
        self._highest[row.wallet, row.change].pop()

    def highest(self, wallet: str, change: int = addresses.RECEIVING) -> int:
        """The highest index attested on this branch, -1 when there is none."""
        told = self._highest.get((wallet, change))
        return told[-1] if told else -1

    def __len__(self) -> int:
        """How many entries it was told."""
        return sum(map(len, self._highest.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """`addresses.attest.v1`. `listing_of`: the branch of a record; `memory` is one of the journal's."""

    journal: Journal
    registry: OwnRegistry
    freezes: Freezes
    witness: Witness
    memory: IssuedAddresses
    identity: Identity
    clock: Clock
    listing_of: Callable[[WalletRecord, int], Listing]

    async def attest(self, request: AttestAddresses, asked: Asked) -> AddressesAnswer:
        """One outcome per range, in order."""
        if not 1 <= len(request.items) <= ITEMS_MAX:
            raise Malformed("addresses.batch", f"ask for 1 to {ITEMS_MAX} ranges at once")
        if sum(max(item.count, 0) for item in request.items) > COUNT_MAX:
            raise Malformed("addresses.count", f"ask for 1 to {COUNT_MAX} addresses at once")
        ranges = [await self._range_or_failure(item) for item in request.items]
        with self.journal.batch(asked) as batch:
            items = [one if isinstance(one, Failure) else self._outcome(one, batch) for one in ranges]
        await batch.settled()
        return AddressesAnswer(items=items, head=self.witness.stated())

    async def _range_or_failure(self, item: AddressItem) -> AddressRange | Failure:
        try:
            return await self._range(item)
        except KeepcoolError as error:
            return failure(error)

    async def _range(self, item: AddressItem) -> AddressRange:
        """Derived now. Raises Refused for a wallet that is not, or not whole, in this signer's registry."""
        addresses.check_indices(item.first, item.count, item.change)
        known = self.registry.wallet(ids.wallet_id(item.wallet))
        record = known.record
        if not known.is_proven or known.derived_address != record.address:
            raise Refused("addresses.unattested", f"not both signers attested the wallet {record.wallet}")
        self._check_thawed(record.wallet, record.network)
        listing = self.listing_of(record, item.change)
        if item.first + item.count > listing.end:
            raise Refused("addresses.end", f"{record.wallet} gives no more than {listing.end} addresses")
        made: list[str] = []
        for start in range(item.first, item.first + item.count, _AT_ONCE):
            end = min(start + _AT_ONCE, item.first + item.count)
            made += listing.addresses(range(start, end))
            await asyncio.sleep(0)
        return AddressRange(
            wallet=record.wallet,
            record=record.hash(),
            network=record.network,
            cosigner=listing.cosigner,
            change=item.change,
            first=item.first,
            count=item.count,
            root=addresses.root_of(made),
        )

    def _outcome(self, one: AddressRange, batch: Batch) -> RangeAttested | Failure:
        try:
            self._check_thawed(one.wallet, one.network)  # others spoke while this was derived
        except KeepcoolError as error:
            return failure(error)
        at_s = self.journal.now_ms(self.clock.now_ms()) // 1000
        row, highest = _row(one, at_s), self.memory.highest(one.wallet, one.change)
        if one.first + one.count - 1 > highest:
            batch.add(row)
        statement = one.encoded()
        signature = self.identity.attest(addresses.signed_bytes(statement))
        return RangeAttested(statement=statement, signature=signature, highest=highest)

    def _check_thawed(self, wallet: WalletId, network: ids.NetworkId) -> None:
        frozen = self.freezes.touching(wallet, network)
        if frozen:
            raise Refused("addresses.frozen", f"no address is handed out: {frozen[0]}")


def _row(one: AddressRange, at_s: int) -> AddressesRow:
    return AddressesRow(
        at_s=at_s,
        kind=ADDRESSES,
        change=one.change,
        cosigner=one.cosigner,
        count=one.count,
        first=one.first,
        record=one.record,
        root=one.root,
        wallet=one.wallet,
    )
