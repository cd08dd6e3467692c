"""An App's Bitcoin deposits office of a test's own: books on disk, watched addresses, a follower."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import addresses, book, drafts
from keepcool.app.coins.addresses import Address
from keepcool.app.coins.book import Held
from keepcool.app.deposits import events, records
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.events import Event
from keepcool.app.deposits.progress import Progress
from keepcool.app.deposits.records import Deposit
from keepcool.app.store import Store
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.scanning import body_of
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.ids import WalletId
from keepcool.ports.bitcoinnode import BitcoinNode
from tests.fixtures.books import open_books
from tests.unit.app.deposits.office import TestClock

ROW = replace(SHIPPED.named("bitcoin-regtest"), confirmations=((0, 2), (1_000_000, 4)), coinbase_maturity=6)
NETWORK, ASSET = ROW.id, ROW.asset
ALICE, BOB, POOL = WalletId("alice"), WalletId("bob"), WalletId("pool")
DUST = 1_000


def script_of(source: str, change: int = 0, index: int = 0) -> bytes:
    return b"\x00\x20" + f"{source}/{change}/{index}".encode().ljust(32, b".")


@dataclass
class BitcoinOffice:
    folder: Path
    start_block: int = 1
    clock: TestClock = field(default_factory=TestClock)

    def __post_init__(self) -> None:
        fresh = not (self.folder / "app.sqlite").exists()
        self.store = Store(open_books(self.folder / "app.sqlite"))
        if fresh:
            self.store.create_tables()

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> None:
        """As after a crash: nothing but the database is left."""
        self.close()
        self.__post_init__()

    def follower(self, node: BitcoinNode) -> Follower:
        return Follower(Plan(Terms(ROW, DUST), self.start_block), node, self.store, self.clock)

    def watch(self, source: str, wallet: str | None = None, *, change: int = 0, index: int = 0) -> bytes:
        """An address of ours; its script."""
        one = Address(
            network=NETWORK,
            script=script_of(source, change, index),
            source=WalletId(source),
            wallet=None if wallet is None else WalletId(wallet),
            cosigner=0,
            change=change,
            index=index,
        )
        self.store.transact(lambda tx: addresses.add_addresses(tx, [one]))
        return one.script

    def draft(self, raw: bytes, source: str, holder: str = "batch") -> None:
        """App has asked for this transaction."""
        self.store.transact(lambda tx: drafts.note_draft(tx, NETWORK, body_of(raw), WalletId(source), holder))

    def deposits(self) -> list[Deposit]:
        return self.store.transact(lambda tx: records.list_deposits(tx, limit=1_000))

    def told(self) -> list[tuple[str, str, int]]:
        """(wallet, state, units), in the order they were seen."""
        return [(one.claim.wallet, one.state.value, one.claim.units) for one in self.deposits()]

    def owed(self, wallet: str) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, accounts.owed(WalletId(wallet)), ASSET))

    def on_books(self, wallet: str) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, accounts.coins(WalletId(wallet)), ASSET))

    def spendable(
        self, source: str, *, kind: ScriptKind = ScriptKind.P2WSH, dust: bool = False
    ) -> list[Held]:
        tip = self.progress.scanned
        return self.store.transact(
            lambda tx: book.spendable(tx, NETWORK, WalletId(source), tip=tip, kind=kind, dust=dust)
        )

    def events(self) -> list[Event]:
        return self.store.transact(lambda tx: events.list_events(tx, limit=100))

    def codes(self) -> list[str]:
        return [one.code for one in self.events()]

    def follow(self, follower: Follower, steps: int = 100) -> Progress:
        """Until nothing is left to do."""
        for _ in range(steps):
            self.progress = asyncio.run(follower.step())
            if not self.progress.busy:
                return self.progress
        raise AssertionError("the follower is never done")
