"""Wrong passphrases are counted in a file, so that a restart is not a fresh chance.

Laws: a try is counted before it is made and forgotten only when it was right; the first few are free, then
each waits twice as long as the one before, at most an hour. Whoever can write the file beside the keystore
can try without us anyway: against him stands the cost of Argon2id alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepcool.core.errors import Refused

FREE = 5
_WAIT_S_MAX = 3600


class _Counted(msgspec.Struct, frozen=True):
    wrong: int = 0
    next_s: int = 0


@dataclass(frozen=True, slots=True)
class Tries:
    """Of one keystore's passphrase; `path` is the counter's."""

    path: Path

    @classmethod
    def of(cls, keystore: Path) -> Tries:
        return cls(keystore.with_name(f"{keystore.name}.tries"))

    def begin(self, now_s: int) -> None:
        """Counts a try. Raises Refused while it is too early for one."""
        counted = self._read()
        wait_s = min(counted.next_s - now_s, _WAIT_S_MAX)  # a clock set back costs an hour, not for ever
        if wait_s > 0:
            raise Refused(
                "keystore.tries",
                f"{counted.wrong} passphrases were wrong; the next try is possible in {wait_s} s",
                wait_s=wait_s,
            )
        wrong = counted.wrong + 1
        self._write(_Counted(wrong, now_s + pause_s(wrong)))

    def right(self) -> None:
        self.path.unlink(missing_ok=True)

    def _read(self) -> _Counted:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Counted)
        except FileNotFoundError:
            return _Counted()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return _Counted(FREE)  # a spoilt counter gives no fresh chances

    def _write(self, counted: _Counted) -> None:
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(counted))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            raise Refused(
                "keystore.tries", f"cannot count tries in {self.path}: {error.strerror}; make room there"
            ) from error


def pause_s(wrong: int) -> int:
    """How long to wait after so many wrong tries."""
    return 0 if wrong < FREE else int(min(2 ** min(wrong - FREE, 20), _WAIT_S_MAX))
