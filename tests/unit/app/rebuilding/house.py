"""Two signers that have kept all they attested and signed, an App that has lost everything, and a chain on
paper."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from keepcool.app.books import accounts
from keepcool.app.books.postings import balance, check_books
from keepcool.app.deposits import events, position
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.pools.stock import Stock
from keepcool.app.rebuilding import comparing, members, registries, rescanning
from keepcool.app.rebuilding.journals import Journals
from keepcool.app.rebuilding.members import Claimed, Word
from keepcool.app.rebuilding.ranges import Ranges
from keepcool.app.rebuilding.rescanning import Rescanned
from keepcool.app.rebuilding.restoring import Restored, Restorer
from keepcool.app.rebuilding.spendings import BitcoinRecall
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.digests import digests
from keepcool.chains.bitcoin.listing import listing_of
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.scanning import stripped_of
from keepcool.chains.bitcoin.transaction import TxOutput, parse_stripped
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId, IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange, OpenedHandler
from keepcool.wire.listing import (
    FindSigned,
    FoundSigned,
    Listed,
    ListWallets,
    SignedAnswer,
    WalletsListed,
)
from keepcool.wire.messages import AddressItem, Failure, Head, Message, Problem, RangeAttested
from tests.fixtures.bitcoinrecords import NETWORK
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import HEAD
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin
from tests.unit.app.pools.house import PoolSigners

ROW = replace(SHIPPED.of(NETWORK), confirmations=((0, 2),))
ASSET: AssetId = ROW.asset
PAGE, LOT = 3, 4
SIGNED_AT_S = 1_800_000_000
BOTH = (Service.KEEPER, Service.COOLER)


class KnowingSigners(PoolSigners):
    """`kept`: each one's registry. `signed`: intents by the first digest, as their journals have them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[Service, dict[str, Listed]] = {one: {} for one in BOTH}
        self.signed: dict[Service, dict[bytes, bytes]] = {one: {} for one in BOTH}
        self.backwards, self.frozen = False, False

    async def start(self) -> Exchange:
        app = await super().start()
        for service in BOTH:
            await self.exchange(service).serve("wallets.list.v1", self._lister(service))
            await self.exchange(service).serve("signed.find.v1", self._finder(service))
        return app

    def keep(self, record: WalletRecord, issued: int = -1, *, at: Sequence[Service] = BOTH) -> WalletRecord:
        """Attested by both, and kept by these."""
        encoded = record.encoded()
        attestations = {one.value: self.sign(one, encoded) for one in BOTH}
        self.records[record.wallet] = record
        for service in at:
            listed = Listed(record=encoded, attestations=attestations, issued=issued)
            self.kept[service][record.wallet] = listed
        return record

    def change(self, service: Service, wallet: str, **fields: object) -> None:
        self.kept[service][wallet] = msgspec.structs.replace(self.kept[service][wallet], **fields)

    def _range(self, service: Service, item: AddressItem) -> RangeAttested | Failure:
        if self.frozen:
            return Failure(problem=Problem(kind="refused", code="addresses.frozen", text="frozen"))
        return super()._range(service, item)

    def _lister(self, service: Service) -> OpenedHandler:
        async def told(opened: Opened) -> Message:
            assert isinstance(opened.body, ListWallets)
            names = sorted(name for name in self.kept[service] if name > opened.body.after)
            page = names[:PAGE]
            items = [self.kept[service][name] for name in (page[::-1] if self.backwards else page)]
            return WalletsListed(items=items, more=len(names) > PAGE, head=HEAD)

        return told

    def _finder(self, service: Service) -> OpenedHandler:
        async def told(opened: Opened) -> Message:
            assert isinstance(opened.body, FindSigned)
            known = [self.signed[service].get(one.digest, b"") for one in opened.body.items]
            return SignedAnswer(
                items=[FoundSigned(intent=one, at_s=SIGNED_AT_S, sequence=len(one)) for one in known],
                head=HEAD,
            )

        return told


@dataclass
class LostApp:
    """An App with an empty database, beside signers that know more."""

    folder: Path
    signers: KnowingSigners = field(default_factory=KnowingSigners)
    node: PaperBitcoin = field(default_factory=PaperBitcoin)

    def __post_init__(self) -> None:
        self.store = Store(open_books(self.folder / "app.sqlite"))
        self.store.create_tables()
        self.attesters = Attesters(self.signers.peers)
        self.heard: list[str] = []

    def close(self) -> None:
        self.store.close()

    def restore(self) -> Restored:
        return asyncio.run(self._restore())

    def claim(self, *words: Word) -> Claimed:
        return self.store.transact(lambda tx: members.claim_all(tx, words, self.signers.clock.now_ms()))

    def rescan(self, start: int = 1, *, patient: bool = True) -> Rescanned:
        return asyncio.run(self._rescan(start, patient=patient))

    def signed(
        self,
        record: WalletRecord,
        raw: bytes,
        coins: Sequence[int],
        paid: dict[str, int],
        *,
        by: Sequence[Service] = BOTH,
        place: tuple[int, int] = (0, 0),
    ) -> str:
        """The signers' journals say that they signed this payment; the intent's id. `coins`: amounts of the
        inputs, all of them at one place of the record (change, index)."""
        body, wallet = parse_stripped(stripped_of(raw)), wallet_of(record)
        locking = wallet.owned(wallet.place(*place)).locking
        spent = [(locking, TxOutput(sat, locking.script_pubkey)) for sat in coins]
        intent = Intent(
            intent=IntentId(f"intent-{body.txid.hex()[:24]}"),
            purpose=Purpose.PAY if paid else Purpose.VOID,
            network=NETWORK,
            source=record.wallet,
            outputs=tuple(Output(to, Amount(ASSET, units)) for to, units in paid.items()),
            fee_max=Amount(ASSET, 100_000),
            expires_at_s=SIGNED_AT_S + 60,
        )
        for service in by:
            self.signers.signed[service][digests(body, spent)[0]] = intent.encoded()
        return intent.intent

    def owed(self, wallet: str) -> int:
        return self.store.transact(lambda tx: balance(tx, accounts.owed(WalletId(wallet)), ASSET))

    def codes(self) -> list[str]:
        return [one.code for one in self.store.transact(lambda tx: events.list_events(tx, limit=100))]

    def frozen(self) -> bool:
        return self.store.transact(lambda tx: events.frozen(tx, NETWORK, WalletId("any"))) is not None

    def books_balance(self) -> bool:
        return not self.store.transact(check_books)

    async def _restore(self) -> Restored:
        exchange = await self.signers.start()

        async def head_seen(_: Service, __: Head) -> None: ...

        stock = Stock(
            exchange=exchange,
            store=self.store,
            attesters=self.attesters,
            clock=self.signers.clock,
            timeout_s=5,
            head_seen=head_seen,
        )
        ranges = Ranges(store=self.store, stock=stock, attesters=self.attesters, clock=self.signers.clock)
        restorer = Restorer(
            store=self.store,
            attesters=self.attesters,
            ranges=ranges,
            clock=self.signers.clock,
            tell=self.heard.append,
            lot=LOT,
            told_every=2 * LOT,
        )
        return await restorer.restore(registries.both(exchange, 5))

    async def _rescan(self, start: int, *, patient: bool) -> Rescanned:
        exchange = await self.signers.start()
        terms = Terms(ROW, 1_000)
        recall = BitcoinRecall(
            terms=terms,
            store=self.store,
            journals=Journals(exchange, 5),
            networks=Networks((ROW,)),
            clock=self.signers.clock,
            patient=patient,
        )
        first = await self.node.block_hash(start - 1)
        if first is None:
            raise Unavailable("node.lagging", "no such block")
        await self.store.run(
            lambda tx: position.read_again_from(tx, NETWORK, start - 1, bytes.fromhex(first))
        )
        follower = Follower(Plan(terms, start), self.node, self.store, self.signers.clock, recall)
        progress = await rescanning.to_the_end(follower, lambda _: None, again_s=0)
        return await self.store.run(
            lambda tx: rescanning.outcome(
                tx, NETWORK, comparing.bitcoin(tx, NETWORK, ASSET), progress, self.signers.clock
            )
        )


def script(record: WalletRecord, index: int = 0, change: int = 0) -> bytes:
    return listing_of(record, change).scripts([index])[0]


def address(script_pubkey: bytes) -> str:
    return spell(ROW, script_pubkey)
