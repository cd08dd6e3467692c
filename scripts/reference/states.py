"""docs/reference/states.md: every state that something of ours can be in, from the code's own lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from scripts.reference.markup import code, plain, table

from keepcool.app.books import registry
from keepcool.app.deposits import records
from keepcool.app.events import kinds
from keepcool.app.keys import Scope
from keepcool.app.payouts import purses
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.rebuilding import payments
from keepcool.app.spares import rows as spares
from keepcool.core import withdrawal_diagram

MACHINES: Sequence[tuple[str, str, type[StrEnum]]] = (
    ("Deposit", "What was seen on a chain, from its first sight to the owner's balance.", records.State),
    ("How a deposit was seen", "The field `kind` of a deposit.", records.Kind),
    ("Wallet", "From the request to the record that both signers attested.", registry.Stage),
    ("Wallet made ahead", "On Minter, where a wallet is made by a transaction.", spares.Stage),
    ("Creator's transaction", "On Minter: what makes wallets and hands fee money around.", spares.Sent),
    ("Purse transaction", "On EVM chains: what pays the network fee of a withdrawal.", purses.Stage),
    ("Bitcoin batch", "One transaction (with its ladder of fees) of one or more withdrawals.", batches.Stage),
    ("What a batch is for", "All but `pay` pay nobody and return change.", batches.Purpose),
    (
        "Payment recalled",
        "In books that are rebuilt: a payment that a journal knows.",
        payments.Stage,
    ),
    ("Scope of an API key", "What the bearer may do.", Scope),
)
_OPENING = """# States

Drawn from the code. Every list is complete: a state that does not stand here does not exist.

## Withdrawal

The legal steps stand in one table, `LEGAL` in `src/keepcool/core/withdrawal.py`; any other raises
`withdrawal.transition` and nothing happens. Step by step:
[the states of a withdrawal](../explain/withdrawal-states.md).

"""


def page() -> str:
    drawn = withdrawal_diagram.page()
    diagram = drawn[drawn.index("```mermaid") : drawn.index("## Every legal step")].strip()
    parts = [_OPENING + diagram, *(_machine(*one) for one in MACHINES), _events()]
    return "\n\n".join(parts) + "\n"


def _machine(name: str, about: str, states: type[StrEnum]) -> str:
    told = dict(meanings(states))
    rows = [(code(one.value), told.get(one.name, "")) for one in states]
    return "\n\n".join(filter(None, (f"## {name}", about, table(("state", "meaning"), rows))))


def meanings(states: type[StrEnum]) -> Iterator[tuple[str, str]]:
    """A class says of its members: `NAME: what it means.`"""
    names = "|".join(one.name for one in states)
    said = re.findall(rf"\b({names}): (.*?)(?=\. (?:{names}): |\. All but |$)", plain(states.__doc__))
    for name, text in said:
        yield name, text.strip(" .;,")


def _events() -> str:
    """By subject."""
    subjects: dict[str, list[str]] = {}
    for one in sorted(kinds.TYPES):
        subjects.setdefault(one.partition(".")[0], []).append(one)
    rows = [(subject, ", ".join(map(code, types))) for subject, types in subjects.items()]
    notes = ", ".join(map(code, sorted(kinds.NOTES)))
    return (
        "## Events\n\nTypes of events; their meaning stands in [events](../operate/events.md). Notes for "
        f"operators begin with one of {notes}.\n\n" + table(("about", "types"), rows)
    )
