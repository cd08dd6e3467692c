"""Typical mistakes at the command line: one line that says what is wrong and what to do, nothing done."""

from __future__ import annotations

import fcntl
import io
import os
from pathlib import Path

import pytest

from keepcool.cli import main

ROOT_KEY = "ab" * 32
FREEZE = ("admin", "order", "freeze", "--installation", ROOT_KEY, "--reason", "a call", "--out")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said of it: one line, on standard error, and status 2."""
    capsys.readouterr()
    assert main.main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("keepcool: ")
    assert told.count("\n") == 1
    return told


def test_an_option_there_is_not_is_named_with_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    """The reader is sent to the help of that very command."""
    told = refused(capsys, "user", "new", "--colour", "red")
    assert "--colour red" in told
    assert "`keepcool user new --help`" in told


def test_a_file_that_cannot_be_written_is_no_defect_of_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name and the system's reason, instead of a traceback."""
    told = refused(capsys, "hosts", "units", "--into", str(tmp_path / "nowhere"))
    assert "No such file or directory [cli.file]" in told


def test_an_answer_that_never_comes_is_a_no(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal nobody says yes: nothing is signed."""
    order = tmp_path / "order.json"
    assert main.main([*FREEZE, str(order), "--level", "all"]) == 0
    before = order.read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "[cli.input]" in refused_after_prompt(
        capsys, "admin", "sign", str(order), "--key", "x", "--name", "a"
    )
    assert order.read_bytes() == before


def refused_after_prompt(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main.main(words) == 2
    return capsys.readouterr().err


def test_an_order_that_gathers_signatures_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second order under the same name is refused, and the first is as it was."""
    order = tmp_path / "order.json"
    assert main.main([*FREEZE, str(order), "--level", "all"]) == 0
    before = order.read_bytes()
    assert "[admin.out]" in refused(capsys, *FREEZE, str(order), "--level", "all")
    assert order.read_bytes() == before


@pytest.mark.parametrize("level", ["wallet", "asset", "network"])
def test_a_narrow_freeze_says_of_what(level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At an administrator's machine and at a signer's host the option that is missing is named."""
    order = tmp_path / "order.json"
    assert f"--level {level} needs --target" in refused(capsys, *FREEZE, str(order), "--level", level)
    assert not order.exists()
    here = ("--config", str(tmp_path / "keeper.toml"), "--level", level, "--reason", "a call")
    for verb in ("freeze", "thaw"):
        assert f"--level {level} needs --target" in refused(capsys, "keeper", verb, *here)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--depth", "0"), "init.depth"),
        (("--node-url", "hello"), "init.node_url"),
        (("--network", "bitcoin", "--node-url", "tcp://127.0.0.1:28332"), "init.node_url"),
    ],
    ids=["depth", "no url", "another protocol"],
)
def test_init_refuses_what_could_never_run(
    options: tuple[str, ...], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first file is made."""
    assert f"[{code}]" in refused(capsys, "init", str(tmp_path / "kc"), *options)
    assert list(tmp_path.iterdir()) == []


def test_up_starts_nothing_where_it_runs_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even a node: it would end the one that runs, whose place it has."""
    lock = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "[up.running]" in refused(capsys, "up", str(tmp_path))
    finally:
        os.close(lock)
