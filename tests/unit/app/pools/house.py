"""Keeper and Cooler that make pools and attest their addresses, behind real envelopes; and App's books."""

from __future__ import annotations

import hashlib
from pathlib import Path

from keepcool.app.config import AppSettings, AssetSettings, BitcoinSettings
from keepcool.app.http.settings import HttpSettings
from keepcool.chains.bitcoin.listing import listing_of
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.core.addresses import AddressRange, root_of, signed_bytes
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.ports.settings import BusSettings
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange, OpenedHandler
from keepcool.wire.messages import (
    AddressesAnswer,
    AddressItem,
    AttestAddresses,
    Attested,
    CreateWallets,
    Failure,
    Message,
    Problem,
    RangeAttested,
    WalletsAnswer,
)
from tests.fixtures.bitcoinrecords import NETWORK, OWN, bitcoin_record
from tests.unit.app.books.loopback import HEAD, Signers

ASSET = SHIPPED.of(NETWORK).asset
HARBOR = listing_of(bitcoin_record("harbor"), 0).addresses([0])[0]


def settings(folder: Path, stock: int = 12) -> AppSettings:
    network = BitcoinSettings(
        name="litecoin regtest",
        profile=OWN,
        node_urls=["http://127.0.0.1:1"],
        assets=[AssetSettings(id=ASSET, symbol="LTC", decimals=8, deposit_min="1000")],
        stock=stock,
        poll_ms=50,
    )
    bus = BusSettings(url="tls://127.0.0.1:1", nkey_seed="", ca="", certificate="", certificate_key="")
    return AppSettings(
        identity="identity",
        database=str(folder / "app.sqlite"),
        bus=bus,
        peers={},
        networks={NETWORK: network},
        http=HttpSettings(port=0),
    )


class PoolSigners(Signers):
    """`highest`: what each has attested of each wallet, as its journal would say. `lie` answers another
    list than the record gives."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, WalletRecord] = {}
        self.highest: dict[tuple[Service, str], int] = {}
        self.lie: Service | None = None
        self.numbers = 0

    async def start(self) -> Exchange:
        app = await super().start()
        for service in (Service.KEEPER, Service.COOLER):
            await self.exchange(service).serve("addresses.attest.v1", self._attester(service))
        return app

    async def _create(self, opened: Opened) -> Message:
        assert isinstance(opened.body, CreateWallets)
        items: list[Attested | Failure] = []
        for wanted in opened.body.wallets:
            if wanted.wallet not in self.records:
                self.numbers += 1
                self.records[wanted.wallet] = bitcoin_record(
                    wanted.wallet, profile=wanted.profile, number=self.numbers, owner=wanted.owner
                )
            record = self.tamper(self.records[wanted.wallet]).encoded()
            items.append(Attested(record=record, attestations={"keeper": self.sign(Service.KEEPER, record)}))
        return WalletsAnswer(items=items, head=HEAD)

    def _attester(self, service: Service) -> OpenedHandler:
        async def attest(opened: Opened) -> Message:
            assert isinstance(opened.body, AttestAddresses)
            return AddressesAnswer(items=[self._range(service, one) for one in opened.body.items], head=HEAD)

        return attest

    def _range(self, service: Service, item: AddressItem) -> RangeAttested | Failure:
        record = self.records.get(item.wallet)
        if record is None:
            problem = Problem(kind="refused", code="registry.unknown", text="no such wallet")
            return Failure(problem=problem)
        listing, first = listing_of(record, item.change), item.first + (self.lie is service)
        statement = AddressRange(
            wallet=record.wallet,
            record=record.hash(),
            network=record.network,
            cosigner=listing.cosigner,
            change=item.change,
            first=item.first,
            count=item.count,
            root=root_of(listing.addresses(range(first, first + item.count))),
        ).encoded()
        before = self.highest.get((service, item.wallet), -1)
        self.highest[service, item.wallet] = max(before, item.first + item.count - 1)
        signature = self.identities[service].attest(signed_bytes(statement))
        return RangeAttested(statement=statement, signature=signature, highest=before)


def name(text: str) -> str:
    """An id made of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
