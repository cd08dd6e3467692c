"""The port `Keystore` on a file of this host: a random data key, sealed under a passphrase.

Laws: every item has a key of its own, derived from the data key and the binding, and the binding is
authenticated once more as associated data, so a row moved to another wallet does not open; an older version
opens and never seals; keys are Secrets, wiped at the end. BLAKE2b (RFC 7693) derives, keyed and personal;
XChaCha20-Poly1305 seals: form (1) || version (4) || nonce (24) || ciphertext and tag.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError

from keepcool.adapters.localkeystore import form
from keepcool.adapters.localkeystore.form import NONCE_BYTES, TAG_BYTES, Cost, KeyFile
from keepcool.adapters.localkeystore.tries import Tries
from keepcool.core.errors import Breach, Conflict, Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.ports.keystore import Bound
from keepcool.ports.system import Entropy

CHARACTERS_MIN, _BYTES_MAX = 16, 1024
_FORM, _VERSION_BYTES = b"\x4c", 4
_HEAD = 1 + _VERSION_BYTES
_PERSON = b"kc-local-seal-1\0"
_REFERENCE = re.compile(r"[\x20-\x7e]{1,4096}")
_log = logging.getLogger("keepcool.keystore")


def create(path: Path, passphrase: Secret, entropy: Entropy, cost: Cost | None = None) -> None:
    """A new keystore with its first data key. Raises Conflict when there is one: its rows need it."""
    if path.exists():
        raise Conflict("keystore.exists", f"{path} exists; what is sealed under it opens with nothing else")
    check_passphrase(passphrase)
    salt, paid = entropy(16), cost or Cost()
    with form.stretched(passphrase, salt, paid) as under, _fresh(entropy) as key:
        form.replace(path, KeyFile(salt, paid, {1: form.seal_key(key, 1, under, entropy)}))


def check_passphrase(passphrase: Secret) -> None:
    """Raises Refused when it is short enough to be guessed."""
    with passphrase.opened() as raw:
        if not CHARACTERS_MIN <= len(raw) <= _BYTES_MAX:
            raise Refused(
                "keystore.passphrase_short",
                f"a keystore's passphrase has at least {CHARACTERS_MIN} characters",
            )


class LocalKeystore:
    """One service's keystore, open. `close` it when the service ends."""

    def __init__(self, path: Path, found: KeyFile, under: Secret, entropy: Entropy) -> None:
        """Takes over `under`. Raises Refused when it does not open the file; then it is wiped."""
        self._path, self._file, self._under, self._entropy = path, found, under, entropy
        self._keys: dict[int, Secret] = {}
        try:
            for version, sealed in found.sealed.items():
                self._keys[version] = form.open_key(sealed, version, under)
        except BaseException:
            self._wipe()
            raise

    @classmethod
    def opened(cls, path: Path, passphrase: Secret, entropy: Entropy, now_s: int) -> LocalKeystore:
        """With its passphrase, which stays the caller's. Raises Refused on a wrong one, or when too many were
        wrong just now."""
        found, tries = form.read(path), Tries.of(path)
        tries.begin(now_s)
        keystore = cls(path, found, form.stretched(passphrase, found.salt, found.cost), entropy)
        tries.right()
        return keystore

    async def seal(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        """Ciphertexts under the newest data key, in order."""
        return [self._sealed(bound, raw) for bound, raw in items]

    async def unseal(self, items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        """Plaintexts, in order. Raises Breach keystore.binding when one does not belong to its binding. The
        reference stands in this service's own log: a file keeps no books of its own."""
        if not _REFERENCE.fullmatch(reference):
            raise Malformed("keystore.reference", "a reference is 1 to 4096 printable ASCII characters")
        opened = [self._unsealed(bound, raw) for bound, raw in items]
        if items:
            _log.info("opened", extra={"reference": reference, "items": len(items)})
        return opened

    async def check(self) -> None:
        """Raises Refused when the file is gone or is another than the one that was opened."""
        if form.read(self._path) != self._file:
            raise Refused(
                "keystore.changed",
                f"{self._path} is not the file that was opened; start the service again, with its passphrase",
            )

    async def rewrap(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        """The same under the newest data key, in order."""
        return [self._sealed(bound, self._unsealed(bound, raw)) for bound, raw in items]

    def version_of(self, sealed: bytes) -> int:
        """The data key's version; 0 for what is no ciphertext of ours."""
        return int.from_bytes(sealed[1:_HEAD], "big") if sealed[:1] == _FORM else 0

    async def newest(self) -> int:
        return max(self._keys)

    async def rotate(self) -> int:
        """A new data key, which seals from now on: its version."""
        version = max(self._keys) + 1
        if len(self._keys) >= form.VERSIONS_MAX:
            raise Conflict("keystore.versions", "too many data keys: rewrap, and retire the old ones first")
        key = _fresh(self._entropy)
        try:
            sealed = form.seal_key(key, version, self._under, self._entropy)
            self._replace({**self._file.sealed, version: sealed})
        except BaseException:
            key.wipe()
            raise
        self._keys[version] = key
        return version

    async def retire(self, below: int) -> None:
        """Data keys of versions below are forgotten, for ever; the newest stays."""
        kept = {one: sealed for one, sealed in self._file.sealed.items() if one >= below}
        if max(self._keys) not in kept:
            raise Refused("keystore.retire", "the newest data key is in use and stays")
        self._replace(kept)
        for version in [one for one in self._keys if one < below]:
            self._keys.pop(version).wipe()

    async def change_passphrase(self, new: Secret, cost: Cost | None = None) -> None:
        """Seals the data keys under another passphrase. Older copies of the file open with the old one."""
        check_passphrase(new)
        salt, paid = self._entropy(16), cost or self._file.cost
        under = form.stretched(new, salt, paid)
        try:
            sealed = {
                version: form.seal_key(key, version, under, self._entropy)
                for version, key in self._keys.items()
            }
            found = KeyFile(salt, paid, sealed)
            form.replace(self._path, found)
        except BaseException:
            under.wipe()
            raise
        self._under.wipe()
        self._file, self._under = found, under

    async def close(self) -> None:
        self._wipe()

    def _sealed(self, bound: Bound, raw: bytes) -> bytes:
        version, nonce, context = max(self._keys), self._entropy(NONCE_BYTES), bound.context()
        with _derived(self._keys[version], context) as key, key.opened() as sealing:
            body = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(raw, context, nonce, bytes(sealing))
        return _FORM + version.to_bytes(_VERSION_BYTES, "big") + nonce + body

    def _unsealed(self, bound: Bound, sealed: bytes) -> bytes:
        key = self._keys.get(self.version_of(sealed))
        if key is None or len(sealed) < _HEAD + NONCE_BYTES + TAG_BYTES:
            raise _unbound(bound, f"no data key of version {self.version_of(sealed)} is here")
        nonce, body, context = (
            sealed[_HEAD : _HEAD + NONCE_BYTES],
            sealed[_HEAD + NONCE_BYTES :],
            bound.context(),
        )
        try:
            with _derived(key, context) as own, own.opened() as opening:
                return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                    body, context, nonce, bytes(opening)
                )
        except CryptoError as error:
            raise _unbound(bound, "its seal is another's") from error

    def _replace(self, sealed: dict[int, bytes]) -> None:
        found = KeyFile(self._file.salt, self._file.cost, sealed)
        form.replace(self._path, found)
        self._file = found

    def _wipe(self) -> None:
        self._under.wipe()
        for key in self._keys.values():
            key.wipe()


def _fresh(entropy: Entropy) -> Secret:
    return Secret(bytearray(entropy(form.KEY_BYTES)))


def _derived(key: Secret, context: bytes) -> Secret:
    with key.opened() as raw:
        made = hashlib.blake2b(context, digest_size=form.KEY_BYTES, key=raw, person=_PERSON)
    return Secret(bytearray(made.digest()))


def _unbound(bound: Bound, why: str) -> Breach:
    return Breach(
        "keystore.binding",
        f"the sealed key of {bound.wallet} on {bound.network} ({bound.purpose}) does not open under its own "
        f"binding: {why}; somebody moved or altered it",
        wallet=bound.wallet,
    )
