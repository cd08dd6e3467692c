"""What an operator does to a service's keystore from outside the running service.

Law: nothing here opens a sealed key; a local keystore's passphrase is changed while its service is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keepcool.adapters import keystores
from keepcool.adapters.localkeystore.keystore import check_passphrase
from keepcool.adapters.openbao import wrapping
from keepcool.adapters.openbao.connections import Connections
from keepcool.adapters.openbao.operator import KeystoreOperator
from keepcool.adapters.openbao.session import AppRole, Session
from keepcool.adapters.system import control
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.ports.settings import KeystoreSettings


@dataclass(frozen=True, slots=True)
class KeystoreDesk:
    """`settings` with absolute paths; `socket` is the running service's."""

    settings: KeystoreSettings
    service: Service
    socket: Path

    def set_passphrase(self, old: bytearray, new: bytearray) -> Path:
        """Of a local keystore, whose file it returns. Takes both over. Raises Conflict while the service
        runs, Refused on a wrong or short one."""
        with Secret(old) as before, Secret(new) as after:
            local = self.settings.local
            if local is None:
                raise Refused("keystore.no_passphrase", "this keystore is no local one and has no passphrase")
            if control.is_served(self.socket):
                raise Conflict("keystore.running", f"stop {self.service} first: it holds the keystore open")
            check_passphrase(after)
            keystore = keystores.local(local, SystemEntropy())(before)
            asyncio.run(keystore.change_passphrase(after))
            asyncio.run(keystore.close())
            return Path(local.file)

    def rotate(self, operator: Path) -> int:
        """OpenBao: a new version of the service's key."""
        with self._operator(operator) as entered:
            return entered.rotate()

    def retire(self, operator: Path, below: int) -> None:
        with self._operator(operator) as entered:
            entered.retire(below)

    def wrap(self, operator: Path, for_s: int) -> str:
        """The token of a wrapped secret id of this service."""
        with self._operator(operator) as entered:
            return entered.wrapped_secret_id(self.service.value, for_s)

    def enroll(self, wrapped: Path) -> Path:
        """Opens a wrapped secret id, proves that it lets this service in, keeps it and removes the token.
        Raises Breach keystore.wrapping when somebody else opened it."""
        if not self.settings.url:
            raise Refused("keystore.enroll", "secret ids are of OpenBao; this keystore is another")
        try:
            token = wrapped.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Malformed("keystore.wrapped", f"cannot read a wrapping token from {wrapped}") from error
        connections = Connections(self.settings.url, Path(self.settings.ca), self.settings.timeout_s)
        kept = Path(self.settings.secret_id)
        secret_id = wrapping.unwrapped(connections, token, wrapped, self.service.value)
        wrapping.keep(kept, secret_id)
        wrapped.unlink(missing_ok=True)
        session = Session(connections, AppRole(Path(self.settings.role_id), kept), time.monotonic)
        try:
            session.enter()
        finally:
            session.close()
        return kept

    @contextlib.contextmanager
    def _operator(self, folder: Path) -> Iterator[KeystoreOperator]:
        operator = KeystoreOperator(self.settings, folder)
        try:
            yield operator
        finally:
            operator.close()
