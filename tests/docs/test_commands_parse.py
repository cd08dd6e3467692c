"""Every command that a page tells somebody to run is one the program has, with these options."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex

import pytest

from keepcool.cli.main import NOUNS
from tests.docs.pages import ROOT, blocks

PAGES = [str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md"))]
INDENTED = re.compile(r"^ +```sh\n(.*?)^ +```$", re.MULTILINE | re.DOTALL)


def told(page: str) -> list[str]:
    """The commands of a page's shell blocks, those in lists as well, continued lines joined."""
    text = (ROOT / page).read_text(encoding="utf-8")
    joined = "\n".join([*blocks(page, "sh"), *INDENTED.findall(text)]).replace("\\\n", " ")
    return [one for line in joined.splitlines() if (one := line.strip()).startswith("keepcool ")]


def words_of(command: str) -> list[str]:
    """Up to a pipe, a redirection or a comment."""
    words = shlex.split(command, comments=True)
    ends = [at for at, one in enumerate(words) if one in ("|", ">", "<", "&&", "2>&1")]
    return words[1 : ends[0]] if ends else words[1:]


def parsed(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="keepcool", allow_abbrev=False)
    nouns = parser.add_subparsers(dest="noun", required=True)
    importlib.import_module(f"keepcool.cli.{words[0]}").register(nouns)
    parser.parse_args(words)


@pytest.mark.parametrize("page", [page for page in PAGES if told(page)])
def test_the_program_has_what_a_page_tells(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nouns, verbs, options and their choices; values are the reader's."""
    wrong = []
    for command in told(page):
        words = words_of(command)
        try:
            assert words[0] in NOUNS
            parsed(words)
        except SystemExit:
            wrong.append(f"{command}: {capsys.readouterr().err.strip().splitlines()[-1]}")
    assert not wrong


def test_an_option_nobody_has_is_seen() -> None:
    """The check has teeth."""
    with pytest.raises(SystemExit):
        parsed(["keeper", "freeze", "--config", "k.toml", "--everything"])
