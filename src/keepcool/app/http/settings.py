"""How the API listens."""

from __future__ import annotations

from keepcool.ports.settings import Settings


class HttpSettings(Settings, frozen=True):
    """Where the API listens. Beyond loopback put a TLS proxy before it."""

    host: str = "127.0.0.1"
    port: int = 8480
    body_bytes_max: int = 256 * 1024
    requests_in_flight_max: int = 200
