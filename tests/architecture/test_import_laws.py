"""The import laws of the house, checked as contracts and on a running program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_contracts_hold() -> None:
    """import-linter finds every contract of pyproject.toml kept."""
    tool = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.parametrize("noun", ["app", "client", "desk", "user", "balance", "withdraw"])
def test_a_program_without_keys_loads_no_key_library(noun: str) -> None:
    """Asking a keyless command for help loads neither hazmat nor a library that holds private keys."""
    forbidden = {"keepcool.hazmat", "eth_account", "mnemonic"}
    tool = Path(sys.executable).parent / "keepcool"
    run = subprocess.run(
        [sys.executable, "-X", "importtime", str(tool), noun, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert not {name for name in loaded if any(name == f or name.startswith(f + ".") for f in forbidden)}
