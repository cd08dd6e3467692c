"""python -m keepcool.app --config FILE: the service without the rest of the command line."""

from __future__ import annotations

import sys

from keepcool.adapters.system.starting import start
from keepcool.app.serving import main
from keepcool.core.parties import Service

if __name__ == "__main__":
    sys.exit(start(Service.APP, main.run, sys.argv[1:]))
