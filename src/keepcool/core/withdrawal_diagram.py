"""docs/explain/withdrawal-states.md, drawn from the table of legal steps. A test keeps the page fresh."""

from __future__ import annotations

from keepcool.core import withdrawal_states as states
from keepcool.core.withdrawal import LEGAL, Event
from keepcool.core.withdrawal_states import State

_OPENING = """# The states of a withdrawal

Drawn from `LEGAL` in `src/keepcool/core/withdrawal.py`; anything else raises `withdrawal.transition` and
nothing happens. `python -m keepcool.core.withdrawal_diagram` draws it again.

"""
_SHOWN_APART = ("Froze", "Thawed", "Paid", "Overtaken")
_MEANINGS: dict[type[State], str] = {
    states.Requested: "the amount is held in the ledger, nothing is drafted",
    states.Drafted: "intent and draft are stored, nobody has signed",
    states.PartlySigned: "one signature is stored",
    states.NeedsReview: "a signer wants more evidence; the same intent is asked for again",
    states.Signed: "both signatures are stored, nothing was sent",
    states.Broadcast: "handed to the network; may be in a block that can still vanish",
    states.Confirmed: "final on chain, settled in the ledger",
    states.Uncertain: "it may confirm against what we know or want: sent again byte for byte, or its slot "
    "is burnt first; never paid from other coins",
    states.Frozen: "stopped where it was until a person has looked",
    states.Refused: "a signer said no; the hold is released, one signature alone moves nothing",
    states.Replaced: "another transaction has used its slot, finally; the hold is released, "
    "or what was booked as paid is the owner's again",
    states.Failed: "it would have failed or was not signed in time; the hold is released",
    states.Cancelled: "by the one who asked; the hold is released",
}


def page() -> str:
    """The whole page, Markdown with a Mermaid diagram and two tables."""
    rows = [f"| `{states.name_of(state)}` | {meaning} |" for state, meaning in _MEANINGS.items()]
    table = "| state | meaning |\n|---|---|\n" + "\n".join(rows)
    steps = [f"| `{_name(state)}` | {event.__name__} | {_names(to)} |" for (state, event), to in _sorted()]
    legal = "| from | event | to |\n|---|---|---|\n" + "\n".join(steps)
    apart = (
        "Left out above: `Froze` and `Thawed` lead from every open state to `frozen` and back; `Paid` from\n"
        "every open one to `confirmed`, when a draft that was given up is final after all; `Overtaken` from\n"
        "every drafted one to `requested`, when the coins of its draft were spent otherwise."
    )
    return f"{_OPENING}```mermaid\n{diagram()}\n```\n\n{apart}\n\n{table}\n\n## Every legal step\n\n{legal}\n"


def diagram() -> str:
    """Mermaid: one arrow per pair of states, with the events that lead along it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), targets in _sorted():
        if event.__name__ not in _SHOWN_APART and state is not states.Frozen:
            for to in targets:
                arrows.setdefault((_name(state), _name(to)), []).append(event.__name__)
    drawn = [f"    {a} --> {b}: {', '.join(events)}" for (a, b), events in arrows.items()]
    ends = [
        f"    {_name(state)} --> [*]" for state in _MEANINGS if all(pair[0] is not state for pair in LEGAL)
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> requested", *drawn, *ends])


def _sorted() -> list[tuple[tuple[type[State], type[Event]], tuple[type[State], ...]]]:
    order = list(_MEANINGS)
    return sorted(LEGAL.items(), key=lambda item: (order.index(item[0][0]), item[0][1].__name__))


def _name(state: type[State]) -> str:
    return states.name_of(state)


def _names(targets: tuple[type[State], ...]) -> str:
    return ", ".join(f"`{_name(state)}`" for state in targets)


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
