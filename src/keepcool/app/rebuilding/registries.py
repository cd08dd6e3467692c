"""The registries of both signers, side by side.

Laws: each is read in pages of a bounded size, in the order of the wallets' names, and one that goes back or
stands still is refused; nothing is believed here, only read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.wire.exchange import Exchange
from keepcool.wire.listing import Listed, ListWallets, WalletsListed


@dataclass(frozen=True, slots=True)
class Copy:
    """A wallet as one signer has it. `issued`: the highest address it attested beyond the record's own, -1
    when there is none."""

    record: WalletRecord
    encoded: bytes
    attestations: Mapping[str, bytes]
    issued: int

    @property
    def wallet(self) -> WalletId:
        return self.record.wallet


@dataclass(frozen=True, slots=True)
class Copies:
    """One wallet; at least one of the two has it."""

    wallet: WalletId
    keeper: Copy | None
    cooler: Copy | None

    @property
    def all(self) -> tuple[Copy, ...]:
        return tuple(one for one in (self.keeper, self.cooler) if one is not None)

    @property
    def issued(self) -> int:
        return max(one.issued for one in self.all)


async def both(exchange: Exchange, timeout_s: float) -> AsyncIterator[Copies]:
    """Every wallet that either signer has, once. Raises Unavailable when one of them does not answer,
    Malformed on an answer that is none."""
    keeper = registry_of(exchange, Service.KEEPER, timeout_s)
    cooler = registry_of(exchange, Service.COOLER, timeout_s)
    left, right = await anext(keeper, None), await anext(cooler, None)
    while left is not None or right is not None:
        name = min(one.wallet for one in (left, right) if one is not None)
        mine = left if left is not None and left.wallet == name else None
        theirs = right if right is not None and right.wallet == name else None
        yield Copies(name, mine, theirs)
        if mine is not None:
            left = await anext(keeper, None)
        if theirs is not None:
            right = await anext(cooler, None)


async def registry_of(exchange: Exchange, signer: Service, timeout_s: float) -> AsyncIterator[Copy]:
    """In the order of the names."""
    after, more = "", True
    while more:
        page = await exchange.ask(signer, "wallets.list.v1", ListWallets(after=after), timeout_s)
        if not isinstance(page, WalletsListed) or (page.more and not page.items):
            raise Malformed("restore.answer", f"{signer} did not answer what it was asked")
        for item in page.items:
            one = _read(signer, item)
            if one.wallet <= after:
                raise Malformed("restore.order", f"{signer} lists {one.wallet} after {after}: out of order")
            after = one.wallet
            yield one
        more = page.more


def _read(signer: Service, item: Listed) -> Copy:
    try:
        record = parse_record(item.record)
    except Malformed as error:
        raise Malformed(
            "restore.record", f"{signer} lists a record that cannot be read: {error.public}"
        ) from error
    return Copy(record, item.record, item.attestations, item.issued)
