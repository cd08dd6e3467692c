"""What Keeper's own host may tell it while it runs: open the pools' lock, close it, how it stands.

Laws: a frame has one length, so that nothing is left to parse; what is told back is words, never a key.
"""

from __future__ import annotations

import logging
from enum import IntEnum

import msgspec

from keepcool.core.errors import KeepcoolError, Malformed, rebuild
from keepcool.core.secret import Secret
from keepcool.keeper.lock import PoolLock

_KEY = _NAME = 32
FRAME_BYTES = 1 + 4 + _KEY + _NAME
_log = logging.getLogger("keepcool.keeper")
SOCKET, TERMS = "keeper.sock", "keeper.lock.json"


class Verb(IntEnum):
    STATE, UNLOCK, LOCK = range(3)


class _Told(msgspec.Struct, frozen=True):
    """The lock as it stands, or an error: its kind, code and text."""

    state: str = ""
    kind: str = ""
    code: str = ""
    text: str = ""


def frame(verb: Verb, for_s: int = 0, key: Secret | None = None, operator: str = "") -> Secret:
    """verb (1 byte) | seconds (4) | key (32, zeros without one) | who says so (32, for the log). The key
    stays the caller's."""
    raw = bytearray(FRAME_BYTES)
    raw[5 + _KEY :] = operator.encode("ascii", "replace")[:_NAME].ljust(_NAME, b"\0")
    if not 0 <= for_s < 2**32:
        raise Malformed("keeper.window", "a window is a number of seconds")
    raw[:5] = bytes([verb]) + for_s.to_bytes(4, "big")
    if key is not None:
        with key.opened() as own:
            raw[5 : 5 + _KEY] = own
    return Secret(raw)


def answer(lock: PoolLock, raw: bytearray) -> bytes:
    """Does what the frame says and tells how the lock stands now."""
    try:
        _obey(lock, raw)
    except KeepcoolError as error:
        _log.warning("pools stay as they are", extra={"code": error.code, "operator": _operator(raw)})
        return msgspec.json.encode(_Told(kind=error.kind, code=error.code, text=error.public))
    return msgspec.json.encode(_Told(state=lock.stated or "no pool is locked here"))


def understood(told: bytes) -> str:
    """How the lock stands. Raises what Keeper reported."""
    try:
        found = msgspec.json.decode(told, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            "control.answer", "Keeper's answer is not understood; is it of this release?"
        ) from error
    if found.code:
        raise rebuild(found.kind, found.code, found.text)
    return found.state


def _obey(lock: PoolLock, raw: bytearray) -> None:
    if raw[0] == Verb.UNLOCK:
        lock.unlock(Secret(raw[5 : 5 + _KEY]), int.from_bytes(raw[1:5], "big"))
        _log.warning("pools unlocked", extra={"state": lock.stated, "operator": _operator(raw)})
    elif raw[0] == Verb.LOCK:
        lock.lock()
        _log.info("pools locked", extra={"operator": _operator(raw)})
    elif raw[0] != Verb.STATE:
        raise Malformed("control.verb", "Keeper does not know this command; is the tool of another release?")


def _operator(raw: bytearray) -> str:
    """Whom the caller claims to be: this user's processes are believed in that."""
    name = bytes(raw[5 + _KEY :]).rstrip(b"\0").decode("ascii", "replace")
    return "".join(one if one.isalnum() or one in "._-" else "?" for one in name)
