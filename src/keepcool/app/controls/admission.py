"""Whether an API key may call now and from here: what every request passes before its scope is looked at.

Laws: the address first, and at no token's cost, so that a key somebody has copied cannot be worn out from
elsewhere; then the rate. Who comes with texts that are no keys is told to wait, by his address, before the
database is asked; a key that was known a while ago is not held up by that.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from keepcool.app.controls import keyed, origins
from keepcool.app.controls.buckets import KEYS_MAX, Buckets, Left, Rate
from keepcool.app.controls.keyed import Limits
from keepcool.app.controls.settings import LimitSettings
from keepcool.app.keys import ApiKey

STRANGERS = Rate(per_s=20, burst=200)


@dataclass(frozen=True, slots=True)
class Door:
    """`settings`: of all keys. `strangers`: how often one address may come with a text nobody has seen."""

    settings: LimitSettings
    strangers: Rate = STRANGERS
    buckets: Buckets = field(default_factory=Buckets)
    _unknown: Buckets = field(default_factory=Buckets)
    _known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def check_stranger(self, text: str, peer: str | None, forwarded: Sequence[str], now_ms: int) -> None:
        """Raises Unavailable `rate.requests` before a text nobody has seen lately is looked up."""
        if _mark(text) not in self._known:
            self._unknown.take(self._where(peer, forwarded), self.strangers, now_ms)

    def learn(self, text: str) -> None:
        """It is a key."""
        self._known[_mark(text)] = None
        self._known.move_to_end(_mark(text))
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)

    def _where(self, peer: str | None, forwarded: Sequence[str]) -> str:
        """Whose door it is; an IPv6 caller is his whole /64."""
        proxies = origins.parse_networks(self.settings.trusted_proxies)
        found = origins.caller(peer, forwarded, proxies)
        return str(found) if found is None or found.version == 4 else str(found.exploded)[:19]

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


def _mark(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
