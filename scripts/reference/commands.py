"""docs/reference/commands.md: every command, from the parsers themselves."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

from scripts.reference.markup import code, table

from keepcool.cli.explaining import examples
from keepcool.cli.main import NOUNS

_OPENING = """# Commands

`keepcool NOUN VERB`; `--help` behind each says the same. Exit status: 0 done, 1 done and what was found is
not as it should be, 2 refused with one line on stderr, 130 interrupted. Commands that speak to App find it by
`--client FILE`, else `KEEPCOOL_CLIENT`, else `./operator.toml` or `./operator/operator.toml`. *Base units*:
the smallest there are of an asset, wei, satoshi, pip. Ids in examples are shortened.

"""


def page() -> str:
    parts = [_OPENING.strip()]
    for noun, about in NOUNS.items():
        parts.append(f"## keepcool {noun}\n\n{about[0].upper()}{about[1:]}.")
        if noun != "version":
            parts += _commands(noun)
    return "\n\n".join(parts) + "\n"


def _commands(noun: str) -> Iterator[str]:
    parser = argparse.ArgumentParser(prog="keepcool", allow_abbrev=False)
    nouns = parser.add_subparsers(dest="noun")
    importlib.import_module(f"keepcool.cli.{noun}").register(nouns)
    for name, about, leaf in _leaves(noun, "", nouns.choices[noun]):
        rows = [_row(one) for one in leaf._actions if not isinstance(one, argparse._HelpAction)]  # noqa: SLF001
        head = f"### `keepcool {name}`\n\n{about[:1].upper()}{about[1:]}".rstrip()
        shown = "\n".join(examples(name))
        yield (
            head
            + ("\n\n" + table(("argument", "", "meaning"), rows) if rows else "")
            + (f"\n\n```sh\n{shown}\n```" if shown else "")
        )


def _leaves(
    name: str, about: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    if not inner:
        yield name, about, parser
    for one in inner:
        helped = {choice.dest: choice.help or "" for choice in one._choices_actions}  # noqa: SLF001
        for verb, below in one.choices.items():
            yield from _leaves(f"{name} {verb}", helped.get(verb, ""), below)


def _row(one: argparse.Action) -> tuple[str, str, str]:
    about = (one.help or "") % {"default": one.default, "prog": "keepcool"}
    if not one.option_strings:
        return code(_value(one)), "needed" if one.nargs != "?" else "", about
    several = isinstance(one, argparse._AppendAction) or one.nargs in ("+", "*")  # noqa: SLF001
    marks = ", ".join(mark for mark, holds in (("needed", one.required), ("several", several)) if holds)
    return code(f"{one.option_strings[-1]} {_value(one)}".strip()), marks, about


def _value(one: argparse.Action) -> str:
    """What is typed for it."""
    if one.nargs == 0:
        return ""
    named = one.metavar or ("|".join(map(str, one.choices)) if one.choices else one.dest)
    return " ".join(named) if isinstance(named, tuple) else named
