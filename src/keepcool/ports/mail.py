"""E-mail to a configured list of people, and a mark that survives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Mailer(Protocol):
    async def send(self, subject: str, text: str) -> None:
        """One message to everybody on the list, within a bound. Raises Unavailable when no server took it,
        Refused when one will not."""


class Marks(Protocol):
    """Small numbers by name, kept together."""

    def read(self) -> dict[str, int]:
        """Empty when nothing was kept yet."""

    def write(self, marks: Mapping[str, int]) -> None:
        """On disk when this returns."""
