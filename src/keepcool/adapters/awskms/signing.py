"""AWS Signature Version 4 of a request with a body: pure, time is a parameter.

Law: the secret access key is a Secret, read in place. "Signature Version 4 signing process", AWS General
Reference; its published vectors are in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from keepcool.core.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """`token` is a session's, empty for a user's own keys."""

    access_key: str
    secret_key: Secret
    token: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    region: str
    service: str

    def on(self, day: str) -> str:
        return f"{day}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Request:
    """`query` in its canonical form. `headers` are all that are signed, the host among them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


def stamp(now_s: int) -> str:
    """X-Amz-Date."""
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def authorization(request: Request, credentials: Credentials, scope: Scope, at: str) -> str:
    """The Authorization header of a request at this X-Amz-Date."""
    signed = ";".join(sorted(name.lower() for name in request.headers))
    hashed = hashlib.sha256(canonical(request).encode()).hexdigest()
    text = "\n".join((_ALGORITHM, at, scope.on(at[:8]), hashed))
    key = signing_key(credentials.secret_key, scope, at[:8])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    place = f"{credentials.access_key}/{scope.on(at[:8])}"
    return f"{_ALGORITHM} Credential={place}, SignedHeaders={signed}, Signature={signature}"


def canonical(request: Request) -> str:
    """The canonical request."""
    fields = sorted((name.lower(), " ".join(value.split())) for name, value in request.headers.items())
    return "\n".join(
        (
            request.method,
            request.path,
            request.query,
            *(f"{name}:{value}" for name, value in fields),
            "",
            ";".join(name for name, _ in fields),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def signing_key(secret_key: Secret, scope: Scope, day: str) -> bytes:
    """Of one day, region and service: it signs nothing else."""
    with secret_key.opened() as raw:
        first = bytearray(4 + len(raw))
        first[:4], first[4:] = b"AWS4", raw
    with Secret(first):
        key = hmac.digest(first, day.encode(), "sha256")
    for part in (scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
