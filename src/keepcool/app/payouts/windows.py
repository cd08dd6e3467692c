"""Waiting for a signing window: Keeper is locked and says so; nothing is wrong, and nothing is given up."""

from __future__ import annotations

from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service

LOCKED = "keeper.locked"
WAITS = "waits for a signing window"


def told(signer: Service, error: KeepcoolError) -> str:
    """What a signer did not sign for, in words."""
    if error.code == LOCKED:
        return f"{WAITS}: {error.public}"
    return f"{signer}: {error.public}"


def is_waiting(problem: str | None) -> bool:
    """Whether this is what `told` said of a locked signer."""
    return problem is not None and WAITS in problem
