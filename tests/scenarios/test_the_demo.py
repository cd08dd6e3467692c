"""The demo: the whole story holds, is told as the README tells it, and leaves nothing running."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, shape
from tests.fixtures.bitcoinchain import require_litecoin
from tests.fixtures.chain import require_chain

pytestmark = [pytest.mark.live, pytest.mark.timeout(1100)]
BIN = Path(sys.executable).parent
SECONDS_MAX = 500  # a busy CI machine; the figure for an idle one stands in bench/


def test_the_story_holds_as_the_readme_tells_it(tmp_path: Path) -> None:
    """`keepcool demo` ends with 0, says every line of the README's story, and ends every process."""
    require_chain()
    require_litecoin()
    began_s = time.monotonic()
    run = subprocess.run(
        [str(BIN / "keepcool"), "demo", "--folder", str(tmp_path / "demo")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=2 * SECONDS_MAX,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert time.monotonic() - began_s < SECONDS_MAX
    told = {shape(line.partition("s  ")[2]) for line in run.stdout.splitlines()}
    assert [line for line in blocks("README.md", "demo")[0].splitlines() if shape(line) not in told] == []
    assert run.stdout.count("  equal") == 15
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
