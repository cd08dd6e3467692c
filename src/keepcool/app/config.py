"""App's TOML as frozen values. Unknown keys are errors; units stand in the names; paths are relative to
the file. App has no coin key and no keystore: what it must keep secret are its own message keys.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from keepcool.app.controls.settings import LimitSettings, about_limits, check_limits
from keepcool.app.events.settings import EventSettings, check_events
from keepcool.app.http.settings import HttpSettings, UserSettings, check_users
from keepcool.app.networks import (
    AssetSettings,
    BitcoinFeeSettings,
    BitcoinSettings,
    EvmSettings,
    FeeSettings,
    MinterFeeSettings,
    MinterSettings,
    NetworkSettings,
    about_network,
    bitcoin_row,
    check_network,
    crediting_of,
    known_networks,
    native_asset,
)
from keepcool.chains.families import Families
from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import NetworkId
from keepcool.ports.settings import BusSettings, PeerSettings, Settings

__all__ = [
    "AppSettings",
    "AssetSettings",
    "BitcoinFeeSettings",
    "BitcoinSettings",
    "EvmSettings",
    "FeeSettings",
    "HttpSettings",
    "MinterFeeSettings",
    "MinterSettings",
    "NetworkSettings",
    "bitcoin_row",
    "crediting_of",
    "find_asset",
    "load",
    "native_asset",
    "sentences",
]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class AppSettings(Settings, frozen=True):
    """App's file."""

    identity: str
    """Folder of its own message keys."""
    database: str
    """Its books: a file (SQLite), or `postgresql://user@host/name`, for one App or several."""
    bus: BusSettings
    """The broker."""
    peers: dict[str, PeerSettings]
    """`keeper` and `cooler`, with their pinned keys."""
    networks: dict[str, NetworkSettings]
    """By CAIP-2 name."""
    http: HttpSettings = HttpSettings()
    """Where the API listens."""
    users: UserSettings = UserSettings()
    """Users' passkeys."""
    events: EventSettings = EventSettings()
    """Stream and webhooks."""
    limits: LimitSettings = LimitSettings()
    """Of API keys."""
    database_password: str = ""
    """File of the PostgreSQL user's password."""
    database_connections: int = 4
    """To PostgreSQL, at most, besides the one by which Apps know of each other."""
    database_statement_s: float = 30.0
    """How long PostgreSQL may take for one statement."""
    database_lock_s: float = 10.0
    """How long a transaction waits for its turn on PostgreSQL."""
    signer_timeout_s: float = 8.0
    """How long a signer may take."""
    profiles: tuple[str, ...] = ()
    """Where the installation departs from the house's own design, by name (docs/explain/profiles.md)."""
    clock_offset_ms: int = 0
    """For tests: how far its clock is moved."""
    root_key: str = ""
    """The installation's root key (hex), under which lists of attestation keys are believed."""
    attestation_keys: tuple[str, ...] = ()
    """Files: signed lists of attestation keys, one for each signer whose key was changed."""
    fault: str = ""
    """For tests: the point at which it dies."""

    @property
    def families(self) -> Families:
        """With every network whose row stands here."""
        return Families(known_networks(self.networks))


def load(file: Path) -> AppSettings:
    """Raises Refused with the key that is wrong and what it must be."""
    try:
        settings = msgspec.toml.decode(file.read_bytes(), type=AppSettings)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("config.form", f"{file}: {error}") from error
    try:
        _check(settings)
    except KeepcoolError as error:
        raise Refused("config.value", f"{file}: {error.public}") from error
    return settings


def find_asset(settings: AppSettings, asset: str) -> tuple[NetworkId, AssetSettings] | None:
    network = asset.partition("/")[0]
    table = settings.networks.get(network)
    found = next((one for one in table.assets if one.id == asset), None) if table else None
    return (NetworkId(network), found) if found else None


def _check(settings: AppSettings) -> None:
    for name in ("keeper", "cooler"):
        if name not in settings.peers or not settings.peers[name].attestation_key:
            raise Refused("config.peers", f"peers.{name}: pin its keys, attestation_key included")
    if settings.fault and settings.fault.partition(":")[0] not in {point.value for point in FaultPoint}:
        raise Refused("config.fault", f"fault: no such fault point: {settings.fault}")
    if not 0 <= settings.http.port <= 65535:
        raise Refused("config.port", "http.port: between 0 (any free port) and 65535")
    if settings.database_connections < 2 or min(settings.database_statement_s, settings.database_lock_s) <= 0:
        raise Refused("config.database", "database_connections: at least 2; database times: above 0")
    if settings.attestation_keys and len(settings.root_key) != 64:
        raise Refused("config.root_key", "root_key: attestation_keys need the root key, 64 hex digits")
    check_events(settings.events)
    check_users(settings.users)
    check_limits(settings.limits)
    for network, table in settings.networks.items():
        check_network(network, table)


def _how_many(settings: AppSettings) -> str:
    if "://" in settings.database:
        return "several Apps may, of which one works at a time"
    return "one App at a time may"


def sentences(settings: AppSettings) -> list[str]:
    """What this App may do, whom it hears, what it refuses."""
    spoken = [
        "This App holds no coin key and has no keystore: it can ask for signatures, never make one.",
        f"It keeps users, the ledger and the registry in {settings.database}; {_how_many(settings)}.",
        f"It speaks on {settings.bus.url}, only in signed and sealed messages, and hears only "
        f"{', '.join(sorted(settings.peers))}, by their pinned keys.",
        f"Its HTTP API listens on {settings.http.host} port {settings.http.port}; every call but /health, "
        "/metrics, /sign and the reference needs an API key with the right scope.",
        about_limits(settings.limits),
    ]
    if settings.http.host not in _LOOPBACK:
        spoken.append("WARNING: that is not loopback: put a TLS proxy in front, API keys travel in clear.")
    if settings.users.rp_id:
        where = ", ".join(settings.users.origins)
        spoken.append(f"Users touch passkeys of {settings.users.rp_id} at {where}; the page for it is /sign.")
    for network, table in settings.networks.items():
        spoken += about_network(network, table)
    if settings.events.webhook_networks:
        spoken.append(f"Its webhooks may go to {', '.join(settings.events.webhook_networks)} as well.")
    spoken.append("It refuses unknown fields, unpinned peers, unlisted tokens, and any address that does not")
    spoken[-1] += " carry both signers' attestations; it moves money only with an Idempotency-Key."
    if settings.clock_offset_ms or settings.fault:
        spoken.append("WARNING: clock_offset_ms or fault is set: this configuration is for tests only.")
    return spoken
