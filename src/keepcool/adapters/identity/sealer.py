"""Sealing for oneself: a box from this service's own sealing key to itself, its context inside.

A database that is read gives nothing away; whoever has the identity's folder as well reads everything, as he
reads every message. The context stands before the plaintext, so that what was sealed for one purpose opens
for no other.
"""

from __future__ import annotations

from contextlib import suppress

from keepcool.adapters.identity.files import FileIdentity
from keepcool.core.errors import Malformed
from keepcool.ports.system import Entropy

_NONCE_BYTES = 24


class SelfSealer:
    """The port Sealer over an identity."""

    def __init__(self, identity: FileIdentity, entropy: Entropy) -> None:
        self._identity, self._entropy = identity, entropy
        self._own, *self._before = identity.sealing_keys()

    def seal(self, context: bytes, plaintext: bytes) -> bytes:
        return self._identity.seal(self._own, _bound(context) + plaintext, self._entropy(_NONCE_BYTES))

    def open(self, context: bytes, sealed: bytes) -> bytes:
        opened, bound = self._opened(sealed), _bound(context)
        if not opened.startswith(bound):
            raise Malformed("identity.context", "this was sealed for another purpose")
        return opened[len(bound) :]

    def _opened(self, sealed: bytes) -> bytes:
        for before in self._before:  # a key that is being rotated away
            with suppress(Malformed):
                return self._identity.open(before, sealed)
        return self._identity.open(self._own, sealed)


def _bound(context: bytes) -> bytes:
    return len(context).to_bytes(2, "big") + context
