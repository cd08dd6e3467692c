"""The books made whole again out of both signers' registries.

Laws: wallets are added a lot at a time, each lot in one database transaction, so whoever is interrupted asks
again; a refused wallet is told and keeps no other waiting; what is added is paid nothing out of before the
chain was read again: every network that got a wallet stands still until then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from keepcool.app.rebuilding import agreeing, records, standstill
from keepcool.app.rebuilding.agreeing import Agreed, Begun, Objection
from keepcool.app.rebuilding.members import Claimed
from keepcool.app.rebuilding.ranges import Ranges
from keepcool.app.rebuilding.records import Kept
from keepcool.app.rebuilding.registries import Copies
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import WalletRecord
from keepcool.ports.system import Clock

_LOT, _TOLD_EVERY = 500, 10_000


@dataclass(slots=True)
class Restored:
    """What a restore has found and added."""

    found: int = 0
    users: int = 0
    wallets: int = 0
    pools: int = 0
    addresses: int = 0
    watched: int = 0
    begun: list[WalletId] = field(default_factory=list)
    refused: list[Objection] = field(default_factory=list)
    networks: set[NetworkId] = field(default_factory=set)
    members: Claimed = field(default_factory=Claimed)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return not self.refused and not self.members.refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """`lot`: so many wallets a transaction; `tell` hears how far it is, every so many."""

    store: Store
    attesters: Attesters
    ranges: Ranges
    clock: Clock
    tell: Callable[[str], None]
    lot: int = _LOT
    told_every: int = _TOLD_EVERY

    async def restore(self, registries: AsyncIterator[Copies]) -> Restored:
        """Raises Unavailable when a signer does not answer: what was added stays, ask again."""
        told, lot = Restored(), list[Copies]()
        pools: list[Agreed] = []
        async for one in registries:
            lot.append(one)
            if len(lot) == self.lot:
                pools += await self._kept(lot, told)
                lot = []
                if told.found % self.told_every == 0:
                    self.tell(f"{told.found} wallets compared, {told.wallets} of them added")
        pools += await self._kept(lot, told)
        # the oldest pool is the one that new users get, so pools are added in the order of their making
        await self._keep(sorted(pools, key=lambda one: (one.record.made_at_s, one.record.wallet)), told)
        return told

    async def _kept(self, lot: Sequence[Copies], told: Restored) -> list[Agreed]:
        """The pools among them, which are for later."""
        agreed = []
        for one in lot:
            found = agreeing.agreement(one, self.attesters)
            told.found += 1
            match found:
                case Agreed():
                    agreed.append(found)
                case Begun(wallet=wallet):
                    told.begun.append(wallet)
                case Objection():
                    told.refused.append(found)
        own = [one for one in agreed if not records.is_pool(one.record)]
        await self._keep(own, told)
        return [one for one in agreed if records.is_pool(one.record)]

    async def _keep(self, some: Sequence[Agreed], told: Restored) -> None:
        done = await self.store.run(lambda tx: self._rows(tx, some))
        for one, outcome in zip(some, done, strict=True):
            if isinstance(outcome, Objection):
                told.refused.append(outcome)
                continue
            told.users += outcome.users
            told.wallets += outcome.wallets
            told.pools += outcome.pools
            if outcome.wallets:
                told.networks.add(one.record.network)
            await self._addresses(one.record, one.issued, told)

    def _rows(self, tx: Connection, some: Sequence[Agreed]) -> list[Kept | Objection]:
        now_ms, networks = self.clock.now_ms(), self.attesters.families.networks
        done = records.keep_all(tx, some, networks, now_ms)
        grown = {
            one.record.network
            for one, outcome in zip(some, done, strict=True)
            if isinstance(outcome, Kept) and outcome.wallets
        }
        for network in sorted(grown):
            standstill.begin(tx, network, now_ms)
        return done

    async def _addresses(self, record: WalletRecord, issued: int, told: Restored) -> None:
        if issued < 1:
            return
        added = await self.ranges.add(record, issued)
        told.addresses += added.attested
        told.watched += added.watched


def sentences(told: Restored) -> list[str]:
    """For whoever restores."""
    spoken = [
        f"The signers know {told.found} wallets; added {told.wallets} wallets of {told.users} users,"
        f" {told.pools} pools among them, and {told.addresses} further addresses.",
    ]
    if told.watched:
        spoken.append(f"{told.watched} addresses are only watched: a signer is frozen and attests none.")
    if told.begun:
        spoken.append(
            f"{len(told.begun)} wallets were never attested by both signers; nobody was shown them."
        )
    if told.members.given:
        spoken.append(f"{told.members.given} addresses of pools are their users' again, by your word.")
    spoken += [f"REFUSED {where}: {why.public} ({why.code})" for where, why in told.members.refused]
    spoken += [f"REFUSED {one.wallet}: {one.text} ({one.code})" for one in told.refused]
    for network in sorted(told.networks):
        spoken.append(f"Nothing is paid on {network} until its chain was read: keepcool app rescan")
    return spoken


def plain(told: Restored) -> dict[str, object]:
    """For programs."""
    return {
        "found": told.found,
        "users": told.users,
        "wallets": told.wallets,
        "pools": told.pools,
        "addresses": told.addresses,
        "watched": told.watched,
        "begun": list(told.begun),
        "networks": sorted(told.networks),
        "given": told.members.given,
        "given_refused": [{"address": where, "code": why.code} for where, why in told.members.refused],
        "refused": [{"wallet": one.wallet, "code": one.code, "text": one.text} for one in told.refused],
    }
