"""An App's payouts with everything real but the deciding: database, ledger, envelopes, signatures.

`office` may be called again on the same database: that is a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, select

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app.books import ledger, people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.config import AppSettings, AssetSettings, EvmSettings, FeeSettings
from keepcool.app.payouts import notes, purses
from keepcool.app.payouts import store as rows
from keepcool.app.payouts.office import Nodes, PayoutOffice
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.family import WalletTerms
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord
from keepcool.core.withdrawal_states import State
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.settings import BusSettings
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import Signers
from tests.unit.app.payouts.signers import Decider, PurseHolder, key

NETWORK = NetworkId("eip155:31337")
NATIVE = AssetId(f"{NETWORK}/slip44:60")
RECIPIENT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ETHER = 10**18
_OWNER = UserId("owner")


class Crash(BaseException):
    """The process dies here: nothing after it runs."""


@dataclass
class Faults:
    """Ends a life of the engine when it arrives at `at`."""

    at: FaultPoint | None = None
    reached: list[FaultPoint] = field(default_factory=list)

    def reach(self, point: FaultPoint) -> None:
        self.reached.append(point)
        if point is self.at:
            self.at = None
            raise Crash(point.value)


class Workshop:
    """One App's database and its signers."""

    def __init__(
        self, folder: Path, *, tokens: tuple[AssetId, ...] = (), fees: FeeSettings | None = None
    ) -> None:
        assets = [AssetSettings(id=one, symbol="X", decimals=18) for one in (NATIVE, *tokens)]
        table = EvmSettings(
            name="chain",
            profile="safe-1.5.0-l1",
            node_urls=["-"],
            assets=assets,
            crediting="depth",
            depth_blocks=1,
            poll_ms=50,
            fees=fees or FeeSettings(),
        )
        bus = BusSettings(url="", nkey_seed="", ca="", certificate="", certificate_key="")
        self.settings = AppSettings(identity="", database="", bus=bus, peers={}, networks={NETWORK: table})
        self.store = Store(open_books(folder / "app.db"))
        self.store.create_tables()
        self.signers, self.clock, self.faults = Signers(), SystemClock(), Faults()
        self.attesters = Attesters(self.signers.peers)
        self.keeper = Decider(Service.KEEPER, key("hot"))
        self.cooler = Decider(Service.COOLER, key("cool"))
        self.purse = PurseHolder(NETWORK, self.keeper)
        self.desk = PayoutDesk(self.settings.networks, self.attesters, self.clock)

    def close(self) -> None:
        self.store.close()

    def issue(self, name: str) -> WalletRecord:
        """A wallet both signers attested, registered with App."""
        record = self._record(WalletId(name))
        signed = {
            by.value: self.signers.sign(by, record.encoded()) for by in (Service.KEEPER, Service.COOLER)
        }

        def work(tx: Connection) -> None:
            people.create_user(tx, user=_OWNER, external_id=None, about={}, now_ms=1)
            registry.ask(tx, Asked(record.wallet, _OWNER, NETWORK, record.profile, None, {}), 1)
            registry.store_record(
                tx, record.wallet, record=record.encoded(), address=record.address, **signed
            )
            registry.mark_registered(tx, [record.wallet], 1)

        self.store.transact(work)
        return record

    def _record(self, wallet: WalletId) -> WalletRecord:
        owners = tuple(key(name).public_key.format().hex() for name in ("hot", "cool", "cold"))
        hot, cool, cold = owners
        terms = WalletTerms(wallet, NETWORK, "safe-1.5.0-l1", 2, (hot, cool, cold))
        return WalletRecord(
            wallet=wallet,
            revision=1,
            previous=NO_PREVIOUS,
            family="evm",
            network=NETWORK,
            profile=terms.profile,
            threshold=2,
            owners=(OwnerKey(Role.HOT, hot), OwnerKey(Role.COOL, cool), OwnerKey(Role.COLD, cold)),
            address=EvmFamily().derive_address(terms),
            owner=_OWNER,
            user_key="",
            policy_class="",
            standing=Standing.PROVEN,
            made_at_s=1,
        )

    def credit(self, wallet: WalletId, units: int, asset: AssetId = NATIVE) -> None:
        name = f"d{wallet}{asset}"[:60]
        self.store.transact(
            lambda tx: ledger.credit_deposit(
                tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=1
            )
        )

    def order(self, name: str, wallet: WalletId, units: int, **more: Any) -> Withdrawal:
        order = replace(Order(name, wallet, NATIVE, units, recipient=RECIPIENT), **more)
        return self.store.transact(lambda tx: self.desk.request(tx, order))

    def read(self, name: str) -> Withdrawal:
        return self.store.transact(lambda tx: rows.get(tx, name))

    def state(self, name: str) -> State:
        return self.read(name).state

    def balance(self, account: str, asset: AssetId = NATIVE) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, account, asset))

    def is_balanced(self) -> bool:
        return not self.store.transact(ledger.check_books)

    def notes(self) -> list[str]:
        return [one.kind for one in self.store.transact(lambda tx: notes.list_notes(tx, limit=100))]

    def told(self) -> str:
        """Everything about every withdrawal, for whoever reads a failure."""

        def work(tx: Connection) -> str:
            found = rows.rows(tx, select(withdrawal).order_by(withdrawal.c.number))
            lines = [f"{one.id} slot {one.slot} {one.state}: {one.problem}" for one in found]
            attempts = purses.in_stages(tx, NETWORK, tuple(purses.Stage))
            lines += [f"{a.nonce} {a.purpose} {a.withdrawal} {a.stage} {a.problem}" for a in attempts]
            return "\n".join(lines)

        return self.store.transact(work) + "\n" + ", ".join(self.notes())

    async def office(self, node: EvmNode) -> PayoutOffice:
        exchange = await self.signers.start()
        keeper, cooler = (self.signers.exchange(by) for by in (Service.KEEPER, Service.COOLER))
        await keeper.serve("sign.v1", self.keeper.sign)
        await keeper.serve("purse.sign.v1", self.purse.sign)
        await keeper.serve("status.v1", self.purse.status)
        await cooler.serve("sign.v1", self.cooler.sign)
        return PayoutOffice(
            self.settings,
            Nodes({NETWORK: node}, {}, {}, scripts.check),
            store=self.store,
            exchange=exchange,
            attesters=self.attesters,
            clock=self.clock,
            entropy=SystemEntropy(),
            faults=self.faults,
            metrics=CollectorRegistry(),
        )

    async def live(self, node: EvmNode, until: Callable[[], bool], timeout_s: float = 30) -> None:
        """One life of the engine, until something is so. Raises TimeoutError when it never is."""
        office = await self.office(node)
        running = asyncio.create_task(office.run())
        try:
            async with asyncio.timeout(timeout_s):
                while not until():
                    if running.done():
                        running.result()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(self.told()) from None
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
