"""How the API listens, and where users touch their passkeys."""

from __future__ import annotations

from urllib.parse import urlsplit

from keepcool.core.errors import Refused
from keepcool.ports.settings import Settings
from keepcool.wire.webauthn import Site


class HttpSettings(Settings, frozen=True):
    """Where the API listens. Beyond loopback put a TLS proxy before it."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8480
    """0 takes any free one."""
    body_bytes_max: int = 256 * 1024
    """Longer requests are refused."""
    requests_in_flight_max: int = 200
    """More at once are told to come again."""


class UserSettings(Settings, frozen=True):
    """Where users touch passkeys, as both signers' policies have it. A page of another origin than App's own
    may read and send what a signing link allows."""

    rp_id: str = ""
    """The relying party's id, a domain; left out, no passkeys are taken."""
    origins: tuple[str, ...] = ()
    """Of the pages where users touch passkeys."""

    @property
    def site(self) -> Site | None:
        return Site(self.rp_id, frozenset(self.origins)) if self.rp_id else None


def check_users(users: UserSettings) -> None:
    """Raises Refused with what is wrong."""
    if bool(users.rp_id) != bool(users.origins):
        raise Refused("config.users", "users: rp_id and origins belong together")
    for origin in users.origins:
        host = urlsplit(origin).hostname or ""
        if not (host == users.rp_id or host.endswith(f".{users.rp_id}")):
            raise Refused("config.users", f"users: {origin} is no origin of the domain {users.rp_id}")
