"""Every command says what it does, what each argument means and, where that helps, how it is typed."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

import pytest

from keepcool.cli import main
from keepcool.cli.explaining import EXAMPLES, examples
from keepcool.cli.main import NOUNS
from tests.docs.test_commands_parse import parsed, words_of


def leaves(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for one in inner:
        for verb, below in one.choices.items():
            yield from leaves(f"{name} {verb}", below)


def commands() -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for noun in NOUNS:
        if noun != "version":
            nouns = argparse.ArgumentParser(prog="keepcool").add_subparsers(dest="noun")
            importlib.import_module(f"keepcool.cli.{noun}").register(nouns)
            found.update(leaves(noun, nouns.choices[noun]))
    return found


def test_no_argument_is_left_unexplained() -> None:
    """A reader of `--help` need not guess what to type, nor in which unit."""
    silent = [
        f"{name}: {(one.option_strings or [one.dest])[-1]}"
        for name, parser in commands().items()
        for one in parser._actions
        if not one.help
    ]
    assert not silent


def test_examples_are_of_commands_there_are() -> None:
    """An example of a command that was renamed would be shown to nobody."""
    assert set(EXAMPLES) <= set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_examples_are_taken(name: str) -> None:
    """Each example is that very command, with options it has."""
    for one in examples(name):
        words = words_of(one)
        assert " ".join(words).startswith(name.replace("app key ", "app api-key "))
        parsed(words)


def test_help_says_what_a_command_does(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked at any depth it begins with a sentence about the command, and ends with the example."""
    for words, sentence, example in (
        (["withdraw"], "Withdrawals.", ""),
        (["withdraw", "new"], "Pay out of a wallet.", "keepcool withdraw new --wallet "),
        (
            ["cooler", "keystore", "rotate"],
            "A new version",
            "--operator root/cooler-keystore --config cooler",
        ),
    ):
        with pytest.raises(SystemExit):
            main.main([*words, "--help"])
        told = capsys.readouterr().out
        assert sentence in told
        assert example in told


def test_the_overview_sets_each_noun_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """No noun is so long that it runs into its sentence."""
    assert main.main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert lines == [[noun, about] for noun, about in NOUNS.items()]
