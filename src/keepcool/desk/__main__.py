"""python -m keepcool.desk --config FILE: the service without the rest of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from keepcool.core.errors import KeepcoolError
from keepcool.desk import main


def start(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="keepcool.desk")
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--one-machine", action="store_true")
    given = parser.parse_args(arguments)
    try:
        main.run(given.config, one_machine=given.one_machine)
    except KeepcoolError as error:
        sys.stderr.write(f"keepcool desk: {error.public} [{error.code}]\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
