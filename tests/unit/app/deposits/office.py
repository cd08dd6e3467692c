"""An App's deposits office of a test's own: books on disk, wallets that were issued, and a follower."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger, people, registry
from keepcool.app.books.registry import Asked, Stage
from keepcool.app.deposits import events, records
from keepcool.app.deposits.events import Event
from keepcool.app.deposits.follower import Follower, Plan
from keepcool.app.deposits.progress import Progress
from keepcool.app.deposits.records import Deposit
from keepcool.app.deposits.scanning import Listed
from keepcool.app.store import Store
from keepcool.core.effects import Payment
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from keepcool.ports.evmnode import ChainReader
from tests.fixtures.books import open_books

NETWORK = NetworkId("eip155:31337")
NATIVE = AssetId(f"{NETWORK}/slip44:60")
OWNER = UserId("owner")


@dataclass
class TestClock:
    now: int = 1_800_000_000_000
    __test__ = False

    def now_ms(self) -> int:
        self.now += 1
        return self.now


@dataclass
class Office:
    """`payments` is what App knows of its own SafeTxs, by their hash."""

    folder: Path
    tokens: Mapping[str, AssetId] = field(default_factory=dict)
    minimums: Mapping[AssetId, int] = field(default_factory=dict)
    depth_blocks: int | None = 1
    start_block: int = 1
    payments: dict[bytes, tuple[Payment, ...]] = field(default_factory=dict)
    clock: TestClock = field(default_factory=TestClock)

    def __post_init__(self) -> None:
        self.store = Store(open_books(self.folder / "app.sqlite"))
        self.store.create_tables()

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> None:
        """As after a crash: nothing but the database is left."""
        self.close()
        self.__post_init__()

    def plan(self) -> Plan:
        assets = [NATIVE, *self.tokens.values()]
        return Plan(
            listed=Listed(NETWORK, NATIVE, self.tokens),
            minimums={asset: self.minimums.get(asset, 1) for asset in assets},
            depth_blocks=self.depth_blocks,
            start_block=self.start_block,
            sweep_every_ms=0,
        )

    def follower(self, nodes: Sequence[ChainReader]) -> Follower:
        def outflows(_tx: Connection, _wallet: WalletId, executed: bytes) -> tuple[Payment, ...] | None:
            return self.payments.get(executed)

        return Follower(self.plan(), nodes, self.store, self.clock, outflows)

    def issue(self, name: str, address: str | None) -> WalletId:
        """A wallet with this address, as if both signers had attested it."""
        wallet = WalletId(name)

        def work(tx: Connection) -> None:
            people.create_user(tx, user=OWNER, external_id=None, about={}, now_ms=1)
            asked = Asked(wallet, OWNER, NETWORK, "safe-1.5.0-l1", None, {})
            registry.ask(tx, asked, 1)
            if address is not None:
                self._attest(tx, wallet, address)

        self.store.transact(work)
        return wallet

    def attest(self, wallet: WalletId, address: str) -> None:
        self.store.transact(lambda tx: self._attest(tx, wallet, address))

    def _attest(self, tx: Connection, wallet: WalletId, address: str) -> None:
        registry.store_record(tx, wallet, record=b"record", address=address, keeper=b"k", cooler=b"c")
        registry.mark_registered(tx, [wallet], 1)
        assert registry.get_wallet(tx, wallet).stage is Stage.REGISTERED

    def deposits(self) -> list[Deposit]:
        return self.store.transact(lambda tx: records.list_deposits(tx, limit=1000))

    def told(self) -> list[tuple[str, str, int, int]]:
        """(kind, state, claimed, confirmed) of every deposit, in order."""
        return [(d.claim.kind.value, d.state.value, d.claim.units, d.confirmed) for d in self.deposits()]

    def events(self) -> list[Event]:
        return self.store.transact(lambda tx: events.list_events(tx, limit=1000))

    def frozen(self, wallet: WalletId) -> str | None:
        found = self.store.transact(lambda tx: events.frozen(tx, NETWORK, wallet))
        return None if found is None else found.code

    def owed(self, wallet: WalletId, asset: AssetId = NATIVE) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, accounts.owed(wallet), asset))

    def coins(self, wallet: WalletId, asset: AssetId = NATIVE) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, accounts.coins(wallet), asset))

    def is_balanced(self) -> bool:
        return self.store.transact(ledger.check_books) == []


async def catch_up(follower: Follower, rounds: int = 200) -> Progress:
    """Steps until there is nothing left to do at once."""
    for _ in range(rounds):
        progress = await follower.step()
        if not progress.busy:
            return progress
    raise AssertionError("the follower never comes to rest")


async def problem_of(follower: Follower) -> KeepcoolError:
    """What a step raises."""
    try:
        await catch_up(follower)
    except KeepcoolError as error:
        return error
    raise AssertionError("the follower went on")


async def patiently(follower: Follower, rounds: int = 400) -> Progress:
    """`catch_up` with a node that fails now and then."""
    for _ in range(rounds):
        try:
            return await catch_up(follower)
        except Unavailable:
            await asyncio.sleep(0)
    raise AssertionError("the node never came back for long enough")
