"""The walls around a signer's process, raised in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, resource
from pathlib import Path
from keepcool.hazmat.process import harden
report = harden()
lines = Path("/proc/self/status").read_text().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
print(json.dumps({"core": resource.getrlimit(resource.RLIMIT_CORE), "privs": status["NoNewPrivs"].strip(),
                  "dumps": report.no_core_dumps, "hidden": report.not_dumpable, "missing": report.missing(),
                  "locked": report.memory_locked}))
"""


def test_a_hardened_process_leaves_no_core_and_gains_nothing() -> None:
    """Core dumps are off, the process is hidden, no privileges can be gained, gaps are said aloud."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["core"] == [0, 0]
    assert seen["privs"] == "1"
    assert seen["dumps"]
    assert seen["hidden"]
    assert bool(seen["missing"]) == (not seen["locked"])
