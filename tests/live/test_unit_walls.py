"""What the walls of the systemd units keep a part from, tried from inside; without them all of it works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keepcool.local.units import UNITS, text
from tests.fixtures.netns import FIRST_UID
from tests.fixtures.processes import missing

pytestmark = pytest.mark.live
FIXTURES = Path(__file__).parents[1] / "fixtures"
PROBE = """
import ctypes, json, mmap, os, socket, sys
from pathlib import Path

def works(act):
    try:
        act()
    except (OSError, RuntimeError):
        return False
    return True

libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")

home, strange = Path(sys.argv[1]), Path(sys.argv[2])
print(json.dumps({
    "write its data": works(lambda: (home / "data/x").write_text("x")),
    "write its configuration": works(lambda: (home / "keeper.toml").write_text("x")),
    "write the system": works(lambda: Path("/etc/keepcool-probe").write_text("x")),
    "read a strange file": works(strange.read_bytes),
    "see process 1": works(lambda: os.stat("/proc/1/status")),
    "talk to the network": works(lambda: socket.socket(socket.AF_INET).close()),
    "read raw packets": works(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    "make memory executable": works(lambda: mmap.mmap(-1, 4096, prot=7).close()),
    "make a namespace": works(lambda: checked(libc.unshare(0x04000000))),
    "mount": works(lambda: checked(libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, b""))),
    "trace a process": works(lambda: checked(libc.ptrace(0, 0, 0, 0))),
}))
"""
HARMLESS = {"write its data", "talk to the network"}


def probed(argv: list[str]) -> set[str]:
    """What worked."""
    run = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return {what for what, worked in json.loads(run.stdout).items() if worked}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("the walls are put up by root; run this test as root")
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", "install the package systemd")
    own = tmp_path / "keeper"
    (own / "data").mkdir(parents=True)
    (own / "probe.py").write_text(PROBE)
    (own / "keeper.toml").write_text("")
    (tmp_path / "strange").write_text("somebody else's")
    (tmp_path / "strange").chmod(0o644)
    for one in (own, *own.rglob("*")):
        os.chown(one, FIRST_UID, FIRST_UID)
    return own


def test_behind_the_walls_a_part_does_its_work_and_nothing_else(folder: Path) -> None:
    """Taken over, it writes its own data and speaks with its peers: all else that is tried is refused."""
    unit = UNITS["keeper"]
    python = f"/opt/keepcool/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    command = f"/usr/bin/env LD_LIBRARY_PATH=/opt/keepcool/python/lib {python} probe.py"
    words = f"ExecStart={command} {unit.folder} {folder.parent / 'strange'}"
    (folder / unit.file).write_text(re.sub(r"^ExecStart=.*", words, text(unit), flags=re.MULTILINE))
    walled = [str(FIXTURES / "walled.py"), str(folder / unit.file), str(folder), str(FIRST_UID)]
    worked = probed([sys.executable, *walled, str(FIXTURES.parents[1] / "src")])
    assert worked == HARMLESS


def test_without_the_walls_all_of_it_works(folder: Path) -> None:
    """The probe has teeth: run bare, with mounts of its own so that no harm is done, it can do all."""
    inside = ["unshare", "--mount", sys.executable, str(folder / "probe.py"), str(folder)]
    worked = probed([*inside, str(folder.parent / "strange")])
    Path("/etc/keepcool-probe").unlink(missing_ok=True)
    assert worked >= {
        *HARMLESS,
        *("write its configuration", "write the system", "read a strange file", "see process 1"),
        *("read raw packets", "make memory executable", "make a namespace", "mount", "trace a process"),
    }
