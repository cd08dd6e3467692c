"""Keep-alive connections to one OpenBao: TLS 1.3 only, verified against the one CA file they are given."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from keepcool.adapters.https.pool import Pool, Reply

__all__ = ["Connections", "Reply"]
_PORT = 8200


class Connections:
    """Thread-safe. Every call must be safe to repeat (all of transit, login and renewal are)."""

    def __init__(self, url: str, ca: Path, timeout_s: float) -> None:
        """Raises Refused when the URL is not https or the CA file cannot be read."""
        self.url = url
        self._pool = Pool(url, ca, timeout_s, _PORT, ssl.TLSVersion.TLSv1_3)

    def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """One request under /v1/. Raises Unavailable when there is no answer in time."""
        return self._pool.call(method, f"/v1/{path}", body, headers)

    def close(self) -> None:
        """Closes idle connections; a later call opens new ones."""
        self._pool.close()
