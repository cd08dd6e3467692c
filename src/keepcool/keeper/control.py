"""What Keeper's own host may tell it of the pools' lock while it runs: open it, close it, how it stands.

Laws: a command of the lock has one length, so that nothing is left to parse; what is told back is words and
never a key; the buffer with the key in it is wiped where it was read (`adapters.system.control`).
"""

from __future__ import annotations

import logging
from enum import IntEnum

from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.secret import Secret
from keepcool.cosigner.control import Deed
from keepcool.keeper.lock import PoolLock

_KEY = _NAME = 32
BODY_BYTES = 4 + _KEY + _NAME
TERMS = "keeper.lock.json"
_log = logging.getLogger("keepcool.keeper")


class Verb(IntEnum):
    STATE, UNLOCK, LOCK = range(3)


def frame(verb: Verb, for_s: int = 0, key: Secret | None = None, operator: str = "") -> Secret:
    """verb (1 byte) | seconds (4) | key (32, zeros without one) | who says so (32, for the log). The key
    stays the caller's."""
    raw = bytearray(1 + BODY_BYTES)
    raw[5 + _KEY :] = operator.encode("ascii", "replace")[:_NAME].ljust(_NAME, b"\0")
    if not 0 <= for_s < 2**32:
        raise Malformed("keeper.window", "a window is a number of seconds")
    raw[:5] = bytes([verb]) + for_s.to_bytes(4, "big")
    if key is not None:
        with key.opened() as own:
            raw[5 : 5 + _KEY] = own
    return Secret(raw)


def deeds(lock: PoolLock) -> dict[int, Deed]:
    """What may be done with the lock, by command; each tells how it stands then."""

    async def state(_: bytearray) -> str:
        return lock.stated or "no pool is locked here"

    async def unlock(body: bytearray) -> str:
        _check_length(body)
        try:
            lock.unlock(Secret(body[4 : 4 + _KEY]), int.from_bytes(body[:4], "big"))
        except KeepcoolError as error:
            _log.warning("pools stay as they are", extra={"code": error.code, "operator": _operator(body)})
            raise
        _log.warning("pools unlocked", extra={"state": lock.stated, "operator": _operator(body)})
        return await state(body)

    async def close(body: bytearray) -> str:
        _check_length(body)
        lock.lock()
        _log.info("pools locked", extra={"operator": _operator(body)})
        return await state(body)

    return {Verb.STATE: state, Verb.UNLOCK: unlock, Verb.LOCK: close}


def _check_length(body: bytearray) -> None:
    if len(body) != BODY_BYTES:
        raise Malformed("control.body", "a command of the lock has another length")


def _operator(body: bytearray) -> str:
    """Whom the caller claims to be: this user's processes are believed in that."""
    name = bytes(body[4 + _KEY :]).rstrip(b"\0").decode("ascii", "replace")
    return "".join(one if one.isalnum() or one in "._-" else "?" for one in name)
