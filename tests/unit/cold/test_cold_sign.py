"""`keepcool cold sign minter`: from a record's file and the words to a signature, without a socket."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from keepcool.chains.minter import signature
from keepcool.cli.main import main as command
from keepcool.core.registry import Role, WalletRecord
from tests.unit.cold.test_evacuating import DRAFTS, HARBOR, evacuation, record_of, words

__all__ = ["words"]

# Signs under an audit hook that ends the process at the first socket, and proves that the hook works.
WATCHED = """
import sys
def watch(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"opened a socket: {event}")
sys.addaudithook(watch)
if sys.argv[1] == "twin":
    import socket
    socket.socket()
from keepcool.cli.main import main
raise SystemExit(main(sys.argv[2:]))
"""


def typed(record: Path, draft: str, *more: str) -> list[str]:
    return ["cold", "sign", "minter", "--record", str(record), "--draft", draft, "--harbor", HARBOR, *more]


def written(folder: Path, record: WalletRecord) -> Path:
    file = folder / "record.json"
    file.write_bytes(record.encoded() + b"\n")
    return file


@pytest.mark.parametrize("told", [False, True], ids=["record", "wallet show"])
def test_the_command_prints_the_signature(
    words: str,
    told: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the record itself or App's answer about the wallet, it signs and says for which wallet."""
    record = record_of(words, 4)
    file = written(tmp_path, record)
    if told:
        file.write_text(json.dumps({"record_bytes": base64.b64encode(record.encoded()).decode()}))
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))
    assert command(typed(file, evacuation().preimage().hex(), "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["wallet"], shown["address"]) == (record.wallet, record.address)
    assert shown["public_key"] == record.key(Role.COLD).public_key
    assert signature.parse(bytes.fromhex(shown["rlp"])).hex() == shown["signature"]


def test_the_command_says_what_it_does_not_sign(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal names the objection, prints no signature and ends with code 2."""
    file = written(tmp_path, record_of(words, 4))
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))
    assert command(typed(file, DRAFTS["owners replaced"].preimage().hex())) == 2
    shown = capsys.readouterr()
    assert "replaces the wallet's owners" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("content", ["", "[]", '{"record_bytes": "%"}', '{"record_bytes": 7}'])
def test_a_file_that_is_no_record_is_refused(
    words: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in it, the command ends with a sentence and not with a traceback."""
    file = tmp_path / "record.json"
    file.write_text(content)
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))
    assert command(typed(file, "c0")) == 2
    assert command(typed(tmp_path / "absent", "c0")) == 2
    assert command(typed(file, "no hex")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("way", ["guarded", "twin"])
def test_signing_opens_no_socket(words: str, way: str, tmp_path: Path) -> None:
    """The whole command runs without one; the hook that watches would have seen it."""
    file = written(tmp_path, record_of(words, None))
    run = subprocess.run(
        [sys.executable, "-c", WATCHED, way, *typed(file, evacuation().preimage().hex(), "--json")],
        input=words,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode == 0) is (way == "guarded"), run.stderr
    assert ("opened a socket" in run.stderr) is (way == "twin")
