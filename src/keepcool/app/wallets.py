"""Issuing wallets, and never handing out an address that both signers have not attested.

Keeper makes the hot key and attests, Cooler derives the same address and attests, App verifies both
under the pinned keys and stores them, Keeper registers them. Each step asked again gives the same answer,
so an interrupted wallet is completed by asking again. App's own database is not believed either: every
address is verified again each time it is served. Where a transaction has to make a wallet first (Minter),
one that was made ahead is given away, and Keeper and Cooler prove whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nacl.exceptions import BadSignatureError
from sqlalchemy import Connection

from keepcool.app.answered import new_wallet, sorted_out, unique
from keepcool.app.attestationkeys import NOTHING_LISTED, Listed, Verifier
from keepcool.app.books import registry
from keepcool.app.books.registry import Asked, Stage, Stored
from keepcool.app.coins import watching
from keepcool.app.pools import rows as pools
from keepcool.app.pools.proofs import Proof, verify_address
from keepcool.app.pools.rows import Given, Member
from keepcool.app.spares import giving
from keepcool.app.spares.bells import Bells, Ring
from keepcool.app.store import Store
from keepcool.chains.families import SHIPPED_FAMILIES, Families
from keepcool.core.errors import Breach, KeepcoolError, Malformed, Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import Standing, WalletRecord, attested_bytes, parse_record
from keepcool.ports.system import Clock
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    ITEMS_MAX,
    Attested,
    AttestWallets,
    CreateWallets,
    Failure,
    Head,
    Message,
    ProveWallets,
    RegisterWallets,
    WalletsAnswer,
)

PINNED = (Service.KEEPER, Service.COOLER)
_log = logging.getLogger("keepcool.app")


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet whose record and both attestations were verified just now. In a pool the record is the
    pool's, and `proof` says which of its addresses is the wallet's."""

    stored: Stored
    record: WalletRecord
    proof: Proof | None = None
    of_pool: Stored | None = None

    @property
    def attestations(self) -> Mapping[str, bytes]:
        """Of the record."""
        return (self.of_pool or self.stored).attestations

    @property
    def id(self) -> WalletId:
        return self.stored.asked.id

    @property
    def address(self) -> str:
        return self.record.address if self.proof is None else self.proof.address


Outcome: TypeAlias = Wallet | Stored | KeepcoolError
"""Stored: its transaction is on its way; it is finished by itself, or by asking again."""
HeadSeen: TypeAlias = Callable[[Service, Head], Awaitable[None]]


class Attesters:
    """The two pinned attestation keys, and what the root key has `listed` after them. `families`: with the
    networks App knows."""

    def __init__(
        self,
        peers: Sequence[Peer],
        families: Families = SHIPPED_FAMILIES,
        listed: Listed = NOTHING_LISTED,
        now_s: Callable[[], int] = lambda: 0,
    ) -> None:
        self.families, self.listed = families, listed
        self._keys = listed.keys_of(peers, now_s)

    def verify(self, record: bytes, attestations: Mapping[str, bytes], by: Sequence[Service]) -> None:
        """Raises Breach when one of `by` did not attest exactly these bytes."""
        for service in by:
            signature = attestations.get(service.value, b"")
            try:
                self._keys[service].verify(attested_bytes(record), signature)
            except (BadSignatureError, ValueError) as error:
                text = f"a wallet record does not carry {service}'s attestation; it is not served"
                raise Breach("wallet.unattested", text) from error

    def served(self, stored: Stored) -> Wallet:
        """Raises Unavailable while the wallet is being issued, Breach when the row is not what both
        signers attested."""
        if stored.stage is not Stage.REGISTERED or stored.record is None:
            text = f"wallet {stored.asked.id} is still being issued; ask again"
            raise Unavailable("wallet.pending", text)
        self.verify(stored.record, stored.attestations, PINNED)
        record = _parsed(stored.record)
        if not _is_asked(record, stored.asked) or record.address != stored.address:
            text = f"wallet {stored.asked.id}: the database differs from the attested record; not served"
            raise Breach("wallet.row_differs", text)
        return Wallet(stored, record)

    def wallet(self, tx: Connection, wallet_id: str) -> Wallet:
        """The verified wallet. Raises Conflict `wallet.not_found` as well."""
        return self.shown(tx, registry.get_wallet(tx, wallet_id))

    def shown(self, tx: Connection, stored: Stored) -> Wallet:
        """`served`, also for a wallet of a pool, which has no record of its own."""
        member = None if stored.record is not None else pools.find_member(tx, stored.asked.id)
        return self.served(stored) if member is None else self._in_pool(tx, stored, member)

    def address(self, tx: Connection, wallet: Wallet, given: Given) -> Proof:
        """A further address of this wallet with what proves it, verified."""
        proof = pools.proofs(tx, wallet.record.wallet, [given.index]).get(given.index)
        if proof is None or given.wallet != wallet.id or proof.address != given.address:
            raise Breach("addresses.missing", f"an address of {wallet.id} has no proof; not served")
        verify_address(self._keys, wallet.record, proof)
        return proof

    @property
    def keys(self) -> Mapping[Service, Verifier]:
        return self._keys

    def _in_pool(self, tx: Connection, stored: Stored, member: Member) -> Wallet:
        if member.index is None:
            text = f"wallet {stored.asked.id} waits for an address of its pool; ask again"
            raise Unavailable("wallet.pending", text)
        pool = self.served(registry.get_wallet(tx, member.pool))
        record = pool.record
        proof = pools.proofs(tx, member.pool, [member.index]).get(member.index)
        if proof is None:
            text = f"wallet {stored.asked.id}: its address has no proof; not served"
            raise Breach("addresses.missing", text)
        verify_address(self._keys, record, proof)
        if (proof.address, record.network) != (stored.address, stored.asked.network):
            text = f"wallet {stored.asked.id}: the database differs from what was attested; not served"
            raise Breach("wallet.row_differs", text)
        return Wallet(stored, record, proof, pool.stored)


class Issuer:
    """Asks Keeper and Cooler for wallets, up to a hundred in one round."""

    def __init__(
        self,
        exchange: Exchange,
        store: Store,
        attesters: Attesters,
        clock: Clock,
        *,
        timeout_s: float,
        head_seen: HeadSeen | None = None,
        knock: Callable[[], None] | None = None,
    ) -> None:
        self._exchange, self._store, self._attesters = exchange, store, attesters
        self._clock, self._timeout_s, self._head_seen = clock, timeout_s, head_seen
        self.wanted = Ring()  # when somebody waits for a wallet to be made
        self._made = asyncio.Event()
        self._knock = knock or self.wanted.ring

    async def issue(self, asked: Sequence[Asked]) -> list[Outcome]:
        """One outcome per wallet asked for, in order. Raises Unavailable when a signer does not answer
        (what was begun stays begun), Conflict when an external id is another wallet's: then none is."""
        if not 1 <= len(asked) <= ITEMS_MAX:
            raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")
        now_ms = self._clock.now_ms()
        rows = await self._store.run(lambda tx: [giving.asked(tx, one, now_ms) for one in asked])
        outcomes = await self._completed(rows)
        if any(isinstance(one, Stored) for one in outcomes):
            self._knock()
        return outcomes

    async def complete(self, after: int = 0) -> int | None:
        """Ask again for wallets whose issuing was interrupted, a hundred at a time from number `after` on.
        The number to go on from, None when there are no more."""
        rows = await self._store.run(lambda tx: registry.unfinished(tx, limit=ITEMS_MAX, after=after))
        if rows:
            await self._completed(rows)
        return rows[-1].number if len(rows) == ITEMS_MAX else None

    async def _completed(self, rows: Sequence[Stored]) -> list[Outcome]:
        failed: dict[WalletId, KeepcoolError] = {}
        bare = unique(row for row in rows if row.stage is Stage.ASKED)
        if bare:
            failed |= await self._attest([row.asked for row in bare])
        ids = [row.asked.id for row in rows]
        now = await self._store.run(lambda tx: [registry.get_wallet(tx, one) for one in ids])
        unregistered = unique(row for row in now if row.stage is Stage.ATTESTED)
        if unregistered:
            failed |= await self._register(unregistered)
            now = await self._store.run(lambda tx: [registry.get_wallet(tx, one) for one in ids])
        outcomes = [failed.get(row.asked.id) or self._outcome(row) for row in now]
        taken = [one for one, error in failed.items() if error.code == giving.TAKEN]
        if taken:
            await self._store.run(lambda tx: giving.retire_all(tx, taken))
        return outcomes

    def bells(self) -> Bells:
        """For one network's making of wallets."""
        return Bells(self.wanted.bell(), self._made)

    async def keep_completing(self, every_s: float) -> None:
        """Until cancelled: wallets whose issuing was interrupted are asked for again, now and then and
        whenever one was made ahead."""
        while True:
            self._made.clear()
            try:
                after: int | None = 0
                while after is not None:
                    after = await self.complete(after)
            except KeepcoolError as error:
                _log.info("wallets wait to be completed", extra={"code": error.code})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._made.wait()

    def _outcome(self, row: Stored) -> Outcome:
        if row.stage is Stage.ASKED and giving.is_made_first(row.asked):
            return row
        try:
            return self._attesters.served(row)
        except KeepcoolError as error:
            return error

    async def _attest(self, asked: Sequence[Asked]) -> dict[WalletId, KeepcoolError]:
        ahead = [one for one in asked if giving.is_made_first(one)]
        fresh = [one for one in asked if one not in ahead]
        proven = await self._store.run(lambda tx: [one for one in ahead if giving.is_made(tx, one)])
        created, failed = await self._told_by_keeper(fresh, proven)
        for one, item in list(created):
            try:
                self._vetted(one, item, (Service.KEEPER,))
            except KeepcoolError as error:
                failed[one.id] = error
        created = [(one, item) for one, item in created if one.id not in failed]
        if created:
            request = AttestWallets(records=[item for _, item in created])
            answered = await self.ask(Service.COOLER, "wallets.attest.v1", request)
            attested, refused = sorted_out([one for one, _ in created], answered)
            failed |= refused
            before = {one.id: item.record for one, item in created}
            failed |= await self._keep(attested, before)
        return failed

    async def _told_by_keeper(
        self, fresh: Sequence[Asked], proven: Sequence[Asked]
    ) -> tuple[list[tuple[Asked, Attested]], dict[WalletId, KeepcoolError]]:
        """Records of wallets to be made, and of wallets that were made ahead."""
        told: list[tuple[Asked, Attested]] = []
        failed: dict[WalletId, KeepcoolError] = {}
        asked: list[tuple[str, Sequence[Asked], Message]] = [
            ("wallets.create.v1", fresh, CreateWallets(wallets=[new_wallet(one) for one in fresh])),
            ("wallets.prove.v1", proven, ProveWallets(items=[giving.prove_item(one) for one in proven])),
        ]
        for typ, some, body in asked:
            if some:
                good, bad = sorted_out(some, await self.ask(Service.KEEPER, typ, body))
                told += good
                failed |= bad
        return told, failed

    async def _keep(
        self, attested: Sequence[tuple[Asked, Attested]], before: Mapping[WalletId, bytes]
    ) -> dict[WalletId, KeepcoolError]:
        good: list[tuple[WalletId, Attested, WalletRecord]] = []
        failed: dict[WalletId, KeepcoolError] = {}
        for one, item in attested:
            try:
                if item.record != before[one.id]:
                    raise Breach("wallet.record_changed", "Cooler answered with another record than Keeper's")
                good.append((one.id, item, self._vetted(one, item, PINNED)))
            except KeepcoolError as error:
                failed[one.id] = error

        def work(tx: Connection) -> None:
            for wallet_id, item, record in good:
                keeper, cooler = (item.attestations[service.value] for service in PINNED)
                made = {"record": item.record, "keeper": keeper, "cooler": cooler}
                try:
                    watching.watch_wallet(tx, record, self._attesters.families.networks)
                    registry.store_record(tx, wallet_id, address=record.address, **made)
                except KeepcoolError as error:
                    failed[wallet_id] = error

        await self._store.run(work)
        return failed

    async def _register(self, rows: Sequence[Stored]) -> dict[WalletId, KeepcoolError]:
        records = [Attested(record=row.record or b"", attestations=dict(row.attestations)) for row in rows]
        asked = [row.asked for row in rows]
        body = RegisterWallets(records=records)
        done, failed = sorted_out(asked, await self.ask(Service.KEEPER, "wallets.register.v1", body))
        names, now_ms = [one.id for one, _ in done], self._clock.now_ms()
        await self._store.run(lambda tx: registry.mark_registered(tx, names, now_ms))
        return failed

    async def ask(self, to: Service, typ: str, body: Message) -> list[Attested | Failure]:
        answer = await self._exchange.ask(to, typ, body, self._timeout_s)
        if not isinstance(answer, WalletsAnswer):
            raise Malformed("wallet.answer", f"{to} answered {typ} with something else")
        if self._head_seen is not None:
            await self._head_seen(to, answer.head)
        return answer.items

    def _vetted(self, asked: Asked, item: Attested, by: Sequence[Service]) -> WalletRecord:
        """Raises Breach when the record is not of the wallet asked for, not attested by all of `by`, or of a
        Bitcoin address that its keys do not give."""
        self._attesters.verify(item.record, item.attestations, by)
        record = _parsed(item.record)
        if not _is_asked(record, asked):
            text = f"the signers attested another wallet than {asked.id}; it is not stored"
            raise Breach("wallet.other_record", text)
        watching.check_address(record, self._attesters.families.networks)
        return record


def _is_asked(record: WalletRecord, asked: Asked) -> bool:
    # a profile may go on, after a colon, with what the address was made of
    profile = record.profile.partition(":")[0] if giving.is_made_first(asked) else record.profile
    made = (record.wallet, record.network, record.owner, profile, record.user_key, record.policy_class)
    wanted = (asked.id, asked.network, asked.user, asked.profile, asked.user_key, asked.policy_class)
    return made == wanted and record.standing is Standing.PROVEN


def _parsed(record: bytes) -> WalletRecord:
    try:
        return parse_record(record)
    except Malformed as error:
        raise Breach("wallet.record", "an attested record that cannot be read") from error
