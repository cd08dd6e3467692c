"""How large a transaction becomes once it is signed: the size its fee is counted on.

Laws: an upper bound that is at most a byte or two per signature above the truth; a low-s signature has at
most 72 bytes with its sighash byte. BIP-141, BIP-146.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from keepcool.chains.bitcoin.compact import compact, sized
from keepcool.chains.bitcoin.script import Locking, ScriptKind
from keepcool.chains.bitcoin.transaction import Transaction, encode_stripped

SIGNATURE_MAX = 72
_OUTPOINT_AND_SEQUENCE = 40


def pushed(data: bytes) -> bytes:
    """The shortest script that pushes `data` (BIP-62, rule 3; data of 2 bytes or more)."""
    length = len(data)
    if length < 0x4C:
        return bytes((length,)) + data
    if length < 0x100:
        return b"\x4c" + bytes((length,)) + data
    return b"\x4d" + length.to_bytes(2, "little") + data


def signed_sizes(locking: Locking, threshold: int) -> tuple[int, int]:
    """Bytes of the signature script and of the witness of one input, both with their counts, at most."""
    signatures = [bytes(SIGNATURE_MAX)] * threshold
    match locking.kind:
        case ScriptKind.P2SH:
            script = 1 + sum(len(pushed(one)) for one in signatures) + len(pushed(locking.redeem))
            return len(compact(script)) + script, 1
        case ScriptKind.P2WSH:
            return 1, _witness(signatures, locking.witness)
        case ScriptKind.P2SH_P2WSH:
            return len(sized(pushed(locking.redeem))), _witness(signatures, locking.witness)
        case _ as never:
            assert_never(never)


def input_weight(locking: Locking, threshold: int) -> int:
    """What one signed input adds to the weight of a transaction that has a witness."""
    script, witness = signed_sizes(locking, threshold)
    return 4 * (_OUTPOINT_AND_SEQUENCE + script) + witness


def signed_vsize(tx: Transaction, spent: Sequence[tuple[Locking, int]]) -> int:
    """Virtual bytes of `tx` once every input is signed; `spent`: what locks each input, its threshold."""
    alike: dict[tuple[ScriptKind, int, int, int], tuple[int, int]] = {}  # only lengths count
    stripped, witnesses = len(encode_stripped(tx)), 0
    for locking, threshold in spent:
        form = (locking.kind, len(locking.redeem), len(locking.witness), threshold)
        if form not in alike:
            alike[form] = signed_sizes(locking, threshold)
        script, witness = alike[form]
        stripped += script - 1
        witnesses += witness
    if all(not locking.witness for locking, _ in spent):
        return stripped
    return -(-(4 * stripped + 2 + witnesses) // 4)


def fee_rate(fee_sat: int, vsize: int) -> int:
    """Per 1000 virtual bytes, rounded up."""
    return -(-fee_sat * 1000 // vsize)


def _witness(signatures: Sequence[bytes], script: bytes) -> int:
    items = sum(len(sized(one)) for one in (b"", *signatures, script))
    return len(compact(len(signatures) + 2)) + items
