"""The inner seal of a coin key: under the service's own 32-byte key, before the keystore's outer one.

Law: what is sealed is bound to service, wallet, network and purpose; in any other place it does not open.
XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): version (1) || nonce (24) || ciphertext and tag.
"""

from __future__ import annotations

import hashlib

from nacl import bindings
from nacl.exceptions import CryptoError

from keepcool.core.errors import Breach, Malformed
from keepcool.core.secret import Secret
from keepcool.ports.keystore import Bound
from keepcool.ports.system import Entropy

_VERSION = b"\x01"
_NONCE, _TAG = 24, 16
_INNER = b"keepcool-inner-seal-v1\0"
LOCK = b"keepcool-lock-seal-v1\0"
REQUEST = b"keepcool-request-seal-v1\0"
_CHECK = b"kc-request-chk1\0"


class InnerKey:
    """The service's own sealing key. Takes over the 32 bytes it is given. Under another `context` it is a key
    for another seal, an operator's lock."""

    __slots__ = ("_context", "_secret")

    def __init__(self, secret: bytearray, context: bytes = _INNER) -> None:
        if len(secret) != 32:
            raise Malformed("hazmat.inner_key", "the inner key is 32 bytes; see `keepcool doctor`")
        self._secret, self._context = Secret(secret), context

    def seal(self, secret: Secret, bound: Bound, entropy: Entropy) -> bytes:
        """`secret`, sealed and bound. The caller still owns (and wipes) the secret."""
        nonce = entropy(_NONCE)
        with self._secret.opened() as key, secret.opened() as plain:
            sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
                bytes(plain), self._context + bound.context(), nonce, bytes(key)
            )
        return _VERSION + nonce + sealed

    def unseal(self, sealed: bytes, bound: Bound) -> Secret:
        """Raises Malformed on an unknown form, Breach when it belongs to another binding or key."""
        if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE + _TAG:
            raise Malformed("hazmat.sealed_form", "a sealed key of an unknown form; restore it from backup")
        try:
            with self._secret.opened() as key:
                plain = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                    sealed[1 + _NONCE :],
                    self._context + bound.context(),
                    sealed[1 : 1 + _NONCE],
                    bytes(key),
                )
        except CryptoError as error:
            raise Breach(
                "hazmat.sealed_elsewhere", "a sealed key does not belong to this wallet or this service"
            ) from error
        return Secret(bytearray(plain))

    def check_value(self, other: Secret, bound: Bound) -> bytes:
        """Tells whether a key that comes later is this other one (16 bytes), to whoever has this key: without
        it nothing can be tried. BLAKE2b (RFC 7693), keyed."""
        with self._secret.opened() as key, other.opened() as raw:
            made = hashlib.blake2b(bound.context(), digest_size=16, key=key, person=_CHECK)
            made.update(raw)
            return made.digest()

    def wipe(self) -> None:
        self._secret.wipe()
