"""A reader on docs/operate finds every page, and for every alert what it means and what to do."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT
from tests.fixtures.monitoring import ALERTS

OPERATE = ROOT / "docs/operate"
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:\s]*)#([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in HEADING.findall(plain)}


def test_the_index_names_every_page() -> None:
    """No page of operation is there that its index does not name."""
    index = (OPERATE / "README.md").read_text(encoding="utf-8")
    assert [
        one.name for one in OPERATE.glob("*.md") if f"({one.name}" not in index and one.name != "README.md"
    ] == []


def test_every_alert_says_what_to_do() -> None:
    """Each alert has its own section, of its severity, with what to do; none is left over."""
    rules = re.findall(r"alert: (\w+)\n.*?severity: (\w+)", ALERTS.read_text(encoding="utf-8"), re.DOTALL)
    page = (OPERATE / "alerts.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (Keepcool\w+)\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert len(rules) >= 18
    assert list(sections) == [name for name, _ in rules]
    for name, severity in rules:
        assert sections[name].startswith(f"`{severity}`"), name
        assert "\n- Do: " in sections[name] or "| what to do |" in sections[name], name


def test_links_into_pages_meet_a_heading() -> None:
    """A link with an anchor leads to a heading that is there."""
    broken = []
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
            led = page if not target else page.parent / target
            if led.suffix == ".md" and anchor not in anchors(led.read_text(encoding="utf-8")):
                broken.append(f"{page.relative_to(ROOT)}: {target}#{anchor}")
    assert not broken
