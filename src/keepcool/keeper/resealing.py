"""Another key for hot keys that open with one of their own: a changed password, or a wallet handed over.

Laws: only who brings the key that opens it changes it; what was asked stands in the journal before anything is
opened; a row is replaced in one step, or not at all, and asking again with the same two keys does nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from keepcool.core import ids
from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.answering import body_of
from keepcool.cosigner.cases import failure
from keepcool.cosigner.entries import Row
from keepcool.cosigner.keyring import NewKey, sealed
from keepcool.cosigner.service import Signer
from keepcool.keeper import request_keys
from keepcool.keeper.issuing import bounded
from keepcool.keeper.request_keys import RequestKeys, keyed_place
from keepcool.ports.signer_store import Change, Resealed
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import Failure, Message, ResealAnswer, ResealItem, ResealWallets
from keepcool.wire.messages import Resealed as Done

RESEAL = "reseal"


class ResealRow(Row, frozen=True):
    """Another key for this wallet's hot key was asked for, with the key that opens it."""

    requester: str
    wallet: str


@dataclass(slots=True)
class Resealing:
    """Keeper's part in it."""

    signer: Signer
    keys: RequestKeys
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reseal(self, opened: Opened) -> Message:
        """`wallets.reseal.v1`: one outcome per wallet, in order."""
        wanted = body_of(opened, ResealWallets).items
        bounded(wanted)
        items: list[Done | Failure] = []
        async with self._one_at_a_time:
            records = [self._allowed(one) for one in wanted]
            with self.signer.journal.batch(self.signer.asked(opened)) as batch:
                at_s = self.signer.journal.now_ms(self.signer.foundation.clock.now_ms()) // 1000
                first = batch.next_sequence
                for one in records:
                    if not isinstance(one, Failure):
                        row = ResealRow(
                            at_s=at_s, kind=RESEAL, requester=opened.sender.value, wallet=one.wallet
                        )
                        batch.add(row)
            await batch.settled()
            for one, item in zip(records, wanted, strict=True):
                items.append(one if isinstance(one, Failure) else await self._resealed(one, item, first))
        return ResealAnswer(items=items, head=self.signer.witness.stated())

    def _allowed(self, wanted: ResealItem) -> WalletRecord | Failure:
        """The record, when the key that came opens its hot key, or is what it was changed to already."""
        try:
            wallet = ids.wallet_id(wanted.wallet)
            row = self.signer.foundation.store.record(wallet)
            if row is None:
                raise Refused("wallet.unknown", f"Keeper knows no wallet {wallet}")
            record = parse_record(row.record)
            self.keys.rows(record)
            with request_keys.taken(wanted.before) as before, request_keys.taken(wanted.after) as after:
                wrong = self.keys.refused(record, before)
                if wrong and self._is_done(record, after):
                    wrong = ""
            if wrong:
                raise Refused("keeper.request_key", wrong)
        except KeepcoolError as error:
            return failure(error)
        return record

    def _is_done(self, record: WalletRecord, after: Secret) -> bool:
        _, check = self.keys.rows(record)
        return self.keys.check(keyed_place(record), after).sealed == check.sealed

    async def _resealed(self, record: WalletRecord, wanted: ResealItem, sequence: int) -> Done | Failure:
        try:
            with request_keys.taken(wanted.before) as before, request_keys.taken(wanted.after) as after:
                if not self._is_done(record, after):
                    await self._replaced(record, before, after, f"journal:{sequence}-reseal")
        except KeepcoolError as error:
            return failure(error)
        return Done(wallet=record.wallet)

    async def _replaced(
        self, record: WalletRecord, before: Secret, after: Secret, reference: str
    ) -> None:
        foundation, place = self.signer.foundation, keyed_place(record)
        row, check = self.keys.rows(record)
        (seed,) = await self.signer.keyring.open([place], reference, {record.wallet: before})
        with seed, self.keys.sealed(place, seed, after) as third:
            key = NewKey(place, third, b"", row.public_key)
            (fresh,) = await sealed([key], foundation.keystore, foundation.inner, foundation.entropy)
        anew = self.keys.check(place, after)
        changed = (
            Resealed(replace(row, sealed=fresh.sealed), row.sealed),
            Resealed(replace(check, sealed=anew.sealed), check.sealed),
        )
        await foundation.store.commit(Change(resealed=changed))
