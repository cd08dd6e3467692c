"""Google Cloud KMS: encrypt and decrypt, the binding as additional authenticated data.

Laws: every request carries a fresh token of the service account; the reference stands in the cloud's audit
log, as the reason of the request. Written from the Cloud KMS v1 REST reference, and proven against a
simulator of it alone: UNVERIFIED against the real service.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from keepcool.adapters.cloudkms import CloudKeystore, unbound
from keepcool.adapters.gcpkms.tokens import Tokens, read_account
from keepcool.adapters.https.pool import Pool, Reply
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.keystore import Bound
from keepcool.ports.settings import GcpKmsSettings

MARK = b"gcp1:"
_NAME = r"[A-Za-z0-9_-]{1,63}"
_KEY = re.compile(rf"projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/keyRings/{_NAME}/cryptoKeys/{_NAME}")
_AnyReply = TypeVar("_AnyReply", bound=msgspec.Struct)


class _Sealed(msgspec.Struct, frozen=True):
    ciphertext: bytes


class _Opened(msgspec.Struct, frozen=True):
    plaintext: bytes = b""

    def __repr__(self) -> str:
        return "_Opened()"


class _Version(msgspec.Struct, frozen=True):
    state: str = ""


class _Key(msgspec.Struct, frozen=True):
    purpose: str = ""
    primary: _Version = _Version()


class _Problem(msgspec.Struct, frozen=True):
    status: str = ""


class _Error(msgspec.Struct, frozen=True):
    error: _Problem = _Problem()


class GcpKms:
    """Blocking; satisfies `cloudkms.Service`."""

    def __init__(self, settings: GcpKmsSettings, tokens: Tokens) -> None:
        """Raises Refused on a key that is none."""
        if not _KEY.fullmatch(settings.key):
            raise Refused(
                "keystore.gcp",
                "keystore.gcp.key: projects/P/locations/L/keyRings/R/cryptoKeys/K, as it is named",
            )
        self._key, self._tokens = settings.key, tokens
        ca = Path(settings.ca) if settings.ca else None
        self._pool = Pool(settings.endpoint, ca, settings.timeout_s)

    def seal(self, bound: Bound, raw: bytes) -> bytes:
        body = {"plaintext": _text(raw), "additionalAuthenticatedData": _text(bound.context())}
        reply = self._asked("POST", ":encrypt", body, "keepcool")
        if reply.status != 200:
            raise _refusal(reply)
        return _decoded(reply, _Sealed).ciphertext

    def unseal(self, bound: Bound, sealed: bytes, reference: str) -> bytes:
        body = {"ciphertext": _text(sealed), "additionalAuthenticatedData": _text(bound.context())}
        reply = self._asked("POST", ":decrypt", body, reference)
        if reply.status == 400 and _status(reply) == "INVALID_ARGUMENT":
            raise unbound(bound, "Cloud KMS does not open it there")
        if reply.status != 200:
            raise _refusal(reply)
        return _decoded(reply, _Opened).plaintext

    def check(self) -> None:
        """Raises Refused when the key is not one that seals, or we may not look at it."""
        reply = self._asked("GET", "", None, "keepcool")
        if reply.status != 200:
            raise _refusal(reply)
        key = _decoded(reply, _Key)
        if (key.purpose, key.primary.state) != ("ENCRYPT_DECRYPT", "ENABLED"):
            said = f"its key is for {key.purpose[:40]}, and {key.primary.state[:40]}"
            raise Refused(
                "keystore.gcp", f"keystore.gcp: {said}; take one that is enabled, to encrypt and decrypt"
            )

    def close(self) -> None:
        self._pool.close()
        self._tokens.close()

    def _asked(self, method: str, verb: str, body: Mapping[str, object] | None, reason: str) -> Reply:
        raw = None if body is None else msgspec.json.encode(body)
        token = self._tokens.fresh()
        reply = self._sent(method, verb, raw, reason, token)
        if reply.status == 401:  # it was revoked: once more with a fresh one
            self._tokens.refused(token)
            reply = self._sent(method, verb, raw, reason, self._tokens.fresh())
        return reply

    def _sent(self, method: str, verb: str, raw: bytes | None, reason: str, token: str) -> Reply:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Goog-Request-Reason": reason,
        }
        return self._pool.call(method, f"/v1/{self._key}{verb}", raw, headers)


def opened(settings: GcpKmsSettings) -> CloudKeystore:
    """`settings` with absolute paths. Talks to nobody yet. Raises Refused on what is none."""
    ca = Path(settings.ca) if settings.ca else None
    tokens = Tokens(read_account(Path(settings.service_account)), ca, settings.timeout_s, time.time)
    return CloudKeystore(GcpKms(settings, tokens), MARK, settings.timeout_s)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decoded(reply: Reply, kind: type[_AnyReply]) -> _AnyReply:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable("keystore.answer", "Cloud KMS answered with something else") from error


def _status(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.body, type=_Error).error.status[:60]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _refusal(reply: Reply) -> KeepcoolError:
    status = _status(reply)
    if reply.status in (401, 403, 404):
        return Refused("keystore.denied", f"Cloud KMS does not allow this to us: {status or reply.status}")
    return Unavailable(
        "keystore.answer", f"Cloud KMS cannot answer now: {status or f'status {reply.status}'}"
    )
