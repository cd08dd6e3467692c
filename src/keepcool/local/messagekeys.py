"""The steps of a rotation of message keys, for the command line of the service's own host."""

from __future__ import annotations

from pathlib import Path

from keepcool.adapters.identity import rotating
from keepcool.adapters.system.clock import SystemEntropy

forget, in_use, switch = rotating.forget, rotating.in_use, rotating.switch


def make_next(folder: Path) -> tuple[str, str]:
    """As `rotating.make_next`, of this machine's randomness."""
    return rotating.make_next(folder, SystemEntropy())
