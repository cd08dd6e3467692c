"""python -m keepcool.desk --config FILE: the service without the rest of the command line."""

from __future__ import annotations

import sys

from keepcool.adapters.system.starting import start
from keepcool.core.parties import Service
from keepcool.desk import main

if __name__ == "__main__":
    sys.exit(start(Service.DESK, main.run, sys.argv[1:]))
