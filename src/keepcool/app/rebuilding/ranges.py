"""Addresses beyond the records' own: attested again by both signers, and watched.

Laws: App derives each range itself and keeps it only when both signers sign the same; what one owner's record
gives is that owner's; whose an address of a pool was, no signer knows: it is given to nobody any more, and
what comes in there is the pool's own. Asking again goes on where the books end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.pools import giving, rows, skipped
from keepcool.app.pools.proofs import verify_statement
from keepcool.app.pools.stock import Stock, derived
from keepcool.app.rebuilding.records import is_pool
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED, Attesters
from keepcool.core.addresses import COUNT_MAX, RECEIVING
from keepcool.core.errors import Refused
from keepcool.core.registry import WalletRecord
from keepcool.ports.system import Clock

_FROZEN = "addresses.frozen"


@dataclass(frozen=True, slots=True)
class Addresses:
    """How many were added: attested again, and only watched because a signer is frozen."""

    attested: int = 0
    watched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """`stock` knows how signers are asked."""

    store: Store
    stock: Stock
    attesters: Attesters
    clock: Clock

    async def add(self, record: WalletRecord, last: int) -> Addresses:
        """Up to the index `last`. Raises Unavailable when a signer does not answer, Breach when what it says
        is not so."""
        if is_pool(record):
            await self.store.run(lambda tx: skipped.burn(tx, record.wallet))
        first = await self.store.run(lambda tx: rows.next_index(tx, record.wallet, RECEIVING))
        attested = 0
        try:
            for start in range(first, last + 1, COUNT_MAX):
                count = min(COUNT_MAX, last + 1 - start)
                await self._attested(record, start, count)
                attested += count
        except Refused as error:
            if error.code != _FROZEN:
                raise
            networks = self.attesters.families.networks
            await skipped.watch(self.store, record, first + attested, last, networks)
            return Addresses(attested, last + 1 - first - attested)
        return Addresses(attested)

    async def _attested(self, record: WalletRecord, first: int, count: int) -> None:
        networks, source = self.attesters.families.networks, record.wallet
        expected = await asyncio.to_thread(derived, record, first, count, networks)
        told = await asyncio.gather(*(self.stock.ask(signer, expected) for signer in PINNED))
        signatures = {by: one.signature for by, one in zip(PINNED, told, strict=True)}
        stated, now_ms = expected.stated, self.clock.now_ms()
        verify_statement(self.attesters.keys, stated.encoded(), signatures)

        def keep(tx: Connection) -> None:
            rows.add_range(tx, stated, signatures=signatures, listed=expected.listed, now_ms=now_ms)
            if is_pool(record):
                skipped.burn(tx, source)
            else:
                giving.more(tx, source, source, count, now_ms)

        await self.store.run(keep)
