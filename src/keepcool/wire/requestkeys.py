"""Keys that come with a request: what opens hot keys that are sealed with one of their own, or makes them so.

Law: they stand in no text of a message, in no log and in no error.
"""

from __future__ import annotations

import msgspec


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys that come with a request, by wallet, 32 bytes each. They are in no text of it."""

    by_wallet: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Keys(of {len(self.by_wallet)})"


NO_KEYS = Keys()
