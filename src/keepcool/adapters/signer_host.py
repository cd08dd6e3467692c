"""What a signer's process stands on: its files, database, keystore and bus, opened in order and closed again.

Law: nothing is served before the surroundings were surveyed and keystore and database have answered; any
of them failing is an error that keeps the service from starting, with its mend.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from keepcool.adapters import keystores
from keepcool.adapters.guard import refuse_fatal, survey
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.keyfiles import parse_key, read_private
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.networksfile import known_families
from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.adapters.system import control
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.faults import faults_from
from keepcool.adapters.system.health import HealthFile
from keepcool.adapters.system.metrics import ExchangeWatch, MetricsFile
from keepcool.chains.families import Families
from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import given_up, profiles
from keepcool.core.secret import Secret
from keepcool.policy.document import Policy, parse_signature, parse_signed
from keepcool.ports.keystore import RotatingKeystore
from keepcool.ports.settings import PolicySettings, SignerSettings
from keepcool.ports.system import Faults
from keepcool.wire.exchange import Exchange

METRICS_EVERY_S, HEALTH_EVERY_S = 10, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerHost:
    """Opened adapters. `policy` is of the file `document`, which the key `installation` (hex) signed.
    `inner_key`: 32 bytes, taken over by the caller. `warnings`: sentences to print."""

    identity: FileIdentity
    peers: dict[Service, Peer]
    store: SqliteSignerStore
    keystore: RotatingKeystore
    exchange: Exchange
    clock: SystemClock
    entropy: SystemEntropy
    faults: Faults
    policy: Policy
    document: bytes
    installation: str
    families: Families
    inner_key: bytearray
    metrics: CollectorRegistry
    metrics_file: MetricsFile
    health_file: HealthFile
    warnings: tuple[str, ...]


@contextlib.asynccontextmanager
async def opened(
    settings: SignerSettings,
    service: Service,
    folder: Path,
    *,
    one_machine: bool,
    by_hand: keystores.ByHand = keystores.nobody,
) -> AsyncIterator[SignerHost]:
    """`settings` with absolute paths; `folder` is the service's own; `by_hand` waits for the passphrase of a
    keystore that needs one. Raises what keeps it from starting."""
    peers = peers_of(settings.peers)
    chosen = profiles(settings.profiles)
    warnings = refuse_fatal(survey(folder, service, peers, one_machine=one_machine, profiles=chosen))
    identity = FileIdentity.load(Path(settings.identity), service, one_machine=one_machine)
    policy, document = policy_file(settings.policy)
    data = data_folder(settings)
    clock, entropy, metrics = SystemClock(settings.clock_offset_ms), SystemEntropy(), CollectorRegistry()
    async with contextlib.AsyncExitStack() as opening:
        store = open_store(database(settings, service))
        opening.callback(store.close)
        keystore = await keystores.opened(settings.keystore, folder, entropy, os.environ, by_hand)
        opening.push_async_callback(keystore.close)
        await keystore.check()
        address = BusAddress.of(settings.bus, folder, one_machine=one_machine)
        bus = await NatsBus.start(address, service, CountedBus(metrics))
        opening.push_async_callback(bus.close)
        yield SignerHost(
            identity=identity,
            peers={peer.service: peer for peer in peers},
            store=store,
            keystore=keystore,
            exchange=Exchange(identity, peers, bus, clock, entropy, watch=ExchangeWatch(metrics)),
            clock=clock,
            entropy=entropy,
            faults=faults_from(settings.fault, os.environ),
            policy=policy,
            document=document,
            installation=settings.policy.root_key.lower(),
            families=known_families(settings.networks_file),
            inner_key=inner_key(Path(settings.inner_key), one_machine=one_machine),
            metrics=metrics,
            metrics_file=MetricsFile(metrics, data / f"{service.value}.prom"),
            health_file=health_file(settings, service),
            warnings=(*warnings, *identity.warnings, *given_up(chosen)),
        )


@dataclass(frozen=True, slots=True)
class OwnHost:
    """A signer's files and socket, for the commands of its host; satisfies `cosigner.hosted.Reach`."""

    settings: SignerSettings
    service: Service

    def is_served(self) -> bool:
        return control.is_served(control_path(self.settings, self.service))

    def ask(self, frame: Secret) -> bytes:
        return control.ask(control_path(self.settings, self.service), frame)

    def store(self) -> contextlib.AbstractContextManager[SqliteSignerStore]:
        return contextlib.closing(open_store(database(self.settings, self.service)))

    def now_ms(self) -> int:
        return SystemClock(self.settings.clock_offset_ms).now_ms()

    def health(self) -> dict[str, object]:
        return health_file(self.settings, self.service).read()


def database(settings: SignerSettings, service: Service) -> Path:
    return data_folder(settings) / f"{service.value}.sqlite"


def control_path(settings: SignerSettings, service: Service) -> Path:
    """Of its control socket."""
    return data_folder(settings) / f"{service.value}.sock"


def data_folder(settings: SignerSettings) -> Path:
    """The folder of the signer's database, made when missing."""
    folder = Path(settings.data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def health_file(settings: SignerSettings, service: Service) -> HealthFile:
    return HealthFile(Path(settings.data) / f"{service.value}.health.json", SystemClock())


def signed_policy(settings: PolicySettings) -> Policy:
    """The policy of the file. Raises as `policy_file`."""
    return policy_file(settings)[0]


def policy_file(settings: PolicySettings) -> tuple[Policy, bytes]:
    """The policy file, verified under the root key, and its bytes. Raises Refused when file or signature are
    missing or do not fit."""
    file = Path(settings.file)
    try:
        document = file.read_bytes()
        signature = file.with_name(f"{file.name}.sig").read_text(encoding="ascii")
        root_key = bytes.fromhex(settings.root_key)
    except (OSError, ValueError) as error:
        raise Refused("policy.file", f"cannot read {file}, its .sig, or policy.root_key: {error}") from error
    return parse_signed(document, parse_signature(signature), root_key), document


def inner_key(file: Path, *, one_machine: bool) -> bytearray:
    return bytearray(parse_key(read_private(file, one_machine=one_machine), file))
