"""A service logged in at its keystore: AppRole, a short-lived token, renewed while it is used.

Blocking and thread-safe. The token lives in memory only. A secret id may be handed over response-wrapped
(the file then holds "wrapped <token>"): it is unwrapped once, and when somebody else was first, that is
a breach and not an error to retry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from keepcool.adapters.openbao import answers, wrapping
from keepcool.adapters.openbao.connections import Connections, Reply
from keepcool.core.errors import Refused, Unavailable

Body: TypeAlias = Mapping[str, object]

_WRAPPED = "wrapped "


@dataclass(frozen=True, slots=True)
class AppRole:
    """The files that hold this service's role id and secret id."""

    role_id: Path
    secret_id: Path


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at_s: float
    ends_at_s: float

    def __repr__(self) -> str:
        return "_Token()"


class Session:
    """`post` sends under a token that is fresh; a refused token is replaced once."""

    def __init__(
        self, connections: Connections, role: AppRole, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connections, self._role, self._monotonic = connections, role, monotonic
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def post(self, path: str, body: Body, headers: Mapping[str, str] | None = None) -> Reply:
        """Any answer that is not about the token itself. Raises Unavailable keystore.token when the
        keystore does not let us in."""
        return self._asked("POST", path, msgspec.json.encode(body), headers)

    def get(self, path: str) -> Reply:
        """As `post`."""
        return self._asked("GET", path, None, None)

    def enter(self) -> None:
        """Logs in now. Raises Unavailable keystore.token when we are not let in."""
        self._fresh()

    def health(self) -> answers.Health:
        """Needs no token. Raises Unavailable when there is no answer."""
        return answers.decoded(self._connections.call("GET", "sys/health", None, {}), answers.Health)

    def close(self) -> None:
        self._connections.close()

    def _asked(self, method: str, path: str, raw: bytes | None, headers: Mapping[str, str] | None) -> Reply:
        token = self._fresh()
        reply = self._sent(token, method, path, raw, headers)
        if reply.status == 403:
            reply = self._sent(self._replaced(token), method, path, raw, headers)
        return reply

    def _sent(
        self, token: _Token, method: str, path: str, raw: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        return self._connections.call(method, path, raw, {"X-Vault-Token": token.text} | dict(headers or {}))

    def _fresh(self) -> _Token:
        with self._lock:
            now_s = self._monotonic()
            if self._token is None or now_s >= self._token.ends_at_s:
                self._token = self._login()
            elif now_s >= self._token.renew_at_s:
                self._token = self._renewed(self._token)
            return self._token

    def _replaced(self, refused: _Token) -> _Token:
        with self._lock:
            if self._token is None or self._token is refused:
                self._token = self._login()
            return self._token

    def _renewed(self, token: _Token) -> _Token:
        """Renewal ends at the role's longest life; then the keystore shortens the lease, and we log in."""
        reply = self._sent(token, "POST", "auth/token/renew-self", b"{}", None)
        if reply.status != 200:
            return self._login()
        auth = answers.decoded(reply, answers.AuthReply).auth
        renewed = self._timed(auth)
        return renewed if renewed.ends_at_s > token.ends_at_s else self._login()

    def _login(self) -> _Token:
        credentials = {"role_id": _text(self._role.role_id), "secret_id": self._secret_id()}
        reply = self._connections.call("POST", "auth/approle/login", msgspec.json.encode(credentials), {})
        if reply.status == 200:
            return self._timed(answers.decoded(reply, answers.AuthReply).auth)
        if reply.status in (400, 403):
            raise Unavailable(
                "keystore.token",
                f"the keystore does not let us in with {self._role.secret_id} ({answers.said(reply)}); "
                "issue a new secret id for this service",
            )
        raise answers.refusal(reply)

    def _timed(self, auth: answers.Auth) -> _Token:
        now_s = self._monotonic()
        return _Token(auth.client_token, now_s + auth.lease_duration * 0.5, now_s + auth.lease_duration)

    def _secret_id(self) -> str:
        text = _text(self._role.secret_id)
        if not text.startswith(_WRAPPED):
            return text
        token = text.removeprefix(_WRAPPED).strip()
        secret_id = wrapping.unwrapped(self._connections, token, self._role.secret_id)
        wrapping.keep(self._role.secret_id, secret_id)
        return secret_id


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("keystore.file", f"cannot read {file}: {error}") from error
