"""Whether an API key may call now and from here: what every request passes before its scope is looked at.

Laws: the address first, and at no token's cost, so that a key somebody has copied cannot be worn out from
elsewhere; then the rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from keepcool.app.controls import keyed, origins
from keepcool.app.controls.buckets import Buckets, Left
from keepcool.app.controls.keyed import Limits
from keepcool.app.controls.settings import LimitSettings
from keepcool.app.keys import ApiKey


@dataclass(frozen=True, slots=True)
class Door:
    """`settings`: of all keys."""

    settings: LimitSettings
    buckets: Buckets = field(default_factory=Buckets)

    def check_address(self, limits: Limits, peer: str | None, forwarded: Sequence[str]) -> None:
        """Raises Refused `auth.address`, Malformed `auth.forwarded`."""
        if limits.networks:
            proxies = origins.parse_networks(self.settings.trusted_proxies)
            keyed.refuse_elsewhere(limits, origins.caller(peer, forwarded, proxies))

    def take(self, key: ApiKey, limits: Limits, now_ms: int) -> Left:
        """One request. Raises Unavailable `rate.requests`."""
        return self.buckets.take(key.id, limits.rate(self.settings), now_ms)

    def left(self, key: ApiKey, limits: Limits, now_ms: int) -> Left:
        return self.buckets.peek(key.id, limits.rate(self.settings), now_ms)
