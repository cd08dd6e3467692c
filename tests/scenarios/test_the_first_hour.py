"""docs/start/first-hour.md, executed: every command as it stands, against a chain of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.client import profile
from keepcool.client.api import awaited
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from keepcool.local.layout import Layout
from keepcool.local.process import ChildProcess
from keepcool.local.running import Installation
from tests.docs.pages import blocks
from tests.fixtures.chain import running_chain
from tests.fixtures.processes import own_folder

pytestmark = pytest.mark.live
PAGE = "docs/start/first-hour.md"
BIN = Path(sys.executable).parent
COIN = 10**18


@pytest.fixture
def chain() -> Iterator[DevChain]:
    with running_chain(Mining(block_time_s=1, epoch_slots=1)) as running:
        deploy_safe_contracts(running)
        yield running


class Reader:
    """Somebody who types what the page says, in one folder and one environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.env = folder, {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def types(self, block: str) -> str:
        """What the block prints. Variables it sets are kept."""
        script = f"set -eu\n{block}\nenv -0 > .environment\n"
        run = subprocess.run(
            ["bash", "-c", f"set -a\n{script}"],
            cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        assert run.returncode == 0, f"{block}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
        pairs = (self.folder / ".environment").read_text().split("\0")
        self.env = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        return run.stdout


def test_the_first_hour_works_as_written(chain: DevChain) -> None:
    """Following the page ends with a paid withdrawal and a client that has a verified address."""
    cold, init, look, up, fund, wallet, withdraw = blocks(PAGE, "sh")
    (program,) = blocks(PAGE, "python")
    somebody = chain.accounts()[7]
    with own_folder("first-hour") as folder:
        reader = Reader(folder)
        reader.env |= {
            "NODE": chain.url,
            "TOKEN": deploy_token(chain, "Test Dollar", "USDX", 1000 * COIN),
            "SOMEBODY": somebody,
        }
        for block in (cold, init, look):
            reader.types(block)
        log, words = folder / "up.log", up.split()
        with ChildProcess("up", [str(BIN / words[0]), *words[1:]], folder, log) as running:
            installation = Installation(Layout(folder / "kc"))
            running.wait_ready(lambda: not installation.unready(), 60)
            purse = reader.types(fund).split("eip155:31337")[1].split()[0]
            chain.fund(purse, COIN)
            told = dict(line.split(None, 1) for line in reader.types(wallet).splitlines())
            chain.fund(told["address"], COIN)
            reader.env["WALLET"] = told["wallet"]
            await_credit(folder, told["wallet"])
            before = chain.balance(somebody)
            assert "confirmed" in reader.types(withdraw)
            assert chain.balance(somebody) - before == COIN // 10
            assert "0x" in reader.types(f"python3 - <<'PROGRAM'\n{program}\nPROGRAM")


def await_credit(folder: Path, wallet: str) -> None:
    with profile.connect(folder / "kc/operator/operator.toml") as client:
        awaited(
            lambda: client.read.balances(wallet),
            lambda balances: any(int(one.available) == COIN for one in balances),
            30,
            "the deposit is not credited",
        )
