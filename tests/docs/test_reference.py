"""docs/reference is what `make reference` draws today, and leaves nothing unexplained."""

from __future__ import annotations

import ast
import importlib
import re
from enum import StrEnum
from pathlib import Path

import pytest
from scripts.reference import __main__ as reference
from scripts.reference import api, configuration, errors, markup, metrics, states
from scripts.reference.raising import raised

import keepcool
from keepcool.policy import schema
from keepcool.policy.rules import ALL
from keepcool.ports.settings import Settings
from tests.docs.pages import ROOT

POLICY = (ROOT / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
# Bodies of `policy try`, not of a service's file; the policy itself has its own page.
_ELSEWHERE = ("keepcool.policy.trial", "keepcool.policy.schema")


@pytest.mark.slow
def test_the_pages_are_fresh() -> None:
    """What stands in docs/reference is drawn from this code: `make reference` writes it."""
    assert not reference.stale(reference.drawn())


def test_a_page_that_was_edited_is_seen() -> None:
    """The check has teeth."""
    assert reference.stale({"reference/metrics.md": metrics.page() + "\n"}) == ["reference/metrics.md"]


def test_every_key_of_every_file_is_explained() -> None:
    """Whatever may stand in a service's file has a meaning, written where the key is."""
    for module, name in configuration.FILES.values():
        settings = getattr(importlib.import_module(module), name)
        for where, table in configuration.tables(settings):
            unexplained = [one for one in table.__struct_fields__ if not configuration.meaning(table, one)]
            assert not unexplained, f"{where}: {table.__module__}.{table.__name__}"


def test_no_services_file_is_forgotten() -> None:
    """Every class of settings in the product stands in a file that the page shows."""
    shown = {
        table
        for module, name in configuration.FILES.values()
        for _, table in configuration.tables(getattr(importlib.import_module(module), name))
    }
    for file in Path(keepcool.__file__).parent.rglob("*.py"):
        if re.search(r"^class \w+\(\w*Settings", file.read_text(encoding="utf-8"), re.MULTILINE):
            parts = file.relative_to(ROOT / "src").with_suffix("").parts
            importlib.import_module(".".join(parts))
    used: set[type] = {base for one in shown for base in one.__mro__}
    assert not [one for one in _below(Settings) - used if one.__module__ not in _ELSEWHERE]


def _below(kind: type[Settings]) -> set[type[Settings]]:
    found = {kind}
    for below in kind.__subclasses__():
        found |= _below(below)
    return found


@pytest.mark.slow
def test_every_place_that_makes_an_error_is_read() -> None:
    """No code hides from the page: each raise in the source gives at least one."""
    seen = {one.code for one in raised()}
    spelled = set()
    for file in Path(keepcool.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="Refused" | "Malformed" | "Conflict" | "Unavailable" | "Breach"),
                    args=[ast.Constant(value=str(code)), *_],
                ):
                    spelled.add(code)
    assert spelled <= seen


def test_every_error_says_something() -> None:
    """Each code has a text of several words, unless it passes on what another part said."""
    collected = errors.collected()
    mute = {one.code for one in collected if not one.texts} - {"payout.rejected"}
    assert (mute, [one.code for one in collected for text in one.texts if len(text.split()) < 2]) == (
        set(),
        [],
    )


@pytest.mark.parametrize("machine", states.MACHINES, ids=lambda machine: machine[0])
def test_every_state_is_explained(machine: tuple[str, str, type[StrEnum]]) -> None:
    """By the class that lists them."""
    name, _, members = machine
    told = dict(states.meanings(members))
    assert not [one for one in members if not told.get(one.name)], name


def test_every_rule_of_the_policy_has_its_line() -> None:
    """The table of rules names what the judge asks, no more and no less."""
    table = POLICY[POLICY.index("## Rules") : POLICY.index("## A request to try")]
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for cell in firsts for name in re.findall(r"`(\w+)`", cell)} == {rule.NAME for rule in ALL}


def test_every_key_of_the_policy_is_explained() -> None:
    """As the file's own schema has them."""
    kinds = [one for one in vars(schema).values() if isinstance(one, type)]
    keys = {key for one in kinds if issubclass(one, Settings) for key in one.__struct_fields__}
    assert not [key for key in sorted(keys) if not re.search(rf"\b{key}\b", POLICY)]


def test_every_call_of_the_api_says_what_it_does() -> None:
    """In a sentence of its own, not in its function's name."""
    assert not [path for path, summary in api.unexplained()]


def test_a_page_without_marks_is_refused() -> None:
    """A part is drawn only where its place is marked."""
    with pytest.raises(ValueError, match="no part"):
        markup.replaced("words", "drawn")
