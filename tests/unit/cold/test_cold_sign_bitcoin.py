"""`keepcool cold sign bitcoin`: from files and words to signed drafts, without a socket."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from keepcool.chains.bitcoin.restoring import backup_of, spelled_backup
from keepcool.cli.main import main as command
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local import policies
from tests.unit.cold.test_cold_sign import WATCHED
from tests.unit.cold.test_sweeping import COLD_WORDS, COOL_WORDS, HARBOR, REFUSED, THIEF, record_of, sweep_of
from tests.unit.keeper.bitcoin_house import LITECOIN, policy

BOTH = f"{COOL_WORDS}\n{COLD_WORDS}\n"
ROOT = SigningKey(bytes(range(32)))


class Desk:
    """A folder with the files an offline machine is given."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, record_of()
        self.file("record.json", self.record.encoded())
        self.file("sweep.psbt", sweep_of(self.record))
        backup = spelled_backup(backup_of([self.record], LITECOIN, harbor=HARBOR))
        self.file("descriptors.txt", backup.encode())

    def file(self, name: str, content: bytes) -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def typed(self, *more: str, out: str = "out", psbt: str = "sweep.psbt") -> list[str]:
        where = ["--out", str(self.folder / out)]
        return ["cold", "sign", "bitcoin", str(self.folder / psbt), *where, *more]

    def by_record(self, *more: str, out: str = "out", psbt: str = "sweep.psbt") -> list[str]:
        named = ["--record", str(self.folder / "record.json")]
        return self.typed(*named, "--harbor", HARBOR, *more, out=out, psbt=psbt)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def say(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))


def test_two_papers_at_one_desk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The effects are shown, then both papers sign, and the transaction lies beside the draft."""
    say(monkeypatch, BOTH)
    assert command(desk.by_record("--paper", "cool", "--paper", "cold")) == 0
    shown = capsys.readouterr().out
    assert HARBOR in shown
    assert "Fee            5000 sat" in shown
    assert (desk.folder / "out" / "sweep.signed.tx").exists()


def test_two_people_after_each_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one's file is signed by the second, who gets the transaction; descriptors serve as well as
    the record."""
    say(monkeypatch, COLD_WORDS)
    assert command(desk.by_record("--json", out="first")) == 0
    (first,) = json.loads(capsys.readouterr().out)
    assert (first["signatures"], first["transaction"]) == ([1, 1, 1], None)
    assert not (desk.folder / "first" / "sweep.signed.tx").exists()
    say(monkeypatch, COOL_WORDS)
    descriptors = ["--descriptors", str(desk.folder / "descriptors.txt"), "--harbor", HARBOR]
    descriptors += ["--paper", "cool", "--json"]
    assert command(desk.typed(*descriptors, out="second", psbt="first/sweep.signed.psbt")) == 0
    (second,) = json.loads(capsys.readouterr().out)
    assert second["signatures"] == [2, 2, 2]
    made = (desk.folder / "second" / "sweep.signed.tx").read_text().strip()
    assert made == second["transaction"]


def test_a_file_of_descriptors_does_not_say_who_is_paid(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody signed that file: with a thief's harbor in it, and drafts that pay him, the papers sign nothing
    unless a person or a signed policy names the harbor. The twin: whoever types his address pays him."""
    stolen = sweep_of(desk.record, REFUSED["to a stranger"])
    desk.file("stolen.psbt", stolen)
    backup = spelled_backup(backup_of([desk.record], LITECOIN, harbor=THIEF))
    named = ["--descriptors", str(desk.file("tampered.txt", backup.encode()))]
    say(monkeypatch, COLD_WORDS)
    assert command(desk.typed(*named, psbt="stolen.psbt")) != 0
    assert command(desk.typed(*named, "--harbor", HARBOR, psbt="stolen.psbt")) != 0
    assert not (desk.folder / "out").exists()
    assert "cold.harbor" in capsys.readouterr().err
    assert command(desk.typed(*named, "--harbor", THIEF, psbt="stolen.psbt")) == 0


def test_the_harbor_comes_from_a_signed_policy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the root key signed for this network is the only recipient; a policy of another key names none."""
    document = policy(Service.KEEPER, harbor=HARBOR)
    file = desk.file("policy.toml", document)
    desk.file("policy.toml.sig", policies.signature(bytes(ROOT), document))
    record = ["--record", str(desk.folder / "record.json"), "--policy", str(file)]
    say(monkeypatch, COLD_WORDS)
    assert command(desk.typed(*record, "--root-key", bytes(ROOT.verify_key).hex())) == 0
    assert command(desk.typed(*record, "--root-key", "11" * 32, out="other")) != 0
    assert "policy.signature" in capsys.readouterr().err
    both = [*record, "--root-key", bytes(ROOT.verify_key).hex(), "--harbor", THIEF]
    assert command(desk.typed(*both, out="other")) != 0
    assert "the policy's harbor" in capsys.readouterr().err
    assert not (desk.folder / "other").exists()


def test_a_refusal_names_the_objection_and_writes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bad draft among two: neither is signed, and no words were read."""
    desk.file("bad.psbt", sweep_of(desk.record, REFUSED["to a stranger"]))
    say(monkeypatch, "")
    line = desk.by_record()
    assert command([*line[:3], str(desk.folder / "bad.psbt"), *line[3:]]) == 2
    assert "the harbor is" in capsys.readouterr().err
    assert not (desk.folder / "out").exists()


def test_nothing_is_overwritten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second signing into the same folder is refused and the first file stays."""
    say(monkeypatch, COLD_WORDS)
    assert command(desk.by_record()) == 0
    before = (desk.folder / "out" / "sweep.signed.psbt").read_bytes()
    say(monkeypatch, COOL_WORDS)
    assert command(desk.by_record("--paper", "cool")) != 0
    assert (desk.folder / "out" / "sweep.signed.psbt").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sign", "twin"])
def test_no_socket_is_opened(desk: Desk, how: str) -> None:
    """Under an audit hook that ends the process at the first socket both papers sign; the twin shows that the
    hook would have seen one."""
    line = [sys.executable, "-c", WATCHED, how, *desk.by_record("--paper", "cool", "--paper", "cold")]
    run = subprocess.run(line, input=BOTH, capture_output=True, text=True, check=False, timeout=120)
    if how == "twin":
        assert "opened a socket" in run.stderr
        return
    assert run.returncode == 0, run.stderr
    assert (desk.folder / "out" / "sweep.signed.tx").exists()


def test_a_record_of_another_installation_is_not_swept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drafts of one wallet under another's record are refused as foreign."""
    other: WalletRecord = record_of(9)
    desk.file("record.json", other.encoded())
    say(monkeypatch, COLD_WORDS)
    assert command(desk.by_record()) != 0
    assert "psbt.input_foreign" in capsys.readouterr().err
