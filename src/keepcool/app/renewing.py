"""Records and ranges attested anew by both signers, once their attestation keys have followed one another.

Laws: only what the signers themselves have is attested again, byte for byte; nothing is stored but what
verifies under both keys in use; asked again, it goes on where anything is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from sqlalchemy import Connection, select

from keepcool.app.books import registry
from keepcool.app.books.registry import Stored
from keepcool.app.pools.tables import address_range
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED, Issuer
from keepcool.core.addresses import parse_range, signed_bytes
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import attested_bytes
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    AddressesAnswer,
    AddressItem,
    AttestAddresses,
    Attested,
    Failure,
    RangeAttested,
)
from keepcool.wire.renewing import RenewWallets

PAGE, SOON_S, SELDOM_S = 100, 2.0, 600.0
_log = logging.getLogger("keepcool.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """`in_use`: both signers' newest attestation keys."""

    issuer: Issuer
    store: Store
    exchange: Exchange
    in_use: Mapping[Service, bytes]
    timeout_s: float

    async def keep(self) -> None:
        """Until cancelled. Soon again while anything is left, seldom where nothing is."""
        pause_s = SOON_S
        while True:
            try:
                done, left = await self.all()
                _log.info("attested anew", extra={"records": done, "left": left})
                pause_s = min(pause_s * 2, SELDOM_S) if left and not done else SOON_S if left else SELDOM_S
            except KeepcoolError as error:
                _log.info("records wait to be attested anew", extra={"code": error.code})
            await asyncio.sleep(pause_s)

    async def all(self) -> tuple[int, int]:
        """How many records and ranges got new attestations. Raises what a signer refused with."""
        after, done, found = 0, 0, 0
        while rows := await self.store.run(partial(registry.list_wallets, limit=PAGE, after=after)):
            after = rows[-1].number
            old = [one for one in rows if one.record is not None and not self._is_new(one)]
            if old:
                found += len(old)
                done += await self._records(old)
        done_ranges, found_ranges = await self._ranges()
        return done + done_ranges, found + found_ranges - done - done_ranges

    def _is_new(self, one: Stored) -> bool:
        record = attested_bytes(one.record or b"")
        signatures = {service: one.attestations.get(service.value, b"") for service in PINNED}
        return self._verifies(record, signatures)

    def _verifies(self, message: bytes, signatures: Mapping[Service, bytes]) -> bool:
        try:
            for service in PINNED:
                VerifyKey(self.in_use[service]).verify(message, signatures[service])
        except (BadSignatureError, ValueError):
            return False
        return True

    async def _records(self, old: Sequence[Stored]) -> int:
        """Keeper's anew, Cooler's anew beside it, and Keeper keeps both. How many have both now; what a
        signer refuses is left as it was."""
        pairs = [(row, Attested(record=row.record or b"", attestations={})) for row in old]
        for signer in (Service.KEEPER, Service.COOLER, Service.KEEPER):
            if not pairs:
                return 0
            request = RenewWallets(records=[one for _, one in pairs])
            said = await self.issuer.ask(signer, "wallets.renew.v1", request)
            if len(said) != len(pairs):
                raise Malformed("wallet.answer", f"{signer} did not answer what it was asked")
            told = [(row, _joined(one, new, signer)) for (row, one), new in zip(pairs, said, strict=True)]
            pairs = [(row, one) for row, one in told if one is not None]
        good = [(row.asked.id, one) for row, one in pairs if self._is_whole(one)]
        await self.store.run(partial(_keep_all, some=good))
        return len(good)

    def _is_whole(self, one: Attested) -> bool:
        signatures = {service: one.attestations.get(service.value, b"") for service in PINNED}
        return self._verifies(attested_bytes(one.record), signatures)

    async def _ranges(self) -> tuple[int, int]:
        """Of addresses, a page at a time: how many got new signatures, of how many."""
        after, done, found = 0, 0, 0
        while rows := await self.store.run(partial(_ranges_after, after=after)):
            for number, statement, signatures in rows:
                after = number
                if not self._verifies(signed_bytes(statement), signatures):
                    found += 1
                    made = {service: await self._range(service, statement) for service in PINNED}
                    if self._verifies(signed_bytes(statement), made):
                        await self.store.run(partial(_keep_range, number=number, made=made))
                        done += 1
        return done, found

    async def _range(self, signer: Service, statement: bytes) -> bytes:
        stated = parse_range(statement)
        item = AddressItem(wallet=stated.wallet, first=stated.first, count=stated.count, change=stated.change)
        request = AttestAddresses(items=[item])
        answer = await self.exchange.ask(signer, "addresses.attest.v1", request, self.timeout_s)
        if not isinstance(answer, AddressesAnswer) or len(answer.items) != 1:
            raise Malformed("addresses.answer", f"{signer} did not answer what it was asked")
        told = answer.items[0]
        return told.signature if isinstance(told, RangeAttested) and told.statement == statement else b""


def _joined(asked: Attested, told: Attested | Failure, signer: Service) -> Attested | None:
    """What the signer says now beside what the other said; None where it refused."""
    if isinstance(told, Failure) or told.record != asked.record:
        code = told.problem.code if isinstance(told, Failure) else "wallet.record_changed"
        _log.warning("a record is not attested anew", extra={"signer": signer.value, "code": code})
        return None
    own = told.attestations.get(signer.value, b"")
    return Attested(record=asked.record, attestations={**asked.attestations, signer.value: own})


def _keep_all(tx: Connection, some: Sequence[tuple[WalletId, Attested]]) -> None:
    for name, one in some:
        registry.attested_anew(tx, name, one.record, one.attestations)


def _ranges_after(tx: Connection, after: int) -> list[tuple[int, bytes, dict[Service, bytes]]]:
    query = select(address_range).where(address_range.c.number > after).order_by(address_range.c.number)
    return [
        (
            int(row.number),
            row.statement,
            {Service.KEEPER: row.keeper_signature, Service.COOLER: row.cooler_signature},
        )
        for row in tx.execute(query.limit(PAGE))
    ]


def _keep_range(tx: Connection, number: int, made: Mapping[Service, bytes]) -> None:
    columns = {f"{service.value}_signature": signature for service, signature in made.items()}
    tx.execute(address_range.update().where(address_range.c.number == number).values(**columns))
