"""Messages by which a hot key that opens with a key of its own gets another one."""

from __future__ import annotations

from keepcool.wire.messages import Failure, Head, Message


class ResealItem(Message, frozen=True):
    """`before` opens the wallet's hot key now, `after` from now on (32 bytes each)."""

    wallet: str
    before: bytes
    after: bytes

    def __repr__(self) -> str:
        return f"ResealItem(wallet={self.wallet!r})"


class ResealWallets(Message, frozen=True):
    """App to Keeper, `wallets.reseal.v1`: another key for hot keys that open with one of their own."""

    items: list[ResealItem]


class Resealed(Message, frozen=True, tag="resealed"):
    wallet: str


class ResealAnswer(Message, frozen=True):
    items: list[Resealed | Failure]
    head: Head
