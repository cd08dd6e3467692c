"""A key from an operator's passphrase: slow to try, so that a stolen database is not a key.

Laws: salt and cost stand beside what is sealed, and a cost below the floor is refused, so that nobody makes
guessing cheap by editing a file; the passphrase is short-lived, and its key is a Secret. Argon2id (RFC 9106).
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl import bindings
from nacl.pwhash import argon2id

from keepcool.core.errors import Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.ports.system import Entropy

CHARACTERS_MIN, _BYTES_MAX = 12, 1024
_KEY = 32
_OPERATIONS_MAX, _MEMORY_MAX = 16, 2**31


@dataclass(frozen=True, slots=True)
class Stretching:
    """`memory_bytes` and `operations` are Argon2id's; `salt` has 16 bytes."""

    salt: bytes
    operations: int
    memory_bytes: int

    def __post_init__(self) -> None:
        if len(self.salt) != argon2id.SALTBYTES:
            raise Malformed("lock.salt", f"a salt has {argon2id.SALTBYTES} bytes; restore the lock's file")
        slow = argon2id.OPSLIMIT_MODERATE <= self.operations <= _OPERATIONS_MAX
        if not slow or not argon2id.MEMLIMIT_MODERATE <= self.memory_bytes <= _MEMORY_MAX:
            raise Malformed("lock.cost", "the lock's file makes guessing cheap, or nobody's machine do it")


def new_stretching(entropy: Entropy) -> Stretching:
    """A fresh salt at the usual cost: 256 MiB, under a second."""
    return Stretching(entropy(argon2id.SALTBYTES), argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)


def checked(passphrase: bytearray) -> Secret:
    """Takes it over. Raises Refused when it is short enough to be guessed."""
    secret = Secret(passphrase)
    try:
        characters = len(passphrase.decode())
    except UnicodeDecodeError as error:
        secret.wipe()
        raise Malformed("lock.passphrase", "a passphrase is text") from error
    if characters < CHARACTERS_MIN or len(passphrase) > _BYTES_MAX:
        secret.wipe()
        raise Refused("lock.passphrase", f"a passphrase has at least {CHARACTERS_MIN} characters")
    return secret


def stretched(passphrase: Secret, by: Stretching) -> Secret:
    """The 32-byte key. The caller wipes both."""
    with passphrase.opened() as raw:
        key = bindings.crypto_pwhash_alg(
            _KEY, bytes(raw), by.salt, by.operations, by.memory_bytes, argon2id.ALG
        )
    return Secret(bytearray(key))
