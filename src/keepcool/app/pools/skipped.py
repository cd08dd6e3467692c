"""Addresses that may be somebody's, while this database does not say whose: given to nobody, watched.

Laws: what is burnt is watched in the database transaction that burns it, what is passed over before any
address beyond it is stored; what comes in there is the pool's own, or its owner's where a record has one.
"""

from __future__ import annotations

import asyncio
from functools import partial

from sqlalchemy import Connection

from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.pools import rows
from keepcool.app.store import Store
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.listing import Listing, listing_of
from keepcool.core.addresses import RECEIVING
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord

LOT = 1_000


def burn(tx: Connection, source: WalletId | None = None) -> int:
    """What is in stock, of this record or of all, is given to nobody any more. How many addresses that
    were."""
    left = rows.stocked(tx, source)
    pooled = {one.source: rows.find_pool(tx, one.source) is not None for one in left}
    some = [
        Address(
            network=one.network,
            script=one.script,
            source=one.source,
            wallet=None if pooled[one.source] else one.source,
            cosigner=one.cosigner,
            change=RECEIVING,
            index=one.index,
        )
        for one in left
    ]
    addresses.add_addresses(tx, some)
    return rows.burn_stock(tx, source)


async def watch(store: Store, record: WalletRecord, first: int, last: int, networks: Networks) -> None:
    """The indices from `first` to `last`, as far as signers ever hand any out; a lot each transaction, so
    that whoever is interrupted goes on where it was."""
    listing = listing_of(record, RECEIVING, networks)
    end = min(last + 1, listing.end)
    for start in range(first, end, LOT):
        lot = await asyncio.to_thread(_lot, record, listing, range(start, min(start + LOT, end)))
        await store.run(partial(addresses.add_addresses, some=lot))


def beyond(tx: Connection, record: WalletRecord, networks: Networks) -> int:
    """The first index that no address watched here has."""
    listing = listing_of(record, RECEIVING, networks)
    return addresses.next_index(tx, record.wallet, listing.cosigner, RECEIVING)


def _lot(record: WalletRecord, listing: Listing, indices: range) -> list[Address]:
    return [
        Address(
            network=record.network,
            script=script,
            source=record.wallet,
            wallet=None if listing.pooled else record.wallet,
            cosigner=listing.cosigner,
            change=RECEIVING,
            index=index,
        )
        for index, script in zip(indices, listing.scripts(indices), strict=True)
    ]
