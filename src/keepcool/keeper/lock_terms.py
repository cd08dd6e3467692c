"""The file of Keeper's lock: its key, sealed once for every operator under his own passphrase.

Laws: the lock's key is drawn once and never changes, so an operator comes, goes or changes his passphrase
without a pool being touched; nothing here is a secret, and nothing opens without a passphrase; an operator is
always left. Format version 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from keepcool.core.errors import Breach, Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.hazmat import passphrase
from keepcool.hazmat.innerseal import LOCK, InnerKey
from keepcool.hazmat.passphrase import Stretching
from keepcool.ports.keystore import Bound
from keepcool.ports.system import Entropy

OPERATORS_MAX = 16
_OPERATOR = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_PROOF_BOUND = Bound(Service.KEEPER.value, "*", "*", "lock-proof")
_PROOF = b"this is the key of the lock"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """The lock's key as one operator opens it: how his passphrase becomes a key, and what that opens."""

    stretching: Stretching
    sealed: bytes


@dataclass(frozen=True, slots=True)
class LockTerms:
    """`slots` by operator; `proof` is sealed under the lock's key and tells it from others."""

    slots: Mapping[str, Slot]
    proof: bytes

    def check(self, sealing: InnerKey) -> None:
        """Raises Refused when this is not the lock's key."""
        try:
            sealing.unseal(self.proof, _PROOF_BOUND).wipe()
        except Breach as error:
            raise _wrong() from error

    def key(self, operator: str, words: Secret) -> Secret:
        """The lock's key, with an operator's passphrase; both are the caller's to wipe. Raises Refused."""
        slot = self.slots.get(operator)
        if slot is None:
            known = ", ".join(sorted(self.slots))
            raise Refused("keeper.operator", f"the lock knows no operator {operator[:32]!r}, only {known}")
        with passphrase.stretched(words, slot.stretching) as stretched:
            opening = sealing_of(stretched)
        try:
            return opening.unseal(slot.sealed, _place(operator))
        except Breach as error:
            raise _wrong() from error
        finally:
            opening.wipe()

    def with_operator(self, operator: str, words: Secret, key: Secret, entropy: Entropy) -> LockTerms:
        """With this operator's passphrase, new or in the place of his old one. `key`: the lock's. Raises
        Malformed on a name that is none, Conflict on one operator too many."""
        if not _OPERATOR.fullmatch(operator):
            raise Malformed("keeper.operator", "an operator is named in small letters, digits, . _ -")
        slots = {**self.slots, operator: _slot(operator, words, key, entropy)}
        if len(slots) > OPERATORS_MAX:
            raise Conflict("keeper.operators", f"a lock has at most {OPERATORS_MAX} operators")
        return replace(self, slots=slots)

    def without_operator(self, operator: str) -> LockTerms:
        """Raises Refused on one that is not there, Conflict on the last."""
        if operator not in self.slots:
            raise Refused("keeper.operator", f"the lock knows no operator {operator[:32]!r}")
        if len(self.slots) == 1:
            raise Conflict("keeper.operators", "without its last operator nobody could open the lock again")
        return replace(self, slots={one: slot for one, slot in self.slots.items() if one != operator})


class _SlotFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    memory_bytes: int
    operations: int
    salt: str
    sealed: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    operators: dict[str, _SlotFile]
    proof: str
    version: int = _VERSION


def new_lock(operator: str, words: Secret, entropy: Entropy) -> LockTerms:
    """A fresh lock with its first operator."""
    with Secret(bytearray(entropy(32))) as key:
        return lock_of(key, entropy).with_operator(operator, words, key, entropy)


def lock_of(key: Secret, entropy: Entropy) -> LockTerms:
    """A lock of this key, which nobody opens yet."""
    sealing, proof = sealing_of(key), Secret(bytearray(_PROOF))
    try:
        return LockTerms({}, sealing.seal(proof, _PROOF_BOUND, entropy))
    finally:
        sealing.wipe()


def encode_terms(terms: LockTerms) -> bytes:
    operators = {
        name: _SlotFile(
            slot.stretching.memory_bytes,
            slot.stretching.operations,
            slot.stretching.salt.hex(),
            slot.sealed.hex(),
        )
        for name, slot in sorted(terms.slots.items())
    }
    return msgspec.json.encode(_File(operators, terms.proof.hex())) + b"\n"


def parse_terms(raw: bytes) -> LockTerms:
    """Raises Malformed on anything but the file of a lock."""
    try:
        file = msgspec.json.decode(raw, type=_File)
        slots = {name: _parsed(one) for name, one in file.operators.items()}
        proof = bytes.fromhex(file.proof)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Malformed("lock.file", "this is not the file of Keeper's lock; restore it") from error
    if file.version != _VERSION:
        raise Malformed("lock.version", "this version of a lock's file is not known here")
    return LockTerms(slots, proof)


def sealing_of(key: Secret) -> InnerKey:
    """The third seal, under this key (32 bytes), which stays the caller's."""
    with key.opened() as raw:
        return InnerKey(bytearray(raw), LOCK)


def _slot(operator: str, words: Secret, key: Secret, entropy: Entropy) -> Slot:
    stretching = passphrase.new_stretching(entropy)
    with passphrase.stretched(words, stretching) as stretched:
        sealing = sealing_of(stretched)
    try:
        return Slot(stretching, sealing.seal(key, _place(operator), entropy))
    finally:
        sealing.wipe()


def _parsed(one: _SlotFile) -> Slot:
    stretching = Stretching(bytes.fromhex(one.salt), one.operations, one.memory_bytes)
    return Slot(stretching, bytes.fromhex(one.sealed))


def _place(operator: str) -> Bound:
    return Bound(Service.KEEPER.value, operator, "*", "lock-key")


def _wrong() -> Refused:
    return Refused("keeper.passphrase", "this is not the passphrase of Keeper's lock")
