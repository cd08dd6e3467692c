"""A wallet's own key, from its user's password: derived where the user is, lent or changed through App.

Laws: a password is told to nobody and kept nowhere; one wallet's key says nothing of another's; the password
that was forgotten is a hot key lost. Argon2id (RFC 9106) over a salt of the wallet's id.
"""

from __future__ import annotations

import hashlib

from nacl import bindings
from nacl.pwhash import argon2id

from keepcool.client.http import Api
from keepcool.client.models import Answer
from keepcool.core.errors import Malformed, Refused
from keepcool.core.secret import Secret

CHARACTERS_MIN, _BYTES_MAX = 12, 1024
_KEY = 32
_PERSON = b"kc-request-key-1"


class Lent(Answer, frozen=True):
    until_ms: int


class Changed(Answer, frozen=True):
    kept_by: str


def derived(password: Secret, wallet: str) -> Secret:
    """The wallet's key, 32 bytes; the caller wipes both. Takes 256 MiB and about a second. Raises Refused on
    a password that is short enough to be guessed."""
    salt = hashlib.blake2b(wallet.encode(), digest_size=argon2id.SALTBYTES, person=_PERSON).digest()
    with password.opened() as raw:
        if not CHARACTERS_MIN <= len(raw) <= _BYTES_MAX:
            raise Refused("request_key.password", f"a password has at least {CHARACTERS_MIN} characters")
        key = bindings.crypto_pwhash_alg(
            _KEY, bytes(raw), salt, argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE, argon2id.ALG
        )
    return Secret(bytearray(key))


class RequestKeys:
    """What App is asked about wallets' own keys."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def lend(self, wallet: str, key: Secret) -> int:
        """Payments out of the wallet are signed until then (Unix ms). The key stays the caller's."""
        return self._api.post(_path(wallet), Lent, {"key": _text(key)}).until_ms

    def change(self, wallet: str, key: Secret | None, before: Secret | None = None) -> str:
        """Who keeps it now: `user`, or `app` when no key is given. Both stay the caller's."""
        body = {"key": key, "before": before}
        given = {name: _text(one) for name, one in body.items() if one is not None}
        return self._api.put(_path(wallet), Changed, given).kept_by


def _path(wallet: str) -> str:
    if not wallet or "/" in wallet:
        raise Malformed("wallet.id", "this is no wallet's id")
    return f"/v1/wallets/{wallet}/request-key"


def _text(key: Secret) -> str:
    with key.opened() as raw:
        return raw.hex()
