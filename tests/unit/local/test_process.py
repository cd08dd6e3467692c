"""Child processes: ready when they are, known by their id, gone when they should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keepcool.core.errors import Refused, Unavailable
from keepcool.local.process import ChildProcess, free_port, listening

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")


def child(folder: Path, *argv: str, env: dict[str, str] | None = None) -> ChildProcess:
    return ChildProcess("child", argv or SLEEPER, folder, folder / "log", env)


def up(process: ChildProcess) -> None:
    process.wait_ready(lambda: "up" in process.log_tail(), 20)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_lives_in_its_block(tmp_path: Path) -> None:
    """It is alive inside the block, and reaped after it."""
    with child(tmp_path) as process:
        up(process)
        pid = process.pid
        assert process.alive
        with pytest.raises(Refused):
            process.start()
    assert not process.alive
    assert gone(pid)


def test_kill9_is_kill9(tmp_path: Path) -> None:
    """The status says SIGKILL, and the child can be started again."""
    process = child(tmp_path)
    process.start()
    up(process)
    assert process.kill9() == -signal.SIGKILL
    with process:
        assert process.alive


def test_what_a_child_writes_is_its_users_alone(tmp_path: Path) -> None:
    """Its files and its log are private whatever mask this process has, which stays as it was."""
    before = os.umask(0o000)
    try:
        script = "import pathlib; pathlib.Path('made').touch(); pathlib.Path('folder').mkdir()"
        with child(tmp_path, sys.executable, "-c", script) as process:
            assert process.wait(20) == 0
        modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("made", "folder", "log")]
        assert modes == [0o600, 0o700, 0o600]
    finally:
        assert os.umask(before) == 0o000


def test_a_child_that_ignores_sigterm_ends_all_the_same(tmp_path: Path) -> None:
    """Terminate asks, waits, and then kills."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = child(tmp_path, sys.executable, "-c", code)
    process.start()
    up(process)
    assert process.terminate(timeout_s=0.3) == -signal.SIGKILL


def test_an_early_end_tells_the_log(tmp_path: Path) -> None:
    """A child that ends before it is ready raises with the end of its log; so does one that is slow."""
    process = child(tmp_path, sys.executable, "-c", "raise SystemExit('no such key')")
    process.start()
    with pytest.raises(Unavailable, match="no such key"):
        process.wait_ready(lambda: False, 20)
    with child(tmp_path) as slow, pytest.raises(Unavailable, match="not ready"):
        slow.wait_ready(lambda: False, 0.1)


def test_no_such_program(tmp_path: Path) -> None:
    """A missing program and a child never started are told by name."""
    with pytest.raises(Unavailable):
        child(tmp_path, str(tmp_path / "none")).start()
    with pytest.raises(Refused):
        child(tmp_path).kill9()


def test_only_named_environment_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in our environment does not reach the child; what it is given does."""
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    code = "import os; print(sorted(os.environ), 'up')"
    process = child(tmp_path, sys.executable, "-c", code, env={"GIVEN": "1"})
    process.start()
    process.wait(20)
    assert "SECRET_OF_OURS" not in process.log_tail()
    assert "GIVEN" in process.log_tail()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux")
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """When the parent is killed with -9, its child goes too."""
    code = (
        "import sys, time; from pathlib import Path; from keepcool.local.process import ChildProcess\n"
        f"p = ChildProcess('c', {SLEEPER!r}, Path({str(tmp_path)!r}), Path({str(tmp_path / 'log')!r}))\n"
        "p.start(); print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    deadline_s = time.monotonic() + 10
    while not gone(pid) and not _zombie(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert gone(pid) or _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_children_are_made_in_the_main_thread(tmp_path: Path) -> None:
    """A child made in a passing thread would die with it, so that is refused."""
    caught: list[str] = []

    def start() -> None:
        try:
            child(tmp_path).start()
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert caught


def test_a_free_port_is_free() -> None:
    """Nobody listens on a port handed out as free."""
    assert not listening(free_port())
