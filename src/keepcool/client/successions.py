"""Attestation keys that follow the pinned ones, as the installation's root key lists them.

Laws: App only carries the lists: one counts under the pinned root key alone, with the pinned key in it, and
never an older one after a newer; what was learnt is kept in a file, so that it holds for the next client.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.core.errors import Malformed
from keepcool.core.parties import Service
from keepcool.core.succession import Succession, check_continues, newer
from keepcool.wire.successions import SignedSuccession, verified

_FILE_BYTES_MAX = 65_536


def _now_s() -> int:
    return int(time.time())


class Followed:
    """What a client has learnt. `pinned`: the keys it was given; `root`: the installation's root key."""

    def __init__(
        self,
        root: bytes,
        pinned: Mapping[Service, bytes],
        file: Path | None = None,
        now_s: Callable[[], int] = _now_s,
    ) -> None:
        self._root, self._pinned, self._file, self._now_s = root, dict(pinned), file, now_s
        self._known: dict[Service, tuple[Succession, SignedSuccession]] = {}
        for one in self._read():
            with contextlib.suppress(Malformed):
                self._take(one)

    def offer(self, signed: SignedSuccession) -> bool:
        """Whether it was news. Raises Malformed on what the root key did not sign, or of other keys."""
        if not self._take(signed):
            return False
        self._write()
        return True

    def counting(self, service: Service) -> tuple[bytes, ...]:
        known = self._known.get(service)
        return (self._pinned[service],) if known is None else known[0].counting(self._now_s())

    def _take(self, signed: SignedSuccession) -> bool:
        offered = verified(signed, self._root)
        check_continues([self._pinned[offered.service]], offered)
        before = self._known.get(offered.service)
        if not newer(None if before is None else before[0], offered):
            return False
        self._known[offered.service] = (offered, signed)
        return True

    def _read(self) -> list[SignedSuccession]:
        if self._file is None or not self._file.is_file():
            return []
        try:
            with self._file.open("rb") as file:
                return msgspec.json.decode(file.read(_FILE_BYTES_MAX), type=list[SignedSuccession])
        except (OSError, msgspec.DecodeError) as error:
            raise Malformed("client.keys_file", f"{self._file}: cannot be read; remove it") from error

    def _write(self) -> None:
        if self._file is None:
            return
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        beside.write_bytes(msgspec.json.encode([signed for _, signed in self._known.values()]))
        beside.replace(self._file)


def verify_by_any(keys: tuple[bytes, ...], message: bytes, signature: bytes) -> None:
    """Raises BadSignatureError or ValueError when none of these keys made it."""
    for key in keys[:-1]:
        with contextlib.suppress(BadSignatureError, ValueError):
            VerifyKey(key).verify(message, signature)
            return
    if not keys:
        raise BadSignatureError
    VerifyKey(keys[-1]).verify(message, signature)
