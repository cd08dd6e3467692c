"""The states of a withdrawal: each a frozen value holding only what is valid there.

Which follows which stands in `core.withdrawal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from keepcool.core.effects import Slot
from keepcool.core.parties import Service


@dataclass(frozen=True, slots=True)
class Draft:
    """The one transaction of this withdrawal: the slot it consumes and the digest signed (hex)."""

    slot: Slot
    digest: str


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule of one signer that did not say yes."""

    by: Service
    rule: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a transaction stands in the chain."""

    transaction: str
    block: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class Requested:
    """The amount is held in the ledger; nothing is drafted."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """Intent and draft are fixed; nobody has signed."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class PartlySigned:
    draft: Draft
    by: Service


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """Waits, for as long as its intent lives, for evidence that satisfies every objection."""

    draft: Draft
    signed: tuple[Service, ...]
    objections: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """Both signatures are stored; nothing that spends was handed to the network."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Handed to the network. `seen`: the block it is in now, which may still be orphaned."""

    draft: Draft
    seen: Inclusion | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Final on chain, settled in the ledger."""

    draft: Draft
    inclusion: Inclusion


@dataclass(frozen=True, slots=True)
class Refused:
    objections: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another transaction has used its slot, finally: it can never confirm."""

    by: Inclusion


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """By the one who asked."""


Ending: TypeAlias = Refused | Failed | Cancelled


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It may confirm, against what we know or want. Without `then` it is sent again byte for byte; with
    it, the slot is burnt first, and only then it ends as `then` says. Never paid from other coins."""

    draft: Draft
    why: str
    then: Ending | None = None


Open: TypeAlias = Requested | Drafted | PartlySigned | NeedsReview | Signed | Broadcast | Uncertain


@dataclass(frozen=True, slots=True)
class Frozen:
    """Stopped where it was, until a person has looked."""

    was: Open
    reason: str


Ended: TypeAlias = Confirmed | Refused | Replaced | Failed | Cancelled
State: TypeAlias = Open | Frozen | Ended


def name_of(state: State | type[State]) -> str:
    """As it is stored and shown: needs_review."""
    kind = state if isinstance(state, type) else type(state)
    return "".join("_" + c.lower() if c.isupper() else c for c in kind.__name__).lstrip("_")


def is_open(state: State) -> bool:
    """Whether anything is still to be done or waited for."""
    return isinstance(state, Open | Frozen)


def draft_of(state: State) -> Draft | None:
    match state:
        case Requested() | Refused() | Replaced() | Failed() | Cancelled():
            return None
        case Drafted() | PartlySigned() | NeedsReview() | Signed() | Broadcast() | Confirmed() | Uncertain():
            return state.draft
        case Frozen():
            return draft_of(state.was)
        case _ as never:
            assert_never(never)


def signed_by(state: State) -> tuple[Service, ...]:
    """Whose signatures may exist outside the signers."""
    match state:
        case Requested() | Drafted() | Refused() | Replaced() | Failed() | Cancelled():
            return ()
        case PartlySigned():
            return (state.by,)
        case NeedsReview():
            return state.signed
        case Signed() | Broadcast() | Confirmed() | Uncertain():
            return (Service.KEEPER, Service.COOLER)
        case Frozen():
            return signed_by(state.was)
        case _ as never:
            assert_never(never)
