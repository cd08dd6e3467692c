"""Attestation keys made anew, and the lists of them that the root key signs. For the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nacl.signing import SigningKey

from keepcool.adapters.identity.files import ATTESTATION
from keepcool.adapters.identity.keyfiles import KEY_BYTES, parse_key, read_private, write_private
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.succession import KeyTerm, Succession, signed_bytes
from keepcool.wire.successions import SignedSuccession, parse_signed, verified

NEXT = "attestation.next.key"


def make_next(identity: Path) -> str:
    """The public half of the key to come; of the one made before, if it lies there."""
    if not (identity / NEXT).exists():
        write_private(identity / NEXT, SystemEntropy()(KEY_BYTES).hex().encode("ascii") + b"\n")
    return _public(identity / NEXT).hex()


def switch(identity: Path) -> str:
    """The public half in use from the next start on; the key before is gone. Raises Conflict when there is
    none to come."""
    if not (identity / NEXT).exists():
        raise Conflict("keys.none", f"{identity}: there is no attestation key to switch to")
    (identity / NEXT).replace(identity / ATTESTATION)
    return _public(identity / ATTESTATION).hex()


def listed(root_key: Path, service: Service, key: str, before: str | Path, until_s: int) -> SignedSuccession:
    """The list in which `key` follows the last key of the list `before` (a file), or the pinned key `before`
    (hex); that one counts until `until_s`. Raises Malformed or Refused."""
    root = SigningKey(parse_key(read_private(root_key), root_key))
    installation = bytes(root.verify_key)
    if isinstance(before, Path):
        known = verified(parse_signed(before.read_bytes()), installation)
        if known.service is not service:
            raise Refused("succession.service", f"{before} lists keys of {known.service}")
    else:
        known = Succession(installation, service, 1, (KeyTerm(_key(before)),))
    return _signed(root, _followed(known, _key(key), until_s))


def _followed(known: Succession, key: bytes, until_s: int) -> Succession:
    """With the key in use followed by `key`; where it is in use already, all others end then."""
    ends = max(1, until_s)
    if known.in_use == key:
        terms = tuple(replace(one, until_s=min(one.until_s, ends)) for one in known.keys[:-1])
        return replace(known, number=known.number + 1, keys=(*terms, KeyTerm(key)))
    terms = (*known.keys[:-1], KeyTerm(known.in_use, ends))
    return replace(known, number=known.number + 1, keys=(*terms, KeyTerm(key)))


def _signed(root: SigningKey, made: Succession) -> SignedSuccession:
    statement = made.encoded()
    return SignedSuccession(statement, root.sign(signed_bytes(statement)).signature)


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Malformed("keys.form", "a public key is 64 hex digits")
    return key


def _public(file: Path) -> bytes:
    return bytes(SigningKey(parse_key(read_private(file), file)).verify_key)
