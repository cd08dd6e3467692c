"""Another key for hot keys that open with one of their own: a changed password, or a wallet handed over.

Laws: only who brings the key that opens it changes it; what was asked stands in the journal before anything
is opened; a row is replaced in one step, or not at all, and asking again with the same two keys does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
from keepcool.wire.messages import Failure, Message
from keepcool.wire.resealing import ResealAnswer, ResealItem, ResealWallets
from keepcool.wire.resealing import Resealed as Done

RESEAL = "reseal"


class ResealRow(Row, frozen=True):
    """Another key for this wallet's hot key was asked for, with the key that opens it."""

    requester: str
    wallet: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """`done`: the other key opens it already."""

    record: WalletRecord
    done: bool


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
            plans = [self._planned(one) for one in wanted]
            first = await self._remembered([one for one in plans if isinstance(one, _Plan)], opened)
            for plan, item in zip(plans, wanted, strict=True):
                done = plan if isinstance(plan, Failure) else await self._resealed(plan, item, first)
                items.append(done)
        return ResealAnswer(items=items, head=self.signer.witness.stated())

    def _planned(self, wanted: ResealItem) -> _Plan | Failure:
        """When the key that came opens its hot key, or it was changed to the other one already. Both are
        tries, so that nobody guesses faster here."""
        try:
            wallet = ids.wallet_id(wanted.wallet)
            row = self.signer.foundation.store.record(wallet)
            if row is None:
                raise Refused("wallet.unknown", f"Keeper knows no wallet {wallet}")
            record = parse_record(row.record)
            self.keys.rows(record)
            with request_keys.taken(wanted.before) as before, request_keys.taken(wanted.after) as after:
                wrong = self.keys.refused(record, before)
                if wrong and self.keys.refused(record, after):
                    raise Refused("keeper.request_key", wrong)
        except KeepcoolError as error:
            return failure(error)
        return _Plan(record, done=bool(wrong))

    async def _remembered(self, plans: Sequence[_Plan], opened: Opened) -> int:
        """The first journal row of it."""
        signer = self.signer
        with signer.journal.batch(signer.asked(opened)) as batch:
            first = batch.next_sequence
            at_s = signer.journal.now_ms(signer.foundation.clock.now_ms()) // 1000
            for one in plans:
                wallet = one.record.wallet
                batch.add(ResealRow(at_s=at_s, kind=RESEAL, requester=opened.sender.value, wallet=wallet))
        await batch.settled()
        return first

    async def _resealed(self, plan: _Plan, wanted: ResealItem, sequence: int) -> Done | Failure:
        try:
            if not plan.done:
                with request_keys.taken(wanted.before) as before, request_keys.taken(wanted.after) as after:
                    await self._replaced(plan.record, before, after, f"journal:{sequence}-reseal")
        except KeepcoolError as error:
            return failure(error)
        return Done(wallet=plan.record.wallet)

    async def _replaced(self, record: WalletRecord, before: Secret, after: Secret, reference: str) -> None:
        found, place = self.signer.foundation, keyed_place(record)
        row, check = self.keys.rows(record)
        (seed,) = await self.signer.keyring.open([place], reference, {record.wallet: before})
        with found.underway.one() as hands:
            with seed, self.keys.sealed(place, seed, after) as third:
                key = NewKey(place, third, b"", row.public_key)
                (fresh,) = await sealed([key], found.keystore, found.inner, found.entropy, hands)
            anew = self.keys.check(place, after)
            changed = (
                Resealed(replace(row, sealed=fresh.sealed), row.sealed),
                Resealed(replace(check, sealed=anew.sealed), check.sealed),
            )
            await found.store.commit(Change(resealed=changed))
