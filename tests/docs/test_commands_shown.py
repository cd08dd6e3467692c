"""What the documents show of commands that need no server is what those commands print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks

BIN = Path(sys.executable).parent
PAGES = [str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]
SHOWN = [(page, block) for page in PAGES for block in blocks(page, "console")]


@pytest.mark.parametrize(("page", "block"), SHOWN, ids=[f"{page}-{n}" for n, (page, _) in enumerate(SHOWN)])
def test_a_session_shown_is_a_session_run(page: str, block: str) -> None:
    """Each `$ command` of a console block prints exactly what stands below it."""
    for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = session.partition("\n")
        words = shlex.split(command)
        run = subprocess.run(
            [str(BIN / words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stdout.strip()) == (0, shown.strip()), f"{page}: {command}"


def test_the_pages_link_to_what_is_there() -> None:
    """No page links to a file that does not exist."""
    broken = [
        f"{page}: {target}"
        for page in [*PAGES, "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md"]
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        if not ((ROOT / page).parent / target).exists()
    ]
    assert not broken
