"""Keys that users have lent, as long as this process lives, whatever its configuration becomes meanwhile.

Laws: a lent key lies in memory alone, for a bounded while, and is wiped; so many at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from keepcool.core.errors import Conflict
from keepcool.core.secret import Secret

LENT_S, LENT_MAX = 900, 10_000


@dataclass(slots=True)
class _Lent:
    key: Secret
    until_ms: int


@dataclass(slots=True)
class LentKeys:
    """By wallet."""

    _lent: dict[str, _Lent] = field(default_factory=dict, repr=False)

    def lend(self, wallet: str, key: bytes, now_ms: int) -> int:
        """Until when (Unix ms). Raises Conflict when too many are."""
        for name in [one for one, lent in self._lent.items() if lent.until_ms <= now_ms]:
            self.forget(name)
        self.forget(wallet)
        if len(self._lent) >= LENT_MAX:
            raise Conflict("request_key.many", "too many keys are lent now; ask again later")
        self._lent[wallet] = _Lent(Secret(bytearray(key)), now_ms + LENT_S * 1000)
        return now_ms + LENT_S * 1000

    def borrowed(self, wallet: str, now_ms: int) -> bytes | None:
        lent = self._lent.get(wallet)
        if lent is None or lent.until_ms <= now_ms:
            self.forget(wallet)
            return None
        with lent.key.opened() as raw:
            return bytes(raw)

    def forget(self, wallet: str) -> None:
        """Wiped."""
        lent = self._lent.pop(wallet, None)
        if lent is not None:
            lent.key.wipe()
