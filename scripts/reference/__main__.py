"""Writes docs/reference anew. `--check` writes nothing, names what is stale, and ends with status 1."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from scripts.reference import api, commands, configuration, errors, messages, metrics, states
from scripts.reference.markup import replaced
from scripts.reference.source import ROOT

from keepcool.chains.bitcoin import network_reference
from keepcool.core import withdrawal_diagram

DOCS = ROOT / "docs"
WHOLE: Mapping[str, Callable[[], str]] = {
    "reference/api.md": api.page,
    "reference/openapi.json": api.openapi,
    "reference/bitcoin-networks.md": network_reference.page,
    "reference/commands.md": commands.page,
    "reference/configuration.md": configuration.page,
    "reference/errors.md": errors.page,
    "reference/metrics.md": metrics.page,
    "reference/states.md": states.page,
    "explain/withdrawal-states.md": withdrawal_diagram.page,
}
PARTS: Mapping[str, Callable[[], str]] = {"reference/messages.md": messages.drawn}


def drawn() -> dict[str, str]:
    """Every page as it would be written now."""
    pages = {name: page() for name, page in WHOLE.items()}
    for name, part in PARTS.items():
        pages[name] = replaced((DOCS / name).read_text(encoding="utf-8"), part())
    return pages


def stale(pages: Mapping[str, str]) -> list[str]:
    """Pages that differ from what is written, or are missing."""
    return [name for name, page in pages.items() if _written(name) != page]


def main(words: list[str]) -> int:
    pages = drawn()
    old = stale(pages)
    print("\n".join(f"docs/{name}" for name in old) or "docs/reference is fresh")
    if words == ["--check"]:
        return 1 if old else 0
    for name in old:
        (DOCS / name).write_text(pages[name], encoding="utf-8")
    return 0


def _written(name: str) -> str:
    file = DOCS / name
    return file.read_text(encoding="utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
