"""python -m keepcool.SERVICE --config FILE: a service without the rest of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service


class Run(Protocol):
    def __call__(self, file: Path, *, one_machine: bool) -> None: ...


def start(service: Service, run: Run, arguments: Sequence[str]) -> int:
    """The exit code: 1, with one line on standard error, when it does not start."""
    parser = argparse.ArgumentParser(prog=f"keepcool.{service.value}")
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--one-machine", action="store_true")
    given = parser.parse_args(arguments)
    try:
        run(given.config, one_machine=given.one_machine)
    except KeepcoolError as error:
        sys.stderr.write(f"keepcool {service.value}: {error.public} [{error.code}]\n")
        return 1
    return 0
