"""The cold key's tool: offline, never overwriting, and its paper gives the key back."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.cli.main import main as command
from keepcool.cold import main
from keepcool.core.errors import Conflict, Malformed
from keepcool.local import paperkeys

# Runs the tool under an audit hook that ends the process at the first socket, and proves the hook works.
WATCHED = """
import sys
def watch(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"opened a socket: {event}")
sys.addaudithook(watch)
if sys.argv[1] == "twin":
    import socket
    socket.socket()
from pathlib import Path
from keepcool.cold import main
print(main.make(Path(sys.argv[2])).public_key)
"""


def words_on(sheet: Path) -> str:
    rows = [line.split() for line in sheet.read_text().splitlines() if line[:3].strip().isdigit()]
    return " ".join(word for row in rows for word in row[1::2])


def test_the_paper_gives_the_key_back(tmp_path: Path) -> None:
    """The 24 words on the sheet lead to the public key that was handed out."""
    made = main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    assert main.check(words_on(made.sheet)) == made.half
    assert stat.S_IMODE(made.sheet.stat().st_mode) == 0o600
    assert made.public_key in made.public.read_text()


def test_the_public_half_holds_no_word_of_the_paper(tmp_path: Path) -> None:
    """What travels to the servers does not contain the secret."""
    made = main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    public = made.public.read_text()
    assert not [word for word in words_on(made.sheet).split() if f'"{word}"' in public]


def test_the_public_half_names_the_accounts(tmp_path: Path) -> None:
    """cold.pub.json holds each family's account, as the installation reads it and as the paper gives it."""
    made = main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    read = paperkeys.read(made.public)
    assert read.public_key == made.public_key
    assert read.accounts == main.check(words_on(made.sheet)).accounts
    assert [pin.family for pin in read.accounts] == ["minter", "bitcoin"]
    for pin in read.accounts:
        assert pin.xpub in made.sheet.read_text()


def test_the_command_says_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cold check` prints the public key and every account; as JSON it is the public half again."""
    made = main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    for words, expected in (
        (["cold", "check"], [one.expression for one in made.half.accounts]),
        (["cold", "check", "--json"], [one.xpub for one in made.half.accounts]),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(words_on(made.sheet)))
            assert command(words) == 0
        said = capsys.readouterr().out
        assert made.public_key in said
        assert all(one in said for one in expected)
    assert json.loads(said) == json.loads(made.public.read_text())


def test_refuses_to_overwrite_a_key(tmp_path: Path) -> None:
    """A second run in the same folder is refused and the first key stays."""
    made = main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    before = made.sheet.read_bytes()
    with pytest.raises(Conflict, match="already holds"):
        main.new(tmp_path / "cold", SystemClock(), SystemEntropy())
    assert made.sheet.read_bytes() == before


def test_a_misread_word_is_noticed(tmp_path: Path) -> None:
    """Two words swapped fail the checksum instead of leading to another key."""
    made = main.new(tmp_path / "cold", SystemClock(), lambda size: bytes(range(size)))
    words = words_on(made.sheet).split()
    words[3], words[9] = words[9], words[3]
    with pytest.raises(Malformed):
        main.check(" ".join(words))


@pytest.mark.slow
def test_opens_no_socket(tmp_path: Path) -> None:
    """Under an audit hook the tool makes its key without a socket; the hook does stop one that tries."""
    run = [sys.executable, "-c", WATCHED]
    good = subprocess.run([*run, "real", str(tmp_path / "a")], capture_output=True, text=True, check=False)
    twin = subprocess.run([*run, "twin", str(tmp_path / "b")], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert len(good.stdout.strip()) == 66
    assert twin.returncode == 1
    assert "opened a socket" in twin.stderr
