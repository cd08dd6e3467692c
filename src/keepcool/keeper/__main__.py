"""python -m keepcool.keeper --config FILE: the service without the rest of the command line."""

from __future__ import annotations

import sys

from keepcool.adapters.system.starting import start
from keepcool.core.parties import Service
from keepcool.keeper import main

if __name__ == "__main__":
    sys.exit(start(Service.KEEPER, main.run, sys.argv[1:]))
