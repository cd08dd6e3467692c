"""An administrator's own key: Ed25519, kept in a file under a passphrase, on the administrator's machine.

Laws: it is no coin key and signs nothing but orders; the file is its owner's alone, and worth nothing without
the passphrase; a file that makes guessing it cheap is refused. Argon2id (RFC 9106), XSalsa20-Poly1305.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey
from nacl.utils import random

from keepcool.adapters.identity.keyfiles import parse_key, read_private, write_private
from keepcool.core.errors import Malformed, Refused
from keepcool.core.personkeys import PersonKey, Scheme
from keepcool.wire import proofs
from keepcool.wire.proofs import Ed25519Proof

CHARACTERS_MIN = 12
_OPERATIONS_MAX, _MEMORY_MAX = 16, 2**31


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    public: str
    operations: int
    memory_bytes: int
    salt: bytes
    sealed: bytes
    version: int = 1


def new_key(file: Path, passphrase: bytes) -> str:
    """A fresh key in a new file; its public half as a policy names it. Raises Refused on a short passphrase
    or when there is a file already."""
    if len(passphrase.decode("utf-8", "replace")) < CHARACTERS_MIN:
        raise Refused("admin.passphrase", f"a passphrase has at least {CHARACTERS_MIN} characters")
    key, salt = SigningKey.generate(), random(argon2id.SALTBYTES)
    cost = (argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)
    sealed = SecretBox(argon2id.kdf(SecretBox.KEY_SIZE, passphrase, salt, *cost)).encrypt(bytes(key))
    public = _public(key)
    made = _File(public=public, operations=cost[0], memory_bytes=cost[1], salt=salt, sealed=bytes(sealed))
    try:
        write_private(file, msgspec.json.encode(made) + b"\n")
    except OSError as error:
        raise Refused("admin.key_file", f"{file}: no key can be made there: {error.strerror}") from error
    return public


def signed(file: Path, passphrase: bytes, challenge: bytes) -> bytes:
    """The proof (`wire.proofs`, encoded) of the key in this file. Raises Refused on a wrong passphrase,
    Malformed on another file."""
    return _proof(_opened(_parsed(read_private(file).content), passphrase), challenge)


def public_of(file: Path) -> str:
    """What the file says its public half is; proven when it signs. Raises Malformed on another file."""
    return _parsed(read_private(file).content).public


def signed_by_root(file: Path, challenge: bytes) -> bytes:
    """The proof of the installation's root key."""
    return _proof(SigningKey(parse_key(read_private(file), file)), challenge)


def _opened(file: _File, passphrase: bytes) -> SigningKey:
    try:
        stretched = argon2id.kdf(
            SecretBox.KEY_SIZE, passphrase, file.salt, file.operations, file.memory_bytes
        )
        key = SigningKey(SecretBox(stretched).decrypt(file.sealed))
    except CryptoError as error:
        raise Refused("admin.passphrase", "this is not the passphrase of this key") from error
    if _public(key) != file.public:
        raise Malformed("admin.key_file", "the file names another key than it holds")
    return key


def _parsed(content: bytes) -> _File:
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("admin.key_file", "this is not the file of an administrator's key") from error
    slow = argon2id.OPSLIMIT_MODERATE <= file.operations <= _OPERATIONS_MAX
    dear = argon2id.MEMLIMIT_MODERATE <= file.memory_bytes <= _MEMORY_MAX
    if file.version != 1 or len(file.salt) != argon2id.SALTBYTES or not slow or not dear:
        raise Malformed("admin.key_file", "the key's file makes guessing cheap, or nobody's machine do it")
    return file


def _public(key: SigningKey) -> str:
    return PersonKey(Scheme.ED25519, bytes(key.verify_key)).text()


def _proof(key: SigningKey, challenge: bytes) -> bytes:
    return proofs.encode(Ed25519Proof(signature=key.sign(challenge).signature))
