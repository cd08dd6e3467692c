"""The encryption of BSMS files under a token that cosigners tell each other by another way.

Laws: what was altered, or sealed under another token, is refused; the same text under the same token gives
the same bytes, as the format wants it. A token guards a set-up for hours, not coins. BIP-129.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Protocol, cast

from Crypto.Cipher import AES

from keepcool.core.errors import Malformed

_PASSWORD, _ROUNDS = b"No SPOF", 2048
_TOKEN = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_MAC, _IV = 32, 16


class _Cipher(Protocol):
    def encrypt(self, plaintext: bytes) -> bytes: ...

    def decrypt(self, ciphertext: bytes) -> bytes: ...


def seal(text: str, token: str) -> bytes:
    """MAC and ciphertext under a token of 16 (standard) or 32 (extended) hex digits. Raises Malformed."""
    key = _key(token)
    mac = _mac(key, token, text.encode())
    return mac + _counter(key, mac).encrypt(text.encode())


def unseal(sealed: bytes, token: str) -> str:
    """The text. Raises Malformed on another token and on altered bytes."""
    key, mac = _key(token), sealed[:_MAC]
    if len(mac) != _MAC:
        raise Malformed("bsms.sealed", "the file is too short")
    raw = _counter(key, mac).decrypt(sealed[_MAC:])
    if not hmac.compare_digest(mac, _mac(key, token, raw)):
        raise Malformed("bsms.sealed", "the file was sealed under another token, or altered")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed("bsms.sealed", "what was sealed is no text") from error


def _key(token: str) -> bytes:
    if not _TOKEN.fullmatch(token):
        raise Malformed("bsms.token", "a token is 16 or 32 small hex digits")
    return hashlib.pbkdf2_hmac("sha512", _PASSWORD, bytes.fromhex(token), _ROUNDS, 32)


def _mac(key: bytes, token: str, data: bytes) -> bytes:
    return hmac.digest(hashlib.sha256(key).digest(), token.encode() + data, "sha256")


def _counter(key: bytes, mac: bytes) -> _Cipher:
    return cast(_Cipher, AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=mac[:_IV]))
