"""How long to wait after a failure: three times as long each time, bounded, and never all at once."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.events.settings import EventSettings
from keepcool.ports.system import Entropy

_FACTOR, _STEPS_MAX = 3, 40


@dataclass(frozen=True, slots=True)
class Patience:
    """Milliseconds. `tries_max`: how often one delivery is tried, `disable_after_ms`: how long a webhook may
    fail."""

    first_ms: int
    most_ms: int
    tries_max: int
    disable_after_ms: int

    def wait_ms(self, failures: int, entropy: Entropy, *, asked_s: int | None = None) -> int:
        """After so many failures: between half and all of the step, or what the receiver asked for."""
        growth: int = _FACTOR ** min(max(failures - 1, 0), _STEPS_MAX)
        step = min(self.first_ms * growth, self.most_ms)
        jittered = step * (65_536 + int.from_bytes(entropy(2), "big")) // 131_072
        return max(jittered, 1, min((asked_s or 0) * 1000, self.most_ms))

    def is_over(self, until_ms: int, now_ms: int) -> bool:
        """A longer wait than is ever given was set by a clock that was ahead."""
        return not now_ms < until_ms <= now_ms + self.most_ms


def patience_of(settings: EventSettings) -> Patience:
    return Patience(
        first_ms=max(int(settings.webhook_wait_s_first * 1000), 1),
        most_ms=int(settings.webhook_wait_s_max * 1000),
        tries_max=settings.webhook_tries_max,
        disable_after_ms=settings.webhook_disable_after_s * 1000,
    )
