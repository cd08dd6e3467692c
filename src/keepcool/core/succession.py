"""Which attestation keys of a signer count: a list that only the installation's root key can make longer.

The last key is the one in use. An earlier one counts until the moment the list says: a planned end, or one
that has passed when it was stolen. Of two lists the one with the higher number holds. Format version 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keepcool.core import canonical
from keepcool.core.errors import Malformed
from keepcool.core.parties import Service

CONTEXT = b"keepcool-attestation-keys-v1"
KEYS_MAX = 16
ATTESTERS = (Service.KEEPER, Service.COOLER)
_VERSION = 1


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """An Ed25519 public key and the Unix time from which it counts no more; 0: it is in use."""

    key: bytes
    until_s: int = 0


@dataclass(frozen=True, slots=True)
class Succession:
    """`installation`: the root key. `keys`: the oldest first."""

    installation: bytes
    service: Service
    number: int
    keys: tuple[KeyTerm, ...]

    def __post_init__(self) -> None:
        ends, names = [one.until_s for one in self.keys], {one.key for one in self.keys}
        if not 1 <= len(names) <= KEYS_MAX or len(names) != len(self.keys) or self.number < 1:
            raise Malformed("succession.form", f"a list has a number, and 1 to {KEYS_MAX} keys, each once")
        if ends[-1] != 0 or not all(ends[:-1]):
            raise Malformed("succession.form", "the last key is in use, every earlier one has its end")
        if self.service not in ATTESTERS or {len(one.key) for one in self.keys} != {32}:
            raise Malformed("succession.form", "Keeper and Cooler attest, by keys of 32 bytes")

    def encoded(self) -> bytes:
        """Canonical bytes: what the root key signs."""
        return canonical.encode(
            {
                "installation": self.installation.hex(),
                "keys": [{"key": one.key.hex(), "until_s": one.until_s} for one in self.keys],
                "number": self.number,
                "service": self.service.value,
                "version": _VERSION,
            }
        )

    def counting(self, now_s: int) -> tuple[bytes, ...]:
        """The keys that count now, the one in use first."""
        return tuple(one.key for one in reversed(self.keys) if not one.until_s or now_s < one.until_s)

    @property
    def in_use(self) -> bytes:
        return self.keys[-1].key


def signed_bytes(statement: bytes) -> bytes:
    return CONTEXT + b"\0" + statement


def parse_succession(data: bytes) -> Succession:
    """Raises Malformed on anything but canonical bytes of a list."""
    plain: dict[str, Any] = dict(canonical.decode(data, "list of attestation keys"))
    try:
        terms = tuple(KeyTerm(bytes.fromhex(one["key"]), _whole(one["until_s"])) for one in plain["keys"])
        made = Succession(
            bytes.fromhex(plain["installation"]), Service(plain["service"]), _whole(plain["number"]), terms
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("succession.form", "list of attestation keys: a field is missing or wrong") from error
    if made.encoded() != data:
        raise Malformed("succession.form", "list of attestation keys: unknown or misplaced fields")
    return made


def newer(before: Succession | None, offered: Succession) -> bool:
    """Whether the offered list takes the other's place."""
    return before is None or offered.number > before.number


def check_continues(pinned: Sequence[bytes], offered: Succession) -> None:
    """Raises Malformed when the list names none of the keys that were pinned: it is of another signer."""
    if not {one.key for one in offered.keys} & set(pinned):
        text = f"the list of {offered.service}'s attestation keys does not have the pinned one"
        raise Malformed("succession.unpinned", text)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a whole number")
    return value
