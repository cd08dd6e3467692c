"""The systemd units: written as shipped, accepted and rated by systemd itself, a user and folder to each."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from keepcool.cli.main import main
from keepcool.local import units
from keepcool.local.units import UNITS
from tests.fixtures.processes import missing

SHIPPED = Path(__file__).parents[3] / "deploy" / "systemd"
EXPOSURE_MAX = 2.0


def analysed(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", "install the package systemd")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False
    )


def test_what_is_shipped_is_what_is_written(tmp_path: Path) -> None:
    """deploy/systemd holds exactly what `keepcool hosts units` writes."""
    assert main(["hosts", "units", "--into", str(tmp_path)]) == 0
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_text() for file in SHIPPED.iterdir()}


def test_one_part_alone(tmp_path: Path) -> None:
    """A host of Keeper gets Keeper's unit and Keeper's user."""
    assert main(["hosts", "units", "--into", str(tmp_path), "--only", "keeper"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"keepcool-keeper.service", units.SYSUSERS}
    assert "keepcool-cooler" not in (tmp_path / units.SYSUSERS).read_text()


@pytest.mark.parametrize("name", UNITS)
def test_systemd_rates_each_as_little_exposed(name: str) -> None:
    """`systemd-analyze security` finds an exposure of at most 2.0 of 10; without the walls it is over 9."""
    file = SHIPPED / UNITS[name].file
    assert rated(file) <= EXPOSURE_MAX


def test_without_the_walls_the_rating_is_another(tmp_path: Path) -> None:
    """The rating has teeth."""
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert rated(bare) > 9


def rated(file: Path) -> float:
    said = analysed("security", "--offline=true", str(file)).stdout
    found = re.search(r"Overall exposure level for .*: ([0-9.]+) ", said)
    assert found is not None, said
    return float(found[1])


def test_systemd_accepts_every_line(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, with programs where there are some here; of a line it does
    not know it would."""
    for unit in UNITS.values():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", units.text(unit), flags=re.MULTILINE)
        (tmp_path / unit.file).write_text(text)
    files = [str(tmp_path / unit.file) for unit in UNITS.values()]
    said = analysed("verify", *files)
    assert (said.returncode, said.stderr) == (0, "")
    (tmp_path / "keepcool-app.service").write_text(units.text(UNITS["app"]) + "ProtectEverything=yes\n")
    assert "ProtectEverything" in analysed("verify", files[0]).stderr


def test_each_part_is_a_user_of_its_own_and_none_is_root() -> None:
    """No two parts share a user or a folder."""
    assert len({unit.user for unit in UNITS.values()}) == len(UNITS)
    assert len({unit.folder for unit in UNITS.values()}) == len(UNITS)
    assert all(f"\nUser={unit.user}\n" in units.text(unit) for unit in UNITS.values())
