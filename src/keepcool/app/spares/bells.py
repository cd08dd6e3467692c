"""How those who want wallets and those who make them wake each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bells:
    """`wanted` is rung when somebody waits for a wallet, `made` when one stands."""

    wanted: asyncio.Event
    made: asyncio.Event
