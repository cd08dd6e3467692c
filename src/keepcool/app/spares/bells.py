"""How those who want wallets and those who make them wake each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


class Ring:
    """Several bells, rung together."""

    def __init__(self) -> None:
        self._bells: list[asyncio.Event] = []

    def bell(self) -> asyncio.Event:
        self._bells.append(asyncio.Event())
        return self._bells[-1]

    def ring(self) -> None:
        for bell in self._bells:
            bell.set()


@dataclass(frozen=True, slots=True)
class Bells:
    """`wanted` is rung when somebody waits for a wallet, `made` when one stands."""

    wanted: asyncio.Event
    made: asyncio.Event
