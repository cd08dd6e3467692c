"""The desk as a process of its own: on a real broker with least rights, reached over HTTP and by commands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from keepcool.cli import main as cli
from keepcool.cli.desk_keys import file_key
from keepcool.cli.desk_site import DeskSite
from tests.fixtures.deskprocess import READY_S, DeskProcess, running_desk
from tests.unit.desk import samples

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def desk() -> Iterator[DeskProcess]:
    with running_desk() as made:
        yield made


def test_a_command_reads_and_approves(desk: DeskProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Over broker and HTTP a person reads what the bytes do, and approves with a key from a file."""
    hashed = desk.wait("cli-1")
    assert desk.command("show", hashed) == 0
    told = capsys.readouterr().out
    assert f"Pays           {5 * 10**18} of {samples.ETH} to {samples.ALICE}" in told
    assert "DIFFERS" not in told
    assert desk.command("approve", hashed, "--reason", "seen", "--yes") == 0
    assert desk.cooler.taken[-1] == desk.keeper.taken[-1] == f"approve {hashed} clerk"


def test_a_command_believes_no_summary(desk: DeskProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Where what the desk passes on is not what its bytes do, the command says so and signs nothing; a
    rejection is carried."""
    hashed = desk.wait("cli-2", effects_hash="00" * 32)
    before = list(desk.cooler.taken)
    assert desk.command("show", hashed) == 2
    assert "DIFFERS" in capsys.readouterr().out
    assert desk.command("approve", hashed, "--reason", "seen", "--yes") == 2
    assert "nothing was signed" in capsys.readouterr().err
    assert desk.cooler.taken == before


def test_drafts_are_saved_for_inspection(desk: DeskProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """The saved draft is what `keepcool inspect` reads, and it tells the same payment."""
    hashed = desk.wait("cli-3")
    folder = desk.folder / "saved"
    assert desk.command("show", hashed, "--save", str(folder)) == 0
    capsys.readouterr()
    (file,) = folder.iterdir()
    assert cli.main(["inspect", "evm", str(file), "--profile", samples.PROFILE, "--json"]) == 0
    effects = json.loads(capsys.readouterr().out)["effects"]
    assert effects["payments"][0]["recipient"] == samples.ALICE


def test_the_list_follows_what_waits(desk: DeskProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """What begins to wait is listed without anybody asking the signers again."""
    hashed = desk.wait("cli-4")
    for _ in range(READY_S):
        assert desk.command("list") == 0
        if hashed in capsys.readouterr().out:
            return
    pytest.fail("the desk never listed it")


def test_a_page_hears_what_begins_to_wait(desk: DeskProcess) -> None:
    """The stream tells of an item that begins to wait; without a session there is none."""
    site = DeskSite(desk.origin)
    try:
        assert site._http.get("/live").status_code == 401
        site.sign_in(file_key(desk.key, desk.folder / "words"))
        with site._http.stream("GET", "/live", headers=site._own(), timeout=READY_S) as stream:
            told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
            before = next(told)
            desk.wait("live-1")
            after = next(told)
            assert after["version"] != before["version"]
            assert after["waiting"] == before["waiting"] + 1
    finally:
        site.close()
