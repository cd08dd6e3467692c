"""docs/reference/errors.md: every code that the product can raise, with its texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.reference.markup import code, plain, table
from scripts.reference.raising import Raised, raised

from keepcool.app.http import problems
from keepcool.core import errors

KINDS: Mapping[str, type[errors.KeepcoolError]] = {
    one.__name__: one
    for one in (errors.Refused, errors.Malformed, errors.Conflict, errors.Unavailable, errors.Breach)
}
# Made from what a library says of a request's fields (app/http/problems.py), not raised.
OF_REQUESTS = [
    Raised("request.missing_field", "Malformed", "{at}: Field required", "app"),
    Raised("request.unknown_field", "Malformed", "{at}: Extra inputs are not permitted", "app"),
    Raised("request.json", "Malformed", "{at}: JSON decode error", "app"),
    Raised("request.invalid", "Malformed", "{at}: {what is wrong with this field}", "app"),
]
_OPENING = """# Errors

An error has a **kind**, which says what the caller must do, a stable **code**, and a text that says what is
wrong and what to do. Over HTTP it is a problem document (RFC 9457) with `code`, `kind` and `detail`; on the
bus kind, code and text; in a terminal one line on stderr, `keepcool: TEXT [CODE]`, and exit status 2. In
texts below, what stands in braces is filled in. A breach is told over HTTP by its code alone: its text is in
the log.

"""
_AREAS = (
    "Codes are sorted by area. *Status* is that of a problem document; *raised by* names the rooms of "
    "[ARCHITECTURE.md](../../ARCHITECTURE.md): what `core`, `chains`, `wire`, `policy`, `cosigner` and "
    "`adapters` raise reaches people through the service or the command that uses them."
)


@dataclass
class Told:
    """One code of one kind: its texts and the rooms that raise it."""

    code: str
    kind: str
    texts: list[str] = field(default_factory=list)
    rooms: set[str] = field(default_factory=set)

    @property
    def status(self) -> int:
        return int(problems.status_of(KINDS[self.kind](self.code, "")))


def collected() -> list[Told]:
    """By code and kind, in order; each text once."""
    found: dict[tuple[str, str], Told] = {}
    for one in (*OF_REQUESTS, *raised()):
        told = found.setdefault((one.code, one.kind), Told(one.code, one.kind))
        told.rooms.add(one.room)
        if one.text and one.text not in told.texts:
            told.texts.append(one.text)
    return [found[key] for key in sorted(found)]


def page() -> str:
    kinds = [[f"`{kind.kind}`", plain(kind.__doc__), str(_usual(kind))] for kind in KINDS.values()]
    parts = [_OPENING + table(("kind", "what to do", "usual status"), kinds), _AREAS]
    areas: dict[str, list[Told]] = {}
    for one in collected():
        areas.setdefault(one.code.partition(".")[0], []).append(one)
    for area, members in areas.items():
        rows = [
            (code(one.code), one.kind.lower(), str(one.status), "<br>".join(map(_escaped, one.texts)),
             ", ".join(sorted(one.rooms)))
            for one in members
        ]  # fmt: skip
        parts.append(f"## {area}\n\n" + table(("code", "kind", "status", "says", "raised by"), rows))
    return "\n\n".join(parts) + "\n"


def _usual(kind: type[errors.KeepcoolError]) -> int:
    return int(problems.status_of(kind("any.code", "")))


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
