"""Where a page names a test as proof, that test is there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT

PAGES = ("docs/explain/threat-model.md", "docs/explain/trust-model.md", "SECURITY.md")
_LINK = re.compile(r"\[(\w+)\]\(([^)#\s]*tests/[^)#\s]+\.py)\)")


def proofs(page: str) -> list[tuple[str, str]]:
    """Names and files, as the page links them."""
    return _LINK.findall((ROOT / page).read_text(encoding="utf-8"))


def broken(page: str) -> list[str]:
    """Links whose file is missing, or holds no such test."""
    found = []
    for name, target in proofs(page):
        file = (ROOT / page).parent / target
        named = re.compile(rf"^\s*(def|class) {name}\b", re.MULTILINE)
        if not file.exists() or not named.search(file.read_text(encoding="utf-8")):
            found.append(f"{page}: {name} in {target}")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_is_there(page: str) -> None:
    """A proof that was renamed or deleted is no proof."""
    assert not broken(page)


def test_every_attacker_has_his_proof() -> None:
    """Each numbered section of the threat model names a test, but the one that says there can be none."""
    text = (ROOT / "docs/explain/threat-model.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (?=\d)", text, flags=re.MULTILINE)[1:]
    without = [one.partition("\n")[0] for one in sections if not _LINK.search(one)]
    assert without == ["6. Both signers fall"]
