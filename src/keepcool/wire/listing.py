"""What a restored App asks signers: the wallets there are, and what was signed that a chain now shows.

Laws: as in `messages`; nobody acts on an answer before it has verified it under pinned keys.
"""

from __future__ import annotations

from keepcool.wire.messages import Head, Message

FIND_MAX = 20  # an intent may be long


class ListWallets(Message, frozen=True):
    """App to a signer, `wallets.list.v1`: its registry, a page at a time, in the order of the wallets' names
    beyond `after`."""

    after: str = ""


class Listed(Message, frozen=True):
    """A wallet's newest record as this signer keeps it. `issued`: the highest receiving index it has attested
    beyond the record's own address, -1 when there is none. `addresses.attest.v1` states those again."""

    record: bytes
    attestations: dict[str, bytes]
    issued: int


class WalletsListed(Message, frozen=True):
    """`more`: the next page begins beyond the last of these."""

    items: list[Listed]
    more: bool
    head: Head


class SignedDraft(Message, frozen=True):
    """A draft by its first slot and the first digest its keys sign."""

    network: str
    space: str
    position: int
    digest: bytes


class FindSigned(Message, frozen=True):
    """App to a signer, `signed.find.v1`: which of these, seen on a chain, has it remembered to sign?"""

    items: list[SignedDraft]


class FoundSigned(Message, frozen=True):
    """`intent`: canonical bytes, empty where this signer remembers no such draft."""

    intent: bytes
    at_s: int
    sequence: int


class SignedAnswer(Message, frozen=True):
    items: list[FoundSigned]
    head: Head
