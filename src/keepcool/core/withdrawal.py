"""The life of a withdrawal, as a pure state machine.

The legal pairs stand in `LEGAL`, from which docs/explain/withdrawal-states.md is drawn; any other pair
raises Conflict and nothing happens. Coins are released only where no payment can follow: before a second
signature exists, or after the slot was burnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from keepcool.core.errors import Conflict
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import (
    Broadcast,
    Cancelled,
    Confirmed,
    Draft,
    Drafted,
    Ended,
    Ending,
    Failed,
    Frozen,
    Inclusion,
    NeedsReview,
    Objection,
    PartlySigned,
    Refused,
    Replaced,
    Requested,
    Signed,
    State,
    Uncertain,
    draft_of,
    name_of,
    signed_by,
)

SIGNATURES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class DraftMade:
    """Of what waits for people, and nobody has signed: the same intent at another place."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Undrafted:
    """Its draft, shared with others, is given up before both have signed: it is drafted anew."""


@dataclass(frozen=True, slots=True)
class SignatureMade:
    """A verified signature over the draft's digest is stored."""

    by: Service


@dataclass(frozen=True, slots=True)
class Objected:
    """Every signer has answered, at least one of them not with a signature."""

    objections: tuple[Objection, ...]
    review: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """The network has taken it."""


@dataclass(frozen=True, slots=True)
class SendUnclear:
    """It was handed out and no answer came."""

    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    inclusion: Inclusion


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The block it was seen in is no longer part of the chain."""


@dataclass(frozen=True, slots=True)
class Finalized:
    """The block it was seen in cannot be orphaned any more."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """It shall not be paid: cancelled, expired, or it would fail."""

    then: Ending
    why: str


@dataclass(frozen=True, slots=True)
class SlotUsed:
    """Another transaction has consumed the slot, finally."""

    by: Inclusion


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another transaction has spent the coins of its draft, finally, although nobody wanted it to end: it is
    drafted anew."""

    by: Inclusion


@dataclass(frozen=True, slots=True)
class Paid:
    """A transaction of ours has paid it, finally, whichever of its drafts that was."""

    draft: Draft
    inclusion: Inclusion


@dataclass(frozen=True, slots=True)
class Undone:
    """What had paid it finally has left the chain, and another transaction of ours has spent its coins."""

    by: Inclusion


@dataclass(frozen=True, slots=True)
class Froze:
    reason: str


@dataclass(frozen=True, slots=True)
class Thawed:
    pass


Event: TypeAlias = (
    DraftMade
    | Undrafted
    | SignatureMade
    | Objected
    | Sent
    | SendUnclear
    | Seen
    | Orphaned
    | Finalized
    | Abandoned
    | SlotUsed
    | Overtaken
    | Paid
    | Undone
    | Froze
    | Thawed
)


class Effect(StrEnum):
    """What the ledger and the service owe after a step. RELEASE: the hold goes back to the owner. SETTLE:
    the held coins have left. BURN: consume the slot by a void, so that this can never confirm. RETURN: the
    coins that had left never did."""

    RELEASE = "release"
    SETTLE = "settle"
    BURN = "burn"
    RETURN = "return"


_ENDINGS: tuple[type[State], ...] = (Refused, Failed, Cancelled)
_OPEN: tuple[type[State], ...] = (Requested, Drafted, PartlySigned, NeedsReview, Signed, Broadcast, Uncertain)

LEGAL: Mapping[tuple[type[State], type[Event]], tuple[type[State], ...]] = {
    (Requested, DraftMade): (Drafted,),
    (Requested, Abandoned): _ENDINGS,
    (Drafted, SignatureMade): (PartlySigned,),
    (Drafted, Undrafted): (Requested,),
    (Drafted, Objected): (NeedsReview, Refused),
    (Drafted, Abandoned): _ENDINGS,
    (Drafted, SlotUsed): (Replaced,),
    (PartlySigned, SignatureMade): (PartlySigned, Signed),
    (PartlySigned, Undrafted): (Requested,),
    (PartlySigned, Objected): (NeedsReview, Refused),
    (PartlySigned, Abandoned): (Uncertain,),
    (PartlySigned, SlotUsed): (Replaced,),
    (NeedsReview, DraftMade): (NeedsReview,),
    (NeedsReview, SignatureMade): (NeedsReview, PartlySigned, Signed),
    (NeedsReview, Undrafted): (Requested,),
    (NeedsReview, Objected): (NeedsReview, Refused),
    (NeedsReview, Abandoned): (*_ENDINGS, Uncertain),
    (NeedsReview, SlotUsed): (Replaced,),
    (Signed, Sent): (Broadcast,),
    (Signed, SendUnclear): (Uncertain,),
    (Signed, Seen): (Broadcast,),
    (Signed, Abandoned): (Uncertain,),
    (Signed, SlotUsed): (Replaced,),
    (Broadcast, Seen): (Broadcast,),
    (Broadcast, Orphaned): (Broadcast,),
    (Broadcast, Finalized): (Confirmed,),
    (Broadcast, Abandoned): (Uncertain,),
    (Broadcast, SlotUsed): (Replaced,),
    (Uncertain, Sent): (Broadcast,),
    (Uncertain, Seen): (Broadcast,),
    (Uncertain, Abandoned): (Uncertain,),
    (Uncertain, SlotUsed): (Replaced, *_ENDINGS),
    **{(state, Overtaken): (Requested,) for state in _OPEN if state is not Requested},
    **{(state, Paid): (Confirmed,) for state in (*_OPEN, Frozen, Confirmed)},
    (Confirmed, Undone): (Replaced,),
    **{(state, Froze): (Frozen,) for state in _OPEN},
    (Frozen, Thawed): _OPEN,
    (Frozen, Abandoned): (*_ENDINGS, Uncertain),
}


def advance(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """The next state and what is owed then. Raises Conflict `withdrawal.transition` on an illegal pair."""
    allowed = LEGAL.get((type(state), type(event)), ())
    after, effects = _after(state, event) if allowed else (state, ())
    if type(after) not in allowed:
        text = f"a withdrawal that is {name_of(state)} cannot take {type(event).__name__}"
        raise Conflict("withdrawal.transition", text, state=name_of(state))
    return after, effects


def _after(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:  # noqa: PLR0911, PLR0912
    match event:
        case DraftMade():
            return _with_draft(state, event.draft), ()
        case Undrafted():
            return Requested(), ()
        case SignatureMade():
            return _with_signature(state, event.by), ()
        case Objected():
            return _objected(state, event)
        case Sent():
            # what shall be burnt is not wanted on chain, whoever says it was sent
            wanted = not (isinstance(state, Uncertain) and state.then is not None)
            return (Broadcast(_drafted(state)) if wanted else state), ()
        case SendUnclear():
            return Uncertain(_drafted(state), event.why), ()
        case Seen():
            return Broadcast(_drafted(state), event.inclusion), ()
        case Orphaned():
            return Broadcast(_drafted(state)), ()
        case Finalized():
            return _confirmed(state)
        case Abandoned():
            return _abandoned(state, event)
        case SlotUsed():
            then = state.then if isinstance(state, Uncertain) else None
            return then or Replaced(event.by), (Effect.RELEASE,)
        case Overtaken():
            return Requested(), ()
        case Paid():
            owed = () if isinstance(state, Confirmed) else (Effect.SETTLE,)
            return Confirmed(event.draft, event.inclusion), owed
        case Undone():
            return Replaced(event.by), (Effect.RETURN,)
        case Froze():
            return (state if isinstance(state, Frozen | Ended) else Frozen(state, event.reason)), ()
        case Thawed():
            return (state.was if isinstance(state, Frozen) else state), ()
        case _ as never:
            assert_never(never)


def _with_draft(state: State, draft: Draft) -> State:
    if not isinstance(state, NeedsReview):
        return Drafted(draft)
    if state.signed:
        text = "a signer has signed the draft of this withdrawal: it takes no other"
        raise Conflict("withdrawal.transition", text, state=name_of(state))
    return replace(state, draft=draft)


def _drafted(state: State) -> Draft:
    draft = draft_of(state)
    if draft is None:
        raise Conflict("withdrawal.transition", f"a withdrawal that is {name_of(state)} has no draft")
    return draft


def _with_signature(state: State, by: Service) -> State:
    draft, before = _drafted(state), signed_by(state)
    signed = before if by in before else (*before, by)
    if len(signed) >= SIGNATURES_NEEDED:
        return Signed(draft)
    if by in before:
        return state if isinstance(state, NeedsReview) else PartlySigned(draft, by)
    waiting = state.objections if isinstance(state, NeedsReview) else ()
    left = tuple(objection for objection in waiting if objection.by is not by)
    return NeedsReview(draft, signed, left) if left else PartlySigned(draft, by)


def _objected(state: State, event: Objected) -> tuple[State, tuple[Effect, ...]]:
    if event.review:
        return NeedsReview(_drafted(state), signed_by(state), event.objections), ()
    # one signature alone moves nothing, and the wallet's next draft takes the same slot
    return Refused(event.objections), (Effect.RELEASE,)


def _confirmed(state: State) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(state, Broadcast) and state.seen is not None:
        return Confirmed(state.draft, state.seen), (Effect.SETTLE,)
    return state, ()


def _abandoned(state: State, event: Abandoned) -> tuple[State, tuple[Effect, ...]]:
    if not signed_by(state):
        return event.then, (Effect.RELEASE,)
    return Uncertain(_drafted(state), event.why, event.then), (Effect.BURN,)
