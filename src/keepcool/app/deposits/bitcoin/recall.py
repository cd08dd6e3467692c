"""Spendings that the books do not explain, and who may remember them: the signers, after a restore.

Law: a follower without a recall believes nobody but its own drafts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from keepcool.chains.bitcoin.scanning import Hit


class Recall(Protocol):
    async def explain(self, hits: Sequence[Hit]) -> bool:
        """Notes, before these are recorded, what is remembered of those that spend coins of ours. True when
        more scripts are watched now: look at the same bytes again."""

    def book(self, tx: Connection, scanned: int, at_ms: int) -> None:
        """Books what was remembered and lies deep enough. `scanned`: the last block read."""


class NoRecall:
    """Nobody remembers anything."""

    async def explain(self, hits: Sequence[Hit]) -> bool:  # noqa: ARG002
        return False

    def book(self, tx: Connection, scanned: int, at_ms: int) -> None: ...
