"""Signatures of webhooks: id, time and body under the receiver's secret, as many as it has secrets.

Specification: Standard Webhooks 1.0.0 (webhook-id, webhook-timestamp, webhook-signature `v1,` and the Base64
of HMAC-SHA256 over `id.timestamp.body`; secrets are `whsec_` and the Base64 of 24 to 64 random bytes).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from keepcool.core.errors import Malformed
from keepcool.ports.system import Entropy

PREFIX = "whsec_"
SECRET_BYTES = 32
_BYTES_MIN, _BYTES_MAX = 24, 64


def new_secret(entropy: Entropy) -> bytes:
    return entropy(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """As its receiver is told it, once."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def parse_secret(text: str) -> bytes:
    """Raises Malformed `webhook.secret`."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise Malformed("webhook.secret", "a webhook's secret is whsec_ and Base64") from error
    if not text.startswith(PREFIX) or not _BYTES_MIN <= len(secret) <= _BYTES_MAX:
        raise Malformed("webhook.secret", f"a webhook's secret is whsec_ and {_BYTES_MIN} bytes or more")
    return secret


def headers(secrets: Sequence[bytes], message: str, at_s: int, body: bytes) -> dict[str, str]:
    """One signature per secret: while one is exchanged for another, both verify."""
    signed = b".".join((message.encode("ascii"), str(at_s).encode("ascii"), body))
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join("v1," + one.decode("ascii") for one in signatures),
    }
