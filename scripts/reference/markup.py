"""Markdown tables, and pages of which a part is drawn."""

from __future__ import annotations

from collections.abc import Sequence

BEGIN, END = "<!-- drawn from the code by `make reference`: from here -->", "<!-- to here -->"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """GitHub's kind; bars inside cells are escaped, lines joined."""
    lines = [f"| {' | '.join(_cell(one) for one in cells)} |" for cells in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def plain(docstring: str | None) -> str:
    """A docstring as one paragraph."""
    return " ".join((docstring or "").split())


def replaced(page: str, drawn: str) -> str:
    """The page with what stands between the two marks drawn anew. Raises ValueError without the marks."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("the page has no part to be drawn")
    return f"{before}{BEGIN}\n\n{drawn.strip()}\n\n{END}{after}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
