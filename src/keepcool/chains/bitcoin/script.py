"""Scripts that hold coins until m of n keys sign: the multisig script and the three ways to pay to it.

Laws: keys are compressed and all different; sorted means by their bytes (BIP-67), and the order is part of
the address; a script too large to be spent is never made. BIP-11, BIP-16, BIP-67, BIP-141, BIP-383.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import wallycore

from keepcool.chains.bip32 import ExtendedKey
from keepcool.core.errors import Malformed

KEYS_MAX_P2SH, KEYS_MAX = 15, 20  # 520 bytes of redeem script; what CHECKMULTISIG takes
CHECKMULTISIG = b"\xae"


class ScriptKind(StrEnum):
    """How the multisig script is wrapped."""

    P2SH = "p2sh"
    P2WSH = "p2wsh"
    P2SH_P2WSH = "p2sh-p2wsh"


@dataclass(frozen=True, slots=True)
class Locking:
    """An output's script and what spends it: `redeem` is empty for P2WSH, `witness` for P2SH."""

    kind: ScriptKind
    script_pubkey: bytes
    redeem: bytes
    witness: bytes

    @property
    def multisig(self) -> bytes:
        """The script that is executed: threshold, keys, CHECKMULTISIG."""
        return self.witness or self.redeem


def multisig(threshold: int, keys: Sequence[bytes], kind: ScriptKind) -> bytes:
    """The script of `threshold` of these compressed keys, in this order. Raises Malformed on numbers and
    keys that make none or one that this kind cannot spend."""
    check_numbers(threshold, len(keys), kind)
    if any(len(key) != 33 or key[0] not in (2, 3) for key in keys):
        raise Malformed("script.key", "the keys of a multisig are compressed: 33 bytes, 02… or 03…")
    if len(set(keys)) != len(keys):
        raise twice()
    return number(threshold) + b"".join(b"\x21" + key for key in keys) + number(len(keys)) + CHECKMULTISIG


def check_numbers(threshold: int, keys: int, kind: ScriptKind) -> None:
    """Raises Malformed on a threshold or a number of keys that this kind cannot have."""
    most = KEYS_MAX_P2SH if kind is ScriptKind.P2SH else KEYS_MAX
    if not 1 <= keys <= most:
        raise Malformed("script.keys", f"a {kind} multisig has 1 to {most} keys, not {keys}")
    if type(threshold) is not int or not 1 <= threshold <= keys:
        raise Malformed("script.threshold", f"the threshold of {keys} keys is from 1 to {keys}")


def point_of(node: ExtendedKey | bytes) -> bytes:
    """The public key, 33 bytes, of an extended or a single key."""
    return node if isinstance(node, bytes) else node.public_key


def twice() -> Malformed:
    return Malformed("script.twice", "one key stands twice in the multisig: fewer people could spend it")


def locked(script: bytes, kind: ScriptKind) -> Locking:
    """How `kind` pays to this script."""
    match kind:
        case ScriptKind.P2SH:
            return Locking(kind, p2sh(script), script, b"")
        case ScriptKind.P2WSH:
            return Locking(kind, p2wsh(script), b"", script)
        case ScriptKind.P2SH_P2WSH:
            redeem = p2wsh(script)
            return Locking(kind, p2sh(redeem), redeem, script)
        case _ as never:
            assert_never(never)


def p2sh(redeem: bytes) -> bytes:
    """HASH160 <20 bytes> EQUAL."""
    return b"\xa9\x14" + hash160(redeem) + b"\x87"


def p2wsh(witness: bytes) -> bytes:
    """0 <32 bytes>."""
    return b"\x00\x20" + hashlib.sha256(witness).digest()


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of SHA-256, 20 bytes."""
    return bytes(wallycore.hash160(data))


def parse_multisig(script: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Threshold and keys of a multisig script in the one form `multisig` writes. Raises Malformed."""
    try:
        threshold, place = _read_number(script, 0)
        keys = []
        while script[place] == 0x21:
            keys.append(script[place + 1 : place + 34])
            place += 34
        made = multisig(threshold, keys, ScriptKind.P2WSH)
    except IndexError as error:
        raise Malformed("script.form", "this is not a multisig script: it ends too early") from error
    if made != script:
        raise Malformed("script.form", "this is not a multisig script of compressed keys")
    return threshold, tuple(keys)


def number(value: int) -> bytes:
    """1-16 have an opcode each; 17-20 are pushed."""
    return bytes((0x50 + value,)) if value <= 16 else bytes((1, value))


def _read_number(script: bytes, place: int) -> tuple[int, int]:
    if script[place] == 1:
        return script[place + 1], place + 2
    return script[place] - 0x50, place + 1
