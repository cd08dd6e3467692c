"""AWS KMS: Encrypt and Decrypt with an encryption context that names service, wallet, network and purpose.

Laws: every request is signed (SigV4) and names the key; the context stands in CloudTrail in clear, and so
does the reference, as the user agent. Written from the KMS API reference (TrentService, JSON 1.1), and proven
against a simulator of it alone: UNVERIFIED against the real service.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from keepcool.adapters.awskms import signing
from keepcool.adapters.awskms.signing import Credentials, Request, Scope
from keepcool.adapters.cloudkms import CloudKeystore, unbound
from keepcool.adapters.https.pool import Pool, Reply
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.core.secret import Secret
from keepcool.ports.keystore import Bound
from keepcool.ports.settings import AwsKmsSettings

MARK = b"aws1:"
_TYPE = "application/x-amz-json-1.1"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}")
_FOREIGN = ("InvalidCiphertextException", "IncorrectKeyException")
_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException")
_CREDENTIALS_BYTES_MAX = 8192
_AnyReply = TypeVar("_AnyReply", bound=msgspec.Struct)


class _Sealed(msgspec.Struct, frozen=True):
    CiphertextBlob: bytes
    KeyId: str


class _Opened(msgspec.Struct, frozen=True):
    Plaintext: bytes
    KeyId: str

    def __repr__(self) -> str:
        return "_Opened()"


class _Key(msgspec.Struct, frozen=True):
    KeyState: str
    KeyUsage: str


class _Described(msgspec.Struct, frozen=True):
    KeyMetadata: _Key


class _Error(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="__type", default="")
    message: str = ""


class AwsKms:
    """Blocking; satisfies `cloudkms.Service`."""

    def __init__(
        self, settings: AwsKmsSettings, credentials: Credentials, clock: Callable[[], float]
    ) -> None:
        """Raises Refused on a region or a key that is none."""
        if not _REGION.fullmatch(settings.region) or not _ARN.fullmatch(settings.key):
            raise Refused("keystore.aws", "keystore.aws: region as eu-central-1, key as the ARN of a key")
        self._key, self._credentials, self._clock = settings.key, credentials, clock
        self._scope = Scope(settings.region, "kms")
        url = settings.endpoint or f"https://kms.{settings.region}.amazonaws.com"
        self._pool = Pool(url, Path(settings.ca) if settings.ca else None, settings.timeout_s)

    def seal(self, bound: Bound, raw: bytes) -> bytes:
        body = {"KeyId": self._key, "Plaintext": _text(raw), "EncryptionContext": _context(bound)}
        reply = self._asked("Encrypt", body, "keepcool")
        if reply.status != 200:
            raise _refusal(reply)
        return _decoded(reply, _Sealed).CiphertextBlob

    def unseal(self, bound: Bound, sealed: bytes, reference: str) -> bytes:
        body = {"KeyId": self._key, "CiphertextBlob": _text(sealed), "EncryptionContext": _context(bound)}
        reply = self._asked("Decrypt", body, f"keepcool {reference}")
        if reply.status != 200:
            error = _error(reply)
            if error.kind.rpartition("#")[2] in _FOREIGN:
                raise unbound(bound, "AWS KMS does not open it there")
            raise _refusal(reply)
        opened = _decoded(reply, _Opened)
        if opened.KeyId != self._key:
            raise unbound(bound, "it was sealed under another key")
        return opened.Plaintext

    def check(self) -> None:
        """Raises Refused when the key is not one that seals, or we may not look at it."""
        reply = self._asked("DescribeKey", {"KeyId": self._key}, "keepcool")
        if reply.status != 200:
            raise _refusal(reply)
        key = _decoded(reply, _Described).KeyMetadata
        if (key.KeyState, key.KeyUsage) != ("Enabled", "ENCRYPT_DECRYPT"):
            said = f"the key is {key.KeyState[:40]}, for {key.KeyUsage[:40]}"
            raise Refused(
                "keystore.aws", f"keystore.aws: {said}; take one that is enabled, to encrypt and decrypt"
            )

    def close(self) -> None:
        self._pool.close()
        self._credentials.secret_key.wipe()

    def _asked(self, action: str, body: Mapping[str, object], agent: str) -> Reply:
        at, raw = signing.stamp(int(self._clock())), msgspec.json.encode(body)
        headers = {
            "Content-Type": _TYPE,
            "X-Amz-Date": at,
            "X-Amz-Target": f"TrentService.{action}",
            "User-Agent": agent,
        }
        if self._credentials.token:
            headers["X-Amz-Security-Token"] = self._credentials.token
        signed = {"Host": self._pool.named, **headers}
        given = signing.authorization(Request("POST", "/", signed, raw), self._credentials, self._scope, at)
        return self._pool.call("POST", "/", raw, {**headers, "Authorization": given})


def opened(settings: AwsKmsSettings) -> CloudKeystore:
    """`settings` with absolute paths. Talks to nobody yet. Raises Refused on what is none."""
    kms = AwsKms(settings, read_credentials(Path(settings.credentials)), time.time)
    return CloudKeystore(kms, MARK, settings.timeout_s)


def read_credentials(path: Path) -> Credentials:
    """Access key id, secret access key and, where there is one, session token: a line each, mode 0600."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise Refused("keystore.readable", f"{path} can be read by others; run: chmod 600 {path}")
            lines = file.read(_CREDENTIALS_BYTES_MAX).split()
    except OSError as error:
        raise Refused("keystore.file", f"cannot read {path}: {error.strerror}") from error
    if len(lines) not in (2, 3) or not all(line.isascii() for line in lines):
        raise Refused(
            "keystore.aws", f"{path}: a line each: access key id, secret access key[, session token]"
        )
    token = lines[2].decode() if len(lines) == 3 else ""
    return Credentials(lines[0].decode(), Secret(bytearray(lines[1])), token)


def _context(bound: Bound) -> dict[str, str]:
    return {
        "service": bound.service,
        "wallet": bound.wallet,
        "network": bound.network,
        "purpose": bound.purpose,
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decoded(reply: Reply, kind: type[_AnyReply]) -> _AnyReply:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable("keystore.answer", "AWS KMS answered with something else") from error


def _error(reply: Reply) -> _Error:
    try:
        return msgspec.json.decode(reply.body, type=_Error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()


def _refusal(reply: Reply) -> KeepcoolError:
    error = _error(reply)
    kind = error.kind.rpartition("#")[2][:60]
    if kind in _DENIED or kind in ("NotFoundException", "DisabledException"):
        return Refused("keystore.denied", f"AWS KMS does not allow this to us: {kind}")
    return Unavailable("keystore.answer", f"AWS KMS cannot answer now: {kind or f'status {reply.status}'}")
