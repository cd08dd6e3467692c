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
    """Where the desk listens. Beyond loopback put a TLS proxy before it, and say `behind_proxy`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8490
    """0 takes any free one."""
    behind_proxy: bool = False
    """The last address of X-Forwarded-For is who asks."""
    body_bytes_max: int = 1024 * 1024
    """Longer requests are refused."""
    requests_in_flight_max: int = 100
    """More at once are told to come again."""
    requests_per_minute_max: int = 1_200
    """From one address."""
    sign_ins_per_minute_max: int = 30
    """Attempts from one address."""
    streams_max: int = 100
    """Pages that listen for news at once."""


class SessionSettings(Settings, frozen=True):
    """How long a session lives."""

    idle_s: int = 900
    """Ends after this long without a request."""
    absolute_s: int = 28_800
    """Ends after this long in any case."""
    per_person_max: int = 5
    """The oldest ends when there are more."""
    most: int = 500
    """Of all people together."""


class AssetSettings(Settings, frozen=True):
    """How amounts of an asset are shown, beside the base units that count."""

    symbol: str
    """As people read it."""
    decimals: int
    """0 to 77."""


class WebhookSettings(Settings, frozen=True):
    """A receiver of the desk's news."""

    url: str
    """Where to post."""
    secret: str
    """File with the receiver's secret (`whsec_...`)."""


class MailSettings(Settings, frozen=True):
    """A mail server that news are handed to."""

    host: str
    """Of the mail server."""
    sender: str
    """Address mails come from."""
    recipients: list[str]
    """Addresses mails go to."""
    port: int = 587
    """Of the mail server."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is kept private."""
    user: str = ""
    """Empty: no sign-in."""
    password: str = ""
    """File that holds it."""
    details: bool = False
    """Mails name amounts and addresses: they travel in the clear."""
    timeout_s: float = 20.0
    """How long the server may take."""


class NotifySettings(Settings, frozen=True):
    """What begins to wait is told."""

    webhooks: tuple[WebhookSettings, ...] = ()
    """Receivers, each with its secret."""
    webhook_networks: tuple[str, ...] = ()
    """Networks (CIDR) that are not public and may be posted to nevertheless."""
    webhook_timeout_s: float = 10.0
    """How long a receiver may take."""
    mail: MailSettings | None = None
    """Left out: no mails."""
    quiet_s: float = 30.0
    """Items are told together, at most this often."""
    tries_max: int = 20
    """Attempts before one is given up."""


class DeskSettings(Settings, frozen=True):
    """The desk's file."""

    identity: str
    """Folder of its own message keys."""
    bus: BusSettings
    """The broker."""
    peers: dict[str, PeerSettings]
    """Whom it hears: `keeper` and `cooler`."""
    origin: str
    """Where browsers find the desk, as the signers' policies name it."""
    rp_id: str
    """The domain people's keys were made for, as the policies name it."""
    data: str = "data"
    """Folder of sessions and marks."""
    title: str = "keepcool"
    """Heading of its pages."""
    networks_file: str = ""
    """Rows of Bitcoin's forks that this release does not ship."""
    http: HttpSettings = HttpSettings()
    """Where it listens."""
    sessions: SessionSettings = SessionSettings()
    """How long people stay signed in."""
    notify: NotifySettings = NotifySettings()
    """Whom it tells that something waits."""
    assets: dict[str, AssetSettings] = msgspec.field(default_factory=dict)
    """By CAIP-19 name: how amounts are shown."""
    poll_s: float = 2.0
    """How often the signers are asked what waits."""
    signer_timeout_s: float = 8.0
    """How long a signer may take."""
    approval_lives_s_max: int = 7 * 86_400
    """The longest a decision may stay valid."""
    clock_offset_ms: int = 0
    """For tests: how far its clock is moved."""

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
