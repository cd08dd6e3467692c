"""The real signers as processes (broker, two keystores, Keeper, Cooler), asked as App asks them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app import config
from keepcool.chains.evm import payouts
from keepcool.chains.evm.safe import encode_draft
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId, IntentId, NetworkId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.local import bitcoinplan, plan, start
from keepcool.local.layout import Layout
from keepcool.local.people import NOBODY, People
from keepcool.local.policies import signature
from keepcool.local.running import Installation
from keepcool.local.tomltext import rendered
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    CreateWallets,
    Message,
    NewWallet,
    RegisterWallets,
    SignAnswer,
    Signed,
    SignItem,
    SignRequest,
    StatusAnswer,
    StatusRequest,
    WalletsAnswer,
)

NETWORK, CHAIN_ID = NetworkId("eip155:31337"), 31337
ETH = AssetId("eip155:31337/slip44:60")
PROFILE = "safe-1.5.0-l1"
RECIPIENT = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"
SIGNER_PARTS = ("broker", "keeper-keystore", "cooler-keystore", "keeper", "cooler")
TIMEOUT_S = 30.0
Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Rig:
    """A running pair of signers and App's side of the exchange."""

    installation: Installation
    exchange: Exchange
    clock: SystemClock
    entropy: SystemEntropy


@contextlib.contextmanager
def signers(people: People = NOBODY, edit: Edit | None = None) -> Iterator[Installation]:
    """Installed in a temporary folder; every process ends with the block. `edit` changes the tables of both
    policies before the root key signs them."""
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as folder:
        network = plan.network_plan(NETWORK, ["http://127.0.0.1:1"])
        roomy = plan.with_caps(network.assets, "ETH=1000,1000000,1000000")
        wide = replace(network, assets=roomy)
        coins = bitcoinplan.bitcoin_plan("litecoin-regtest", ["http://127.0.0.1:1"])
        ports = plan.Ports.following(0)
        whole = plan.Plan(Path(folder) / "kc", (wide, coins), ports, people=people)
        places = start.install_here(whole, lambda _: None)
        if edit is not None:
            _edited(places, edit)
        before = os.umask(0o077)
        installation = Installation(places)
        try:
            for name in SIGNER_PARTS:
                installation.start(name)
            yield installation
        finally:
            installation.stop_all()
            os.umask(before)


def _edited(places: Layout, edit: Edit) -> None:
    seed = bytes.fromhex(places.root_key.read_text(encoding="ascii"))
    for signer in (Service.KEEPER, Service.COOLER):
        file = places.service(signer) / "policy.toml"
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        edit(tables)
        document = rendered(tables).encode()
        file.write_bytes(document)
        file.with_name(f"{file.name}.sig").write_bytes(signature(seed, document))


@contextlib.asynccontextmanager
async def asked(installation: Installation) -> AsyncIterator[Rig]:
    """App's identity on the bus of this installation."""
    places: Layout = installation.places
    file = places.config(Service.APP)
    settings, folder = config.load(file), file.parent
    peers = peers_of(settings.peers)
    identity = FileIdentity.load(folder / settings.identity, Service.APP, one_machine=True)
    address = BusAddress.of(settings.bus, folder, one_machine=True)
    bus = await NatsBus.start(address, Service.APP, CountedBus(CollectorRegistry()))
    clock, entropy = SystemClock(), SystemEntropy()
    try:
        await bus.ready(TIMEOUT_S)
        rig = Rig(installation, Exchange(identity, peers, bus, clock, entropy), clock, entropy)
        await asyncio.gather(*(_ready(rig, signer) for signer in (Service.KEEPER, Service.COOLER)))
        yield rig
    finally:
        await bus.close()


async def _ready(rig: Rig, signer: Service) -> None:
    for _ in range(300):
        with contextlib.suppress(Unavailable):
            answer = await rig.exchange.ask(signer, "status.v1", StatusRequest(), 5)
            if isinstance(answer, StatusAnswer) and answer.ready:
                return
        await asyncio.sleep(0.1)
    raise Unavailable("bench.signer", f"{signer} did not get ready")


async def wallets(rig: Rig, count: int, user_key: str = "") -> list[WalletRecord]:
    """Wallets issued and registered by both signers, a hundred at a time."""
    made: list[WalletRecord] = []
    for _ in range(0, count, 100):
        size = min(100, count - len(made))
        names = [f"w-{rig.entropy(8).hex()}" for _ in range(size)]
        made += await issued(rig, names, user_key=user_key)
    return made


async def issued(
    rig: Rig, names: list[str], network: NetworkId = NETWORK, profile: str = PROFILE, user_key: str = ""
) -> list[WalletRecord]:
    wanted = [
        NewWallet(wallet=name, network=network, profile=profile, owner=f"u-{name}", user_key=user_key)
        for name in names
    ]
    by_keeper = await _items(rig, Service.KEEPER, "wallets.create.v1", CreateWallets(wallets=wanted))
    by_both = await _items(rig, Service.COOLER, "wallets.attest.v1", AttestWallets(records=by_keeper))
    await _items(rig, Service.KEEPER, "wallets.register.v1", RegisterWallets(records=by_both))
    return [parse_record(one.record) for one in by_both]


def payment(rig: Rig, record: WalletRecord, nonce: int = 0, wei: int = 1) -> SignItem:
    """A payment no signer has seen, from a wallet's given nonce."""
    tx = payouts.pay_native(safe=record.address, chain_id=CHAIN_ID, nonce=nonce, recipient=RECIPIENT, wei=wei)
    intent = Intent(
        intent=IntentId(rig.entropy(12).hex()),
        purpose=Purpose.PAY,
        network=NETWORK,
        source=record.wallet,
        outputs=(Output(RECIPIENT, Amount(ETH, wei)),),
        fee_max=Amount(ETH, 10**15),
        expires_at_s=rig.clock.now_ms() // 1000 + 3600,
    )
    return SignItem(intent=intent.encoded(), draft=encode_draft(tx))


async def signed(rig: Rig, signer: Service, items: list[SignItem]) -> None:
    """Asks, and raises unless every item was signed."""
    answer = await rig.exchange.ask(signer, "sign.v1", SignRequest(items=items), TIMEOUT_S)
    if not isinstance(answer, SignAnswer):
        raise TypeError("sign.v1")
    bad = [one for one in answer.items if not isinstance(one, Signed)]
    if bad:
        raise RuntimeError(f"not signed: {bad[0]}")


async def _items(rig: Rig, to: Service, typ: str, body: Message) -> list[Attested]:
    answer = await rig.exchange.ask(to, typ, body, TIMEOUT_S)
    if not isinstance(answer, WalletsAnswer):
        raise TypeError(typ)
    items = [one for one in answer.items if isinstance(one, Attested)]
    if len(items) != len(answer.items):
        raise RuntimeError(f"not made: {answer.items[0]}")
    return items
