"""What Apps on one database tell each other: that there is something new of a kind, never what."""

from __future__ import annotations

from collections.abc import Callable

PAYOUTS, WEBHOOKS, WALLETS, POOLS, NEWS = "payouts", "webhooks", "wallets", "pools", "news"


class Topics:
    """Who acts on which topic: whoever said so last. `hear("")`: some may have been missed, so all act."""

    def __init__(self) -> None:
        self._acts: dict[str, Callable[[], None]] = {}

    def on(self, topic: str, act: Callable[[], None]) -> None:
        self._acts[topic] = act

    def hear(self, topic: str) -> None:
        for name, act in self._acts.items():
            if topic in ("", name):
                act()
