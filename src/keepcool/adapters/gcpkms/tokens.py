"""Access tokens of a Google service account: a signed claim out, a token for an hour back.

Laws: the account's private key signs claims for one address and one scope, for minutes; a token is in memory
alone. RFC 7523 (JWT bearer), RFC 7515 with RS256.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from keepcool.adapters.https.pool import Pool
from keepcool.core.errors import Refused, Unavailable

SCOPE = "https://www.googleapis.com/auth/cloudkms"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S, _EARLY_S = 600, 60
_FILE_BYTES_MAX = 64 * 1024


class _File(msgspec.Struct, frozen=True):
    client_email: str
    private_key: str
    private_key_id: str
    token_uri: str
    type: str = ""

    def __repr__(self) -> str:
        return f"_File({self.client_email!r})"


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int

    def __repr__(self) -> str:
        return "_Token()"


@dataclass(frozen=True, slots=True)
class Account:
    """Of the file of a service account."""

    email: str
    key: RSA.RsaKey = field(repr=False)
    key_id: str
    token_uri: str


def read_account(path: Path) -> Account:
    """Raises Refused on a file others can read, or that is no service account's."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise Refused("keystore.readable", f"{path} can be read by others; run: chmod 600 {path}")
            found = msgspec.json.decode(file.read(_FILE_BYTES_MAX), type=_File)
        key = RSA.import_key(found.private_key)
    except OSError as error:
        raise Refused("keystore.file", f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, IndexError, TypeError) as error:
        raise Refused("keystore.gcp", f"{path} is not the JSON file of a service account") from error
    if found.type != "service_account" or not key.has_private():
        raise Refused("keystore.gcp", f"{path} is not the JSON file of a service account")
    return Account(found.client_email, key, found.private_key_id, found.token_uri)


def claim(account: Account, now_s: int) -> str:
    """The signed claim."""
    head = {"alg": "RS256", "typ": "JWT", "kid": account.key_id}
    said = {
        "iss": account.email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now_s,
        "exp": now_s + _LIFE_S,
    }
    signed = ".".join(_written(msgspec.json.encode(part)) for part in (head, said))
    signature = pkcs1_15.new(account.key).sign(SHA256.new(signed.encode("ascii")))
    return f"{signed}.{_written(signature)}"


class Tokens:
    """Thread-safe: a token that is fresh."""

    def __init__(
        self, account: Account, ca: Path | None, timeout_s: float, clock: Callable[[], float]
    ) -> None:
        parts = urlsplit(account.token_uri)
        self._account, self._clock, self._path = account, clock, parts.path or "/"
        self._pool = Pool(f"{parts.scheme}://{parts.netloc}", ca, timeout_s)
        self._lock = threading.Lock()
        self._held, self._until_s = "", 0.0

    def fresh(self) -> str:
        """Raises Refused keystore.token when the account is not let in, Unavailable."""
        with self._lock:
            if self._clock() >= self._until_s:
                self._held, self._until_s = self._new()
            return self._held

    def refused(self, token: str) -> None:
        """The keystore did not take this one: the next is a fresh one."""
        with self._lock:
            if token == self._held:
                self._until_s = 0.0

    def close(self) -> None:
        self._pool.close()

    def _new(self) -> tuple[str, float]:
        now_s = self._clock()
        body = f"grant_type={quote(_GRANT, safe='')}&assertion={claim(self._account, int(now_s))}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = self._pool.call("POST", self._path, body.encode("ascii"), headers)
        if reply.status in (400, 401, 403):
            raise Refused(
                "keystore.token", f"Google does not let {self._account.email} in; give a new key file"
            )
        try:
            token = msgspec.json.decode(reply.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable("keystore.answer", f"Google gave no token (status {reply.status})") from error
        return token.access_token, now_s + max(token.expires_in - _EARLY_S, 1)


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
