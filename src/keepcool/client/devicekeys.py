"""An owner's own key, and the memory of what it has signed: made and kept where he is, never where App is.

Laws: what is signed is remembered first; a second intent for one order is signed only when that is asked for,
because both may be paid; the key's file is its owner's alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from keepcool.core.errors import Refused, Unavailable
from keepcool.core.personkeys import PersonKey, Scheme
from keepcool.wire.proofs import Ed25519Proof, Proof

SEED_BYTES = 32
_FILE_BYTES_MAX = 4096


class Book(Protocol):
    """Which intents were signed for an order. Its names: the withdrawal's id, the idempotency key."""

    def signed(self, names: Sequence[str]) -> set[str]:
        """The hashes of the intents signed under any of these names."""

    def note(self, names: Sequence[str], intent_hash: str) -> None:
        """Durable when it returns."""


class UserKey(Protocol):
    """`text` as `core.personkeys` spells it."""

    @property
    def text(self) -> str: ...

    @property
    def book(self) -> Book: ...

    def prove(self, challenge: bytes) -> Proof:
        """The holder's signature of these 32 bytes."""


class ProcessBook:
    """Forgets when the process ends."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str]] = []

    def signed(self, names: Sequence[str]) -> set[str]:
        return {intent_hash for name, intent_hash in self._rows if name in names}

    def note(self, names: Sequence[str], intent_hash: str) -> None:
        self._rows += [(name, intent_hash) for name in names]


class FileBook:
    """A line for each name and intent."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def signed(self, names: Sequence[str]) -> set[str]:
        if not self._file.exists():
            return set()
        lines = self._file.read_text(encoding="ascii").splitlines()
        rows = [line.rpartition(" ") for line in lines]
        return {intent_hash for name, _, intent_hash in rows if name in names}

    def note(self, names: Sequence[str], intent_hash: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(self._file, flags, 0o600), "a", encoding="ascii") as file:
                file.writelines(f"{name} {intent_hash}\n" for name in names)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            text = f"{self._file}: cannot note what is signed ({error.strerror}): nothing is signed"
            raise Unavailable("client.book", text) from error


class DeviceKey:
    """An Ed25519 key (RFC 8032)."""

    __slots__ = ("_book", "_key")

    def __init__(self, seed: bytes, book: Book | None = None) -> None:
        self._key, self._book = SigningKey(seed), book or ProcessBook()

    @property
    def text(self) -> str:
        return PersonKey(Scheme.ED25519, bytes(self._key.verify_key)).text()

    @property
    def book(self) -> Book:
        return self._book

    def prove(self, challenge: bytes) -> Proof:
        return Ed25519Proof(signature=self._key.sign(challenge).signature)

    def __repr__(self) -> str:
        return f"DeviceKey({self.text})"


def new_key_file(file: Path) -> DeviceKey:
    """A fresh key in a new file of mode 0600. Raises Refused when there is one already."""
    seed = os.urandom(SEED_BYTES)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(file, flags, 0o600), "wb") as out:
            out.write(seed.hex().encode("ascii") + b"\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise Refused("client.key_file", f"{file}: no key can be made there: {error.strerror}") from error
    return read_key_file(file)


def read_key_file(file: Path) -> DeviceKey:
    """Beside it lies the book, FILE.signed. Raises Refused on a file that others can read, or that holds no
    key; what it holds is not repeated."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_CLOEXEC), "rb") as opened:
            mode, content = stat.S_IMODE(os.fstat(opened.fileno()).st_mode), opened.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise Refused("client.key_file", f"{file}: cannot be read: {error.strerror}") from error
    if mode & 0o077:
        text = f"{file} can be read by others (mode {mode:o}); run: chmod 600 {file}"
        raise Refused("client.key_file", text)
    try:
        return DeviceKey(bytes.fromhex(content.decode("ascii").strip()), _book_of(file))
    except (ValueError, TypeError, CryptoError) as error:
        raise Refused("client.key_file", f"{file}: a key file holds {2 * SEED_BYTES} hex digits") from error


def _book_of(file: Path) -> FileBook:
    return FileBook(file.with_name(f"{file.name}.signed"))
