"""docs/start/integrate.md, executed: every program and every line as it stands, by a real installation."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepcool.core.parties import Service
from keepcool.local.process import free_port
from tests.docs.pages import blocks
from tests.fixtures.chain import NETWORK
from tests.fixtures.installation import COIN, House, eventually
from tests.fixtures.processes import missing

pytestmark = pytest.mark.live
PAGE = "docs/start/integrate.md"
EVENTS = '\n[events]\nwebhook_networks = ["127.0.0.0/8"]\nwebhook_wait_s_first = 0.2\n'
PROGRAMS = ("user", "receive", "listen", "withdraw", "verify")


@pytest.fixture
def listening(house: House) -> Iterator[House]:
    """App may post to this machine."""
    with house.edited(Service.APP, lambda text: text + EVENTS):
        house.restart("app")
        yield house
        for one in house.client.webhooks.listed():
            house.client.webhooks.remove(one.id)
    house.restart("app")


def test_the_page_integrates_a_shop(listening: House, tmp_path: Path) -> None:
    """A user, a verified address, a deposit that is told, a withdrawal asked for twice and paid once, and the
    same by curl."""
    if shutil.which("curl") is None:
        missing("curl", "install curl")
    house, port, somebody = listening, str(free_port()), listening.outside()
    for name, program in zip(PROGRAMS, blocks(PAGE, "python"), strict=True):
        (tmp_path / f"{name}.py").write_text(program)
    (tmp_path / "kc").symlink_to(house.places.folder)
    reader = Reader(tmp_path, {"NETWORK": NETWORK, "SOMEBODY": somebody})
    user, receive, listen, withdraw, curl, verify = (one.replace("8900", port) for one in blocks(PAGE, "sh"))
    address = reader.types(user).split()[-1]
    with reader.receiving(receive, port):
        assert reader.types(listen) == "taken\n"
        house.chain.fund(address, COIN)
        told = tmp_path / "told.txt"
        credited = f"deposit.credited {reader.env['WALLET']} {COIN}"
        eventually(lambda: credited in told.read_text().splitlines(), "the deposit was not told")
        first, second = reader.types(withdraw).splitlines()
        assert first == second
        assert first.endswith(" confirmed")
        assert house.chain.balance(somebody) == COIN // 10
        paid = f"withdrawal.confirmed {reader.env['WALLET']} {COIN // 10}"
        eventually(lambda: paid in told.read_text().splitlines(), "the withdrawal was not told")
        assert '"state":"requested"' in reader.types(curl).replace('": "', '":"')
        assert reader.types(verify).startswith("verified 0x")
        eventually(lambda: house.chain.balance(somebody) == COIN // 10 + 1000, "curl's payment did not come")


class Reader:
    """Somebody who types what the page says, in one folder and one shell's environment."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.folder, self.env = folder, {**os.environ, **variables, "PATH": path}

    def types(self, block: str) -> str:
        """What the block prints. Variables it sets are kept."""
        script = f"set -eu\nset -a\n{block}\nset +a\nenv -0 > .environment\n"
        run = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert run.returncode == 0, f"{block}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
        pairs = (self.folder / ".environment").read_text().split("\0")
        self.env = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        return run.stdout

    @contextmanager
    def receiving(self, block: str, port: str) -> Iterator[None]:
        """The block leaves a receiver running; it ends with this."""
        self.types(f"{block}\nRECEIVER=$!")
        eventually(lambda: listening_at(int(port)), "the receiver does not listen")
        try:
            yield
        finally:
            os.kill(int(self.env["RECEIVER"]), signal.SIGTERM)


def listening_at(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
