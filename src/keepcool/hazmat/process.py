"""Walls around a process that holds coin keys: no core dumps, no debugger, no new privileges, no swap.

Law: best effort, said aloud. `harden` reports what held, so that a service can print or refuse.
Linux: setrlimit(2), prctl(2), mlockall(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Hardening:
    """What of it this system granted."""

    no_core_dumps: bool
    not_dumpable: bool
    no_new_privileges: bool
    memory_locked: bool

    def missing(self) -> tuple[str, ...]:
        """Sentences on what was not granted, empty when all was."""
        wanted = {
            "core dumps could not be switched off": self.no_core_dumps,
            "other processes of this user may read this one's memory": self.not_dumpable,
            "this process may still gain privileges": self.no_new_privileges,
            "memory is not locked: switch swap off, or raise LimitMEMLOCK to infinity": self.memory_locked,
        }
        return tuple(sentence for sentence, held in wanted.items() if not held)


def harden() -> Hardening:
    """Raise the walls around this process, for its whole life. Never raises."""
    library = ctypes.CDLL(None, use_errno=True)
    return Hardening(
        no_core_dumps=_no_core_dumps(),
        not_dumpable=library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        no_new_privileges=library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        memory_locked=_may_lock_all() and _lock_all(library),
    )


def _no_core_dumps() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True


def _may_lock_all() -> bool:
    # Under a finite limit a successful MCL_FUTURE would make later allocations fail: worse than swap.
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return soft == resource.RLIM_INFINITY or os.geteuid() == 0


def _lock_all(library: ctypes.CDLL) -> bool:
    return bool(library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)
