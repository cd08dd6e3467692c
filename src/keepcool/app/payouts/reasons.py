"""Why a withdrawal is as it is, in words, and whose rules said so."""

from __future__ import annotations

from typing import assert_never

from keepcool.core import withdrawal_states as lives
from keepcool.core.withdrawal_states import Objection, State


def reason(state: State) -> str:
    """Why it waits, was refused or failed; else empty."""
    match state:
        case lives.Failed():
            return f"{state.code}: {state.text}"
        case lives.Uncertain():
            return state.why
        case lives.Frozen():
            return state.reason
        case lives.Refused() | lives.NeedsReview():
            return "; ".join(f"{one.by.value}: {one.reason}" for one in state.objections)
        case lives.Replaced():
            return f"another transaction used its nonce or coins: {state.by.transaction}"
        case (
            lives.Requested()
            | lives.Drafted()
            | lives.PartlySigned()
            | lives.Signed()
            | lives.Broadcast()
            | lives.Confirmed()
            | lives.Cancelled()
        ):
            return ""
        case _ as never:
            assert_never(never)


def objections(state: State) -> tuple[Objection, ...]:
    return state.objections if isinstance(state, lives.Refused | lives.NeedsReview) else ()
