"""The desk's TOML as frozen values. Unknown keys are errors; units stand in the names; paths are relative to
the file. The desk has no coin key and no keystore: what it must keep secret are its own message keys.
"""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from keepcool.core.errors import Refused
from keepcool.ports.settings import BusSettings, PeerSettings, Settings

_SIGNERS = ("keeper", "cooler")


class HttpSettings(Settings, frozen=True):
    """Where the desk listens. Beyond loopback put a TLS proxy before it, and say `behind_proxy`: then the
    last address of X-Forwarded-For is who asks."""

    host: str = "127.0.0.1"
    port: int = 8490
    behind_proxy: bool = False
    body_bytes_max: int = 1024 * 1024
    requests_in_flight_max: int = 100
    requests_per_minute_max: int = 1_200
    sign_ins_per_minute_max: int = 30
    streams_max: int = 100


class SessionSettings(Settings, frozen=True):
    """A session ends after `idle_s` without a request, and after `absolute_s` in any case."""

    idle_s: int = 900
    absolute_s: int = 28_800
    per_person_max: int = 5
    most: int = 500


class AssetSettings(Settings, frozen=True):
    """How amounts of an asset are shown, beside the base units that count."""

    symbol: str
    decimals: int


class WebhookSettings(Settings, frozen=True):
    """`secret`: a file with the receiver's secret (`whsec_...`)."""

    url: str
    secret: str


class MailSettings(Settings, frozen=True):
    """`password`: a file. With `details`, a mail names amounts and addresses: it travels in the clear."""

    host: str
    sender: str
    recipients: list[str]
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    details: bool = False
    timeout_s: float = 20.0


class NotifySettings(Settings, frozen=True):
    """Items that begin to wait are told together, at most every `quiet_s`, and tried `tries_max` times."""

    webhooks: tuple[WebhookSettings, ...] = ()
    webhook_networks: tuple[str, ...] = ()
    webhook_timeout_s: float = 10.0
    mail: MailSettings | None = None
    quiet_s: float = 30.0
    tries_max: int = 20


class DeskSettings(Settings, frozen=True):
    """`identity`, `data` are folders. `origin` is where browsers find the desk, `rp_id` the domain its keys
    were made for: both as the signers' policies name them. `networks_file`: rows of Bitcoin's forks."""

    identity: str
    bus: BusSettings
    peers: dict[str, PeerSettings]
    origin: str
    rp_id: str
    data: str = "data"
    title: str = "keepcool"
    networks_file: str = ""
    http: HttpSettings = HttpSettings()
    sessions: SessionSettings = SessionSettings()
    notify: NotifySettings = NotifySettings()
    assets: dict[str, AssetSettings] = msgspec.field(default_factory=dict)
    poll_s: float = 2.0
    signer_timeout_s: float = 8.0
    approval_lives_s_max: int = 7 * 86_400
    clock_offset_ms: int = 0

    @property
    def secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.origin.startswith("https://")


def check(settings: DeskSettings) -> DeskSettings:
    """The same settings. Raises Refused on what could not work or would not be safe."""
    missing = [name for name in _SIGNERS if name not in settings.peers]
    if missing:
        raise Refused("config.peers", f"[peers.{missing[0]}] is missing: the desk asks both signers")
    _check_origin(settings)
    low = [settings.sessions.idle_s, settings.sessions.absolute_s, settings.sessions.per_person_max]
    if min(low) < 1 or settings.poll_s <= 0 or settings.signer_timeout_s <= 0:
        raise Refused("config.bounds", "sessions, poll_s and signer_timeout_s are positive")
    if settings.approval_lives_s_max < 60:
        raise Refused("config.bounds", "approval_lives_s_max is at least a minute")
    return settings


def _check_origin(settings: DeskSettings) -> None:
    parts = urlsplit(settings.origin)
    host = parts.hostname or ""
    if settings.origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in ("https", "http"):
        raise Refused("config.origin", "origin is https://host or https://host:port, with nothing behind it")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Refused("config.origin", "without TLS a desk is reached on this machine alone: use https://")
    if host != settings.rp_id and not host.endswith("." + settings.rp_id):
        raise Refused("config.rp_id", "rp_id is the host of origin, or a domain above it")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sentences(settings: DeskSettings) -> list[str]:
    """What this desk may do, whom it hears, what it refuses."""
    notify, http = settings.notify, settings.http
    told = [f"{len(notify.webhooks)} webhooks"] + (["e-mail"] if notify.mail else [])
    return [
        "The desk has no coin key: it shows what waits, and carries signatures of people to the signers.",
        f"Browsers find it at {settings.origin}; keys are made for {settings.rp_id}.",
        f"It listens on {http.host} port {http.port}" + (", behind a proxy." if http.behind_proxy else "."),
        f"It asks {' and '.join(sorted(settings.peers))} over {settings.bus.url}.",
        f"A session ends after {settings.sessions.idle_s} s of silence, and after "
        f"{settings.sessions.absolute_s} s in any case.",
        f"What begins to wait is told by {' and '.join(told)}.",
    ]
