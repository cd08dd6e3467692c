"""Token buckets: so many requests a second, and so many at once after a pause.

Law: exact, in thousandths of a token; a clock that goes back refills nothing. Requests are counted in memory:
what a restart forgives is one burst. Payments are counted in the database (`keyed`).
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core.errors import Unavailable

_WHOLE = 1000
KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` 0: no limit."""

    per_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is told in headers: the limit, what is left of it, and in how many seconds it is whole again."""

    rate: Rate
    remaining: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        if not self.rate.per_s:
            return []
        window_s = -(-self.rate.burst // self.rate.per_s)
        told = {
            "ratelimit-limit": str(self.rate.burst),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
            "ratelimit-policy": f"{self.rate.burst};w={window_s}",
        }
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in told.items()]


@dataclass(slots=True)
class _Bucket:
    level: int
    at_ms: int


class Buckets:
    """One for each key that has called lately."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, rate: Rate, now_ms: int) -> Left:
        """One request. Raises Unavailable `rate.requests` with the seconds to wait."""
        if not rate.per_s:
            return Left(rate, 0, 0)
        bucket = self._filled(key, rate, now_ms)
        if bucket.level < _WHOLE:
            wait_s = max(1, -(-(_WHOLE - bucket.level) // (rate.per_s * _WHOLE)))
            text = f"this API key may ask {rate.per_s} times a second; try again in {wait_s} s"
            raise Unavailable("rate.requests", text, retry_after_s=wait_s)
        bucket.level -= _WHOLE
        return _left(bucket, rate)

    def peek(self, key: str, rate: Rate, now_ms: int) -> Left:
        """How it stands, without taking any."""
        if not rate.per_s:
            return Left(rate, 0, 0)
        return _left(self._filled(key, rate, now_ms), rate)

    def _filled(self, key: str, rate: Rate, now_ms: int) -> _Bucket:
        full = rate.burst * _WHOLE
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now_ms)
            bucket = self._buckets[key] = _Bucket(full, now_ms)
        gained = max(now_ms - bucket.at_ms, 0) * rate.per_s
        bucket.level, bucket.at_ms = min(full, bucket.level + gained), now_ms
        return bucket

    def _make_room(self, now_ms: int) -> None:
        """Those that called longest ago are full by now."""
        if len(self._buckets) >= KEYS_MAX:
            oldest = sorted(self._buckets, key=lambda one: min(self._buckets[one].at_ms, now_ms))
            for key in oldest[: KEYS_MAX // 10]:
                del self._buckets[key]


def _left(bucket: _Bucket, rate: Rate) -> Left:
    missing = rate.burst * _WHOLE - bucket.level
    return Left(rate, bucket.level // _WHOLE, -(-missing // (rate.per_s * _WHOLE)))
