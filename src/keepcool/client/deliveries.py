"""For receivers of webhooks: whether a delivery is App's, and the event it brings.

Laws: nothing of a body is believed before its signature is; compared in constant time; what is older or newer
than five minutes is refused, so that nobody sends an old delivery again. Specification: Standard Webhooks
1.0.0. A delivery may come twice: keep `Event.id` with what you do with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from keepcool.client.told import Event
from keepcool.core.errors import Malformed, Refused

TOLERANCE_S = 300
_PREFIX, _VERSION = "whsec_", "v1,"


def event_of(secret: str, headers: Mapping[str, str], body: bytes, now_s: int) -> Event:
    """Raises Refused `webhook.signature` or `webhook.age` on what is not App's, or not of these minutes."""
    named = {name.lower(): value for name, value in headers.items()}
    message, at = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not at.isascii() or not at.isdigit() or abs(now_s - int(at)) > TOLERANCE_S:
        raise Refused("webhook.age", "the delivery's time is missing, or too far from this clock's")
    signed = b".".join((message.encode(), at.encode(), body))
    expected = base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256))
    given = [one.removeprefix(_VERSION) for one in named.get("webhook-signature", "").split(" ")]
    matches = [hmac.compare_digest(expected, one.encode()) for one in given]
    if not message or not any(matches):
        raise Refused("webhook.signature", "the delivery is not signed under this secret")
    try:
        return msgspec.json.decode(body, type=Event)
    except msgspec.DecodeError as error:
        raise Malformed("client.answer", f"App's event is not understood: {error}") from error


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise Malformed("webhook.secret", "a webhook's secret is whsec_ and Base64") from error
