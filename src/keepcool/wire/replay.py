"""Ids of messages already heard, while they could still be heard again.

Bounded per sender, so that one taken-over sender cannot crowd out the others. This memory dies with
the process: whoever acts on a message also stores its id in the transaction of the act.
"""

from __future__ import annotations

from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.parties import Service

IDS_MAX = 100_000
REPLAYED = "wire.replayed"


def replayed() -> Malformed:
    """What a receiver raises for an id it has stored before; the exchange answers it with silence."""
    return Malformed(REPLAYED, "envelope: this message was heard before; ask in a new envelope")


class Replays:
    """Remembers each id until it has expired for every clock we accept."""

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self._ids_max = ids_max
        self._latest_ms = 0
        self._heard: dict[Service, dict[str, int]] = {}

    def hear(self, sender: Service, message_id: str, keep_until_ms: int, now_ms: int) -> None:
        """Raises Malformed when heard before, Unavailable when this sender's memory is full."""
        # a clock set back must not bring forgotten ids to life again
        self._latest_ms = max(self._latest_ms, now_ms)
        heard = self._heard.setdefault(sender, {})
        if message_id in heard or keep_until_ms < self._latest_ms:
            raise replayed()
        self._forget(heard)
        if len(heard) >= self._ids_max:
            raise Unavailable("wire.crowded", "too many messages at once; slow down and ask again")
        heard[message_id] = keep_until_ms

    def _forget(self, heard: dict[str, int]) -> None:
        while heard:
            oldest = next(iter(heard))
            if heard[oldest] >= self._latest_ms:
                return
            del heard[oldest]
