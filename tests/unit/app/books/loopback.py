"""Two signers that make and attest wallets, behind real envelopes on a bus inside this process.

They derive nothing: the address is a hash of the wallet's id. What is real is what App relies on: signed
and sealed messages, attestations under keys of their own, the same answer to the same question.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import (
    NO_PREVIOUS,
    OwnerKey,
    Role,
    Standing,
    WalletRecord,
    attested_bytes,
)
from keepcool.ports.bus import Handler
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    CreateWallets,
    Head,
    Message,
    NewWallet,
    RegisterWallets,
    WalletsAnswer,
)

NETWORK = NetworkId("eip155:31337")
HEAD = Head(service="keeper", sequence=0, hash=bytes(32), signature=bytes(64))
Tamper = Callable[[WalletRecord], WalletRecord]


@dataclass
class Lines:
    """Which service answers what. A service or a type that is down does not answer."""

    handlers: dict[tuple[Service, str], Handler] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


class LoopbackBus:
    def __init__(self, service: Service, lines: Lines) -> None:
        self._service, self._lines = service, lines

    async def request(self, to: Service, typ: str, frame: bytes, timeout_s: float) -> bytes:
        assert timeout_s > 0, "every question has a bound"
        self._lines.asked.append(typ)
        handler = self._lines.handlers.get((to, typ))
        if handler is None or self._lines.down & {to.value, typ}:
            raise Unavailable("bus.no_answer", f"{to} does not answer")
        answer = await handler(frame)
        if answer is None:
            raise Unavailable("bus.no_answer", f"{to} does not answer")
        return answer

    async def serve(self, typ: str, handler: Handler) -> None:
        self._lines.handlers[self._service, typ] = handler

    async def close(self) -> None:
        self._lines.handlers.clear()


class FixedClock:
    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        self.now += 1
        return self.now


def make_identity(service: Service, *, attests: bool) -> FileIdentity:
    return FileIdentity(service, os.urandom(32), os.urandom(32), os.urandom(32) if attests else None)


class Signers:
    """App's exchange, and Keeper and Cooler at its other end. `tamper` changes what Keeper attests."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.clock = FixedClock()
        self.identities = {
            Service.APP: make_identity(Service.APP, attests=False),
            Service.KEEPER: make_identity(Service.KEEPER, attests=True),
            Service.COOLER: make_identity(Service.COOLER, attests=True),
        }
        self.peers = [identity.peer() for identity in self.identities.values()]
        self.tamper: Tamper = lambda record: record
        self.registered: set[str] = set()

    def exchange(self, service: Service) -> Exchange:
        bus = LoopbackBus(service, self.lines)
        others = [peer for peer in self.peers if peer.service is not service]
        return Exchange(self.identities[service], others, bus, self.clock, SystemEntropy())

    async def start(self) -> Exchange:
        keeper, cooler = self.exchange(Service.KEEPER), self.exchange(Service.COOLER)
        await keeper.serve("wallets.create.v1", self._create)
        await keeper.serve("wallets.register.v1", self._register)
        await cooler.serve("wallets.attest.v1", self._attest)
        return self.exchange(Service.APP)

    async def _create(self, opened: Opened) -> Message:
        assert isinstance(opened.body, CreateWallets)
        items: list[Attested] = []
        for wanted in opened.body.wallets:
            record = self.tamper(record_of(wanted)).encoded()
            items.append(Attested(record=record, attestations={"keeper": self.sign(Service.KEEPER, record)}))
        return WalletsAnswer(items=[*items], head=HEAD)

    async def _attest(self, opened: Opened) -> Message:
        assert isinstance(opened.body, AttestWallets)
        items = [
            Attested(
                record=item.record,
                attestations={**item.attestations, "cooler": self.sign(Service.COOLER, item.record)},
            )
            for item in opened.body.records
        ]
        return WalletsAnswer(items=[*items], head=HEAD)

    async def _register(self, opened: Opened) -> Message:
        assert isinstance(opened.body, RegisterWallets)
        self.registered |= {item.record.hex() for item in opened.body.records}
        return WalletsAnswer(items=[*opened.body.records], head=HEAD)

    def sign(self, service: Service, record: bytes) -> bytes:
        return self.identities[service].attest(attested_bytes(record))


def record_of(wanted: NewWallet) -> WalletRecord:
    seed = hashlib.sha256(wanted.wallet.encode()).hexdigest()
    hot, cool, cold = (OwnerKey(role, "02" + seed) for role in (Role.HOT, Role.COOL, Role.COLD))
    return WalletRecord(
        wallet=WalletId(wanted.wallet),
        revision=1,
        previous=NO_PREVIOUS,
        family="evm",
        network=NetworkId(wanted.network),
        profile=wanted.profile,
        threshold=2,
        owners=(hot, cool, cold),
        address="0x" + seed[:40],
        owner=wanted.owner,
        user_key=wanted.user_key,
        policy_class=wanted.policy_class,
        standing=Standing.PROVEN,
        made_at_s=1_800_000_000,
    )


def elsewhere(record: WalletRecord) -> WalletRecord:
    """The same wallet with an address of somebody else's."""
    return replace(record, address="0x" + "66" * 20)
