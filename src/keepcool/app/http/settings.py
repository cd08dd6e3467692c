"""How the API listens, and where users touch their passkeys."""

from __future__ import annotations

from urllib.parse import urlsplit

from keepcool.core.errors import Refused
from keepcool.ports.settings import Settings
from keepcool.wire.webauthn import Site


class HttpSettings(Settings, frozen=True):
    """Where the API listens. Beyond loopback put a TLS proxy before it."""

    host: str = "127.0.0.1"
    port: int = 8480
    body_bytes_max: int = 256 * 1024
    requests_in_flight_max: int = 200


class UserSettings(Settings, frozen=True):
    """`[users]`: the relying party's id (a domain) and the origins of the pages where users touch passkeys,
    as both signers' policies have it. Left out: no passkeys are taken. A page of another origin than App's
    own may read and send what a signing link allows."""

    rp_id: str = ""
    origins: tuple[str, ...] = ()

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
