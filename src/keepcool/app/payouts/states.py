"""States as they are stored: canonical JSON, each value tagged with its state's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, assert_never, cast

from keepcool.core import canonical
from keepcool.core.canonical import Plain
from keepcool.core.effects import Slot
from keepcool.core.errors import Breach, KeepcoolError
from keepcool.core.ids import NetworkId
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
    Open,
    PartlySigned,
    Refused,
    Replaced,
    Requested,
    Signed,
    State,
    Uncertain,
    name_of,
)

Fields: TypeAlias = Mapping[str, Plain]


def encode(state: State) -> str:
    return canonical.encode(_plain(state)).decode("ascii")


def decode(text: str) -> State:
    """Raises Breach on a row that this program did not write."""
    try:
        return _state(canonical.decode(text.encode("ascii"), "state of a withdrawal"))
    except (KeyError, TypeError, ValueError, AttributeError, KeepcoolError) as error:
        raise Breach("withdrawal.row", "a withdrawal's stored state cannot be read") from error


def _plain(state: State) -> dict[str, Plain]:
    return {"state": name_of(state), **_fields(state)}


def _fields(state: State) -> dict[str, Plain]:  # noqa: PLR0911 - one line per state
    match state:
        case Requested() | Cancelled():
            return {}
        case Drafted() | Signed():
            return {"draft": _draft(state.draft)}
        case PartlySigned():
            return {"draft": _draft(state.draft), "by": state.by.value}
        case NeedsReview():
            signed = [one.value for one in state.signed]
            objections = [_objection(one) for one in state.objections]
            return {"draft": _draft(state.draft), "signed": signed, "objections": objections}
        case Broadcast():
            seen = None if state.seen is None else _inclusion(state.seen)
            return {"draft": _draft(state.draft), "seen": seen}
        case Confirmed():
            return {"draft": _draft(state.draft), "inclusion": _inclusion(state.inclusion)}
        case Refused():
            return {"objections": [_objection(one) for one in state.objections]}
        case Replaced():
            return {"by": _inclusion(state.by)}
        case Failed():
            return {"code": state.code, "text": state.text}
        case Uncertain():
            then = None if state.then is None else _plain(state.then)
            return {"draft": _draft(state.draft), "why": state.why, "then": then}
        case Frozen():
            return {"was": _plain(state.was), "reason": state.reason}
        case _ as never:
            assert_never(never)


def _draft(draft: Draft) -> dict[str, Plain]:
    slot = draft.slot
    return {
        "network": slot.network,
        "space": slot.space,
        "position": slot.position,
        "digest": draft.digest,
    }


def _objection(one: Objection) -> dict[str, Plain]:
    return {"by": one.by.value, "rule": one.rule, "outcome": one.outcome, "reason": one.reason}


def _inclusion(one: Inclusion) -> dict[str, Plain]:
    return {"transaction": one.transaction, "block": one.block, "block_hash": one.block_hash}


def _state(row: Fields) -> State:
    return _READERS[str(row["state"])](row)


def _read_draft(row: Plain) -> Draft:
    fields = cast(Fields, row)
    network, position = NetworkId(str(fields["network"])), int(str(fields["position"]))
    return Draft(Slot(network, str(fields["space"]), position), str(fields["digest"]))


def _read_objections(rows: Plain) -> tuple[Objection, ...]:
    return tuple(
        Objection(Service(str(one["by"])), str(one["rule"]), str(one["outcome"]), str(one["reason"]))
        for one in cast("list[Fields]", rows)
    )


def _read_inclusion(row: Plain) -> Inclusion:
    fields = cast(Fields, row)
    return Inclusion(str(fields["transaction"]), int(str(fields["block"])), str(fields["block_hash"]))


def _read_uncertain(row: Fields) -> Uncertain:
    then = None if row["then"] is None else _state(cast(Fields, row["then"]))
    if then is not None and not isinstance(then, Ending):
        raise TypeError("then")
    return Uncertain(_read_draft(row["draft"]), str(row["why"]), then)


def _read_frozen(row: Fields) -> Frozen:
    was = _state(cast(Fields, row["was"]))
    if isinstance(was, Frozen | Ended):
        raise TypeError("was")
    opened: Open = was
    return Frozen(opened, str(row["reason"]))


def _read_review(row: Fields) -> NeedsReview:
    signed = tuple(Service(str(one)) for one in cast("list[Plain]", row["signed"]))
    return NeedsReview(_read_draft(row["draft"]), signed, _read_objections(row["objections"]))


def _read_broadcast(row: Fields) -> Broadcast:
    seen = None if row["seen"] is None else _read_inclusion(row["seen"])
    return Broadcast(_read_draft(row["draft"]), seen)


_READERS: dict[str, Callable[[Fields], State]] = {
    "requested": lambda _: Requested(),
    "drafted": lambda row: Drafted(_read_draft(row["draft"])),
    "partly_signed": lambda row: PartlySigned(_read_draft(row["draft"]), Service(str(row["by"]))),
    "needs_review": _read_review,
    "signed": lambda row: Signed(_read_draft(row["draft"])),
    "broadcast": _read_broadcast,
    "confirmed": lambda row: Confirmed(_read_draft(row["draft"]), _read_inclusion(row["inclusion"])),
    "refused": lambda row: Refused(_read_objections(row["objections"])),
    "replaced": lambda row: Replaced(_read_inclusion(row["by"])),
    "failed": lambda row: Failed(str(row["code"]), str(row["text"])),
    "cancelled": lambda _: Cancelled(),
    "uncertain": _read_uncertain,
    "frozen": _read_frozen,
}
