"""The page about messages names every request there is, with those who may send it and those who answer."""

from __future__ import annotations

from scripts.reference.markup import BEGIN

from keepcool.local.permissions import SERVED
from keepcool.wire.requests import REQUESTS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8").partition(BEGIN)[0]


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """By request: its senders and who answers it."""
    cells = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {one[0].strip("`"): (set(one[1].split(", ")), set(one[2].split(", "))) for one in cells}


def test_every_request_stands_there_as_it_is_spoken() -> None:
    """No request more or fewer; its senders and who serves it are those of the program."""
    answering = {typ: {one.value for one, types in SERVED.items() if typ in types} for typ in REQUESTS}
    spoken = {typ: (set(kind.senders), answering[typ]) for typ, kind in REQUESTS.items()}
    assert rows() == spoken
