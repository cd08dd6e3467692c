"""How often somebody may ask: so many times a minute, for each address or session. Addresses remembered are
bounded too."""

from __future__ import annotations

from collections import OrderedDict

from keepcool.ports.system import Clock

_KEPT_MAX, _MINUTE_MS = 10_000, 60_000


class Rate:
    """A bucket of `per_minute` tokens for each name; full again after a minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock, self._most_ms = clock, _MINUTE_MS
        self._cost_ms = max(_MINUTE_MS // max(per_minute, 1), 1)
        self._left: OrderedDict[str, tuple[int, int]] = OrderedDict()  # ms of credit, when it was counted

    def allows(self, name: str) -> bool:
        """Takes one token. False: none is left."""
        now_ms = self._clock.now_ms()
        credit_ms, at_ms = self._left.pop(name, (self._most_ms, now_ms))
        credit_ms = min(credit_ms + max(now_ms - at_ms, 0), self._most_ms)
        allowed = credit_ms >= self._cost_ms
        self._left[name] = (credit_ms - self._cost_ms if allowed else credit_ms, now_ms)
        while len(self._left) > _KEPT_MAX:
            self._left.popitem(last=False)
        return allowed
