"""What an operator does with a service's keystore key: rotate it, retire old versions, issue a secret id.

Laws: it enters by a role of its own, whose files lie with the root folder and never on the service's host;
that role opens nothing that is sealed; a secret id leaves only response-wrapped, for minutes.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from keepcool.adapters.openbao import answers
from keepcool.adapters.openbao.connections import Connections, Reply
from keepcool.adapters.openbao.session import AppRole, Session
from keepcool.core.errors import Refused
from keepcool.ports.settings import KeystoreSettings

ROLE_ID, SECRET_ID = "operator-role.id", "operator-secret.id"
WRAPPED_S_MAX = 3600


class _Versions(msgspec.Struct, frozen=True):
    latest_version: int
    min_decryption_version: int


class _VersionsReply(msgspec.Struct, frozen=True):
    data: _Versions


class _Wrapping(msgspec.Struct, frozen=True):
    token: str


class _WrappedReply(msgspec.Struct, frozen=True):
    wrap_info: _Wrapping

    def __repr__(self) -> str:
        return "_WrappedReply()"


class KeystoreOperator:
    """Blocking; `close` it."""

    def __init__(self, settings: KeystoreSettings, folder: Path) -> None:
        """`settings` of the service, with absolute paths; `folder` holds the operator's two files. Raises
        Refused where the keystore is no OpenBao."""
        if not settings.url:
            raise Refused("keystore.operator", "an operator's role is of OpenBao; this keystore is another")
        self._key = settings.transit_key
        connections = Connections(settings.url, Path(settings.ca), settings.timeout_s)
        self._session = Session(connections, AppRole(folder / ROLE_ID, folder / SECRET_ID))

    def versions(self) -> tuple[int, int]:
        """The newest version, and the oldest that still opens."""
        reply = self._session.get(f"transit/keys/{self._key}")
        if reply.status != 200:
            raise answers.refusal(reply)
        found = answers.decoded(reply, _VersionsReply).data
        return found.latest_version, found.min_decryption_version

    def rotate(self) -> int:
        """A new version, which seals from now on; older ones open still."""
        self._done(self._session.post(f"transit/keys/{self._key}/rotate", {}))
        return self.versions()[0]

    def retire(self, below: int) -> None:
        """Versions below open nothing any more."""
        path = f"transit/keys/{self._key}/config"
        self._done(self._session.post(path, {"min_decryption_version": below}))

    def wrapped_secret_id(self, service: str, wrap_s: int) -> str:
        """The token a fresh secret id is wrapped in. Raises Malformed on a time that is none."""
        if not 1 <= wrap_s <= WRAPPED_S_MAX:
            raise Refused("keystore.wrap", f"a secret id is wrapped for 1 to {WRAPPED_S_MAX} seconds")
        headers = {"X-Vault-Wrap-TTL": f"{wrap_s}s"}
        reply = self._session.post(f"auth/approle/role/{service}/secret-id", {}, headers)
        if reply.status != 200:
            raise answers.refusal(reply)
        return answers.decoded(reply, _WrappedReply).wrap_info.token

    def close(self) -> None:
        self._session.close()

    @staticmethod
    def _done(reply: Reply) -> None:
        if reply.status not in (200, 204):
            raise answers.refusal(reply)
