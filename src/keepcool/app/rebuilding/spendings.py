"""Transactions that spend coins of ours and are no draft of these books, explained by the signers' journals.

Laws: a transaction is named by the digest of its first input, which covers all of its inputs and outputs, so
what a journal explains is the whole of it; its first coin must be one of ours; what is not in the intent goes
back to own addresses of change, which are looked for until they are found and watched from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.coins import addresses, book, drafts
from keepcool.app.coins.addresses import Address
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.rebuilding import booking, payments
from keepcool.app.rebuilding.journals import Journals, Remembered
from keepcool.app.rebuilding.payments import SeenDraft
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED
from keepcool.chains.bitcoin import address as spelling
from keepcool.chains.bitcoin.bip45 import CHANGE, Place
from keepcool.chains.bitcoin.digests import legacy_digest, witness_digest
from keepcool.chains.bitcoin.limits import CHANGE_END
from keepcool.chains.bitcoin.listing import listing_of
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.scanning import Hit
from keepcool.chains.bitcoin.transaction import Transaction, TxOutput, parse_stripped, shown
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.ports.system import Clock
from keepcool.wire.listing import SignedDraft

_LOT = 500
_log = logging.getLogger("keepcool.app.rebuilding")


@dataclass(frozen=True, slots=True)
class _First:
    """The coin of a transaction's first input, and where its script lies."""

    source: WalletId
    place: Place
    amount_sat: int


@dataclass(frozen=True, slots=True)
class _Question:
    hit: Hit
    body: Transaction
    record: WalletRecord
    draft: SignedDraft


@dataclass(slots=True, kw_only=True)
class BitcoinRecall:
    """`patient`: a person restores: waits for signers that are away, and believes one of them alone;
    otherwise what not both explain is not explained, and raises the alarm.
    `_unknown`: bodies that no signer remembers."""

    terms: Terms
    store: Store
    journals: Journals
    networks: Networks
    clock: Clock
    patient: bool = False
    _unknown: set[str] = field(default_factory=set)

    async def explain(self, hits: Sequence[Hit]) -> bool:
        """See `deposits.bitcoin.recall`. Raises Unavailable when a signer is away and this is patient."""
        asked = await self.store.run(lambda tx: self._questions(tx, hits))
        if not asked:
            return False
        try:
            told = await self.journals.find([one.draft for one in asked])
        except KeepcoolError as error:
            if self.patient:
                raise
            _log.warning("nobody can say whose a spending is", extra={"code": error.code})
            return False
        more = False
        for question, remembered in zip(asked, told, strict=True):
            if remembered is None or not self._fits(question, remembered):
                self._unknown.add(question.hit.body)
                continue
            more = await self._noted(question, remembered) or more
        return more

    def book(self, tx: Connection, scanned: int, at_ms: int) -> None:
        booking.settle_bitcoin(tx, self.terms, scanned, at_ms)

    def _questions(self, tx: Connection, hits: Sequence[Hit]) -> list[_Question]:
        asked = []
        for hit in hits:
            if not hit.spent or hit.coinbase or hit.body in self._unknown:
                continue
            if drafts.explained(tx, self.terms.network, hit.body) is None:
                question = self._question(tx, hit, hits)
                asked += [] if question is None else [question]
        return asked

    def _question(self, tx: Connection, hit: Hit, hits: Sequence[Hit]) -> _Question | None:
        body = parse_stripped(hit.stripped)
        outpoint = body.inputs[0].outpoint
        first = self._first(tx, shown(outpoint.txid), outpoint.position, hits)
        stored = None if first is None else registry.get_wallet(tx, first.source).record
        if first is None or stored is None:
            return None
        record = parse_record(stored)
        wallet = wallet_of(record, self.networks)
        place = Place(first.place.cosigner, first.place.change, first.place.index, wallet.number)
        locking = wallet.owned(place).locking
        digest = (
            witness_digest(body, 0, locking.witness, first.amount_sat)
            if locking.witness
            else legacy_digest(body, 0, locking.redeem)
        )
        draft = SignedDraft(
            network=self.terms.network, space=shown(outpoint.txid), position=outpoint.position, digest=digest
        )
        return _Question(hit, body, record, draft)

    def _first(self, tx: Connection, txid: str, vout: int, hits: Sequence[Hit]) -> _First | None:
        network = self.terms.network
        known = book.get_coins(tx, network, [(txid, vout)])
        if known:
            one = known[0]
            return _First(one.source, Place(one.cosigner, one.change, one.index), one.amount_sat)
        for paid in (paid for hit in hits if hit.txid == txid for paid in hit.paid if paid.vout == vout):
            to = addresses.at_scripts(tx, network, [paid.script]).get(paid.script)
            if to is not None:
                return _First(to.source, Place(to.cosigner, to.change, to.index), paid.amount_sat)
        return None

    def _fits(self, question: _Question, remembered: Remembered) -> bool:
        intent, told = remembered.intent, self.patient or remembered.by == PINNED
        return told and (intent.network, intent.source) == (self.terms.network, question.record.wallet)

    async def _noted(self, question: _Question, remembered: Remembered) -> bool:
        rest = self._rest(question, remembered)
        found = await self._change(question.record, rest)
        hit, record = question.hit, question.record
        seen = SeenDraft(
            digest=question.draft.digest.hex(),
            transaction=hit.txid,
            source=record.wallet,
            paid_out=sum(one.amount_sat for one in question.body.outputs),
        )
        intent, at_ms = remembered.intent, self.clock.now_ms()

        def keep(tx: Connection) -> None:
            addresses.add_addresses(tx, found)
            drafts.note_draft(tx, self.terms.network, hit.body, record.wallet, intent.intent)
            payments.note(tx, self.terms.network, seen, remembered, at_ms)

        await self.store.run(keep)
        return bool(found)

    def _rest(self, question: _Question, remembered: Remembered) -> list[TxOutput]:
        """Outputs that are none of the intent's."""
        wanted = Counter((one.recipient, one.amount.units) for one in remembered.intent.outputs)
        rest = []
        for one in question.body.outputs:
            name = (_spelled(self.terms, one.script), one.amount_sat)
            if wanted[name]:
                wanted[name] -= 1
            else:
                rest.append(one)
        return rest

    async def _change(self, record: WalletRecord, rest: Sequence[TxOutput]) -> list[Address]:
        """The addresses of change up to the last of these, as far as they are not watched yet."""
        scripts = {one.script for one in rest}
        network = self.terms.network
        known = await self.store.run(lambda tx: addresses.at_scripts(tx, network, sorted(scripts)))
        missing = scripts - known.keys()
        if not missing:
            return []
        listing = listing_of(record, CHANGE, self.networks)
        first = await self.store.run(
            lambda tx: addresses.next_index(tx, record.wallet, listing.cosigner, CHANGE)
        )
        found: list[Address] = []
        for start in range(first, CHANGE_END, _LOT):
            indices = range(start, min(start + _LOT, CHANGE_END))
            made = await asyncio.to_thread(listing.scripts, indices)
            found += [
                Address(
                    network=network,
                    script=script,
                    source=record.wallet,
                    wallet=None,
                    cosigner=listing.cosigner,
                    change=CHANGE,
                    index=index,
                )
                for index, script in zip(indices, made, strict=True)
            ]
            missing -= set(made)
            if not missing:
                last = max(place for place, one in enumerate(found) if one.script in scripts)
                return found[: last + 1]
        _log.warning("an output is neither in the intent nor change", extra={"wallet": record.wallet})
        return []


def _spelled(terms: Terms, script: bytes) -> str:
    """Its address, empty for a script that has none."""
    try:
        return spelling.spell(terms.row, script)
    except Malformed:
        return ""
