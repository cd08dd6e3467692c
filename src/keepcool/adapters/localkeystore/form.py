"""The local keystore's file: data keys, each sealed under a key that a passphrase becomes.

Laws: what is sealed is bound to its version and to this form; a cost below the floor is refused, so that
nobody makes guessing cheap by editing the file; the file is replaced whole, never written into. Argon2id
(RFC 9106); XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): nonce (24) || ciphertext and tag. Version 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from keepcool.adapters.identity.keyfiles import write_private
from keepcool.core.errors import Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.ports.system import Entropy

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16
VERSIONS_MAX = 64
_FILE_BYTES_MAX = 64 * 1024
_OPERATIONS_MAX, _MEMORY_MAX = 16, 2**31
_CONTEXT = b"keepcool-local-keystore-v1\0"


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's. `operations` and `memory_bytes` at least those libsodium calls interactive."""

    operations: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE

    def __post_init__(self) -> None:
        slow = argon2id.OPSLIMIT_INTERACTIVE <= self.operations <= _OPERATIONS_MAX
        if not slow or not argon2id.MEMLIMIT_INTERACTIVE <= self.memory_bytes <= _MEMORY_MAX:
            raise Malformed(
                "keystore.cost", "the keystore's file makes guessing cheap, or nobody's machine do it"
            )


FLOOR = Cost(argon2id.OPSLIMIT_INTERACTIVE, argon2id.MEMLIMIT_INTERACTIVE)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the file holds: nothing of it is a secret without the passphrase. `sealed` is by version."""

    salt: bytes
    cost: Cost
    sealed: Mapping[int, bytes]


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    sealed: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    salt: str
    operations: int
    memory_bytes: int
    keys: list[_Key]
    form: int = 1


def stretched(passphrase: Secret, salt: bytes, cost: Cost) -> Secret:
    """The 32-byte key that seals data keys. The caller wipes both."""
    with passphrase.opened() as raw:
        key = bindings.crypto_pwhash_alg(
            KEY_BYTES, bytes(raw), salt, cost.operations, cost.memory_bytes, argon2id.ALG
        )
    return Secret(bytearray(key))


def seal_key(key: Secret, version: int, under: Secret, entropy: Entropy) -> bytes:
    """A data key of this version, sealed."""
    nonce = entropy(NONCE_BYTES)
    with key.opened() as plain, under.opened() as sealing:
        return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            bytes(plain), _bound(version), nonce, bytes(sealing)
        )


def open_key(sealed: bytes, version: int, under: Secret) -> Secret:
    """Raises Refused keystore.passphrase when it is sealed under another passphrase, or was altered."""
    try:
        with under.opened() as opening:
            plain = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[NONCE_BYTES:], _bound(version), sealed[:NONCE_BYTES], bytes(opening)
            )
    except (CryptoError, ValueError) as error:
        raise Refused(
            "keystore.passphrase",
            "this is not the passphrase of this keystore, or its file was altered; nothing was opened",
        ) from error
    return Secret(bytearray(plain))


def encode(found: KeyFile) -> bytes:
    keys = [_Key(version, sealed.hex()) for version, sealed in sorted(found.sealed.items())]
    file = _File(found.salt.hex(), found.cost.operations, found.cost.memory_bytes, keys)
    return msgspec.json.format(msgspec.json.encode(file)) + b"\n"


def parse(raw: bytes) -> KeyFile:
    """Raises Malformed on anything but such a file."""
    try:
        file = msgspec.json.decode(raw, type=_File)
        sealed = {one.version: bytes.fromhex(one.sealed) for one in file.keys}
        salt = bytes.fromhex(file.salt)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Malformed("keystore.form", "this is not the file of a local keystore; restore it") from error
    if file.form != 1 or len(salt) != argon2id.SALTBYTES or len(sealed) != len(file.keys):
        raise Malformed("keystore.form", "this form of a local keystore's file is not known here")
    if not sealed or len(sealed) > VERSIONS_MAX or min(sealed) < 1:
        raise Malformed("keystore.form", f"a local keystore holds 1 to {VERSIONS_MAX} data keys")
    return KeyFile(salt, Cost(file.operations, file.memory_bytes), sealed)


def read(path: Path) -> KeyFile:
    """Raises Refused when the file is not there or others can read it."""
    try:
        raw = _private_bytes(path)
    except OSError as error:
        raise Refused(
            "keystore.file", f"cannot read {path}: {error.strerror}; restore it from its backup"
        ) from error
    return parse(raw)


def replace(path: Path, found: KeyFile) -> None:
    """In one step and on disk: an interrupted change leaves the file as it was."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    try:
        write_private(beside, encode(found))
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Refused(
            "keystore.file", f"cannot write {path}: {error.strerror}; nothing was changed"
        ) from error


def _private_bytes(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise Refused("keystore.readable", f"{path} can be read by others; run: chmod 600 {path}")
        return file.read(_FILE_BYTES_MAX + 1)


def _bound(version: int) -> bytes:
    return _CONTEXT + version.to_bytes(4, "big")
