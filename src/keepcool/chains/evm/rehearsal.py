"""Calls tried out one after another as a wallet would make them, without a signature: what each does, after
those before it.

A node is asked to suppose that the wallet's code is `PROGRAM`, which makes every call it is handed, at most a
given gas each, notes how it went, and goes on behind one that fails. Nothing of it is ever on a chain. Calls
are packed as in a batch (`chains.evm.batch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.batch import Call, packed
from keepcool.core.errors import Malformed

# pos = 32; while pos < calldatasize: read to, value, size as packed; copy the data to 0x20000;
# ok = call(calldataload(0), to, value, 0x20000, size, 0, 0); append ok, the gas used, returndatasize and the
# first word returned (0 where there is none) to what is returned; pos += 85 + size
PROGRAM = bytes.fromhex(
    "600060205b8036111561006d578060350135808260550162020000375a6000600083620200008660150135876001013560601c"
    "600035f184525a900383602001523d83604001526000836060015260203d1061005f5760206000846060013e5b605501019060"
    "800190610004565b506000f3"
)
_ENTRY = 128


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one call. `word`: the first 32 bytes it returned, None where it returned less."""

    succeeded: bool
    gas: int
    word: int | None
    returned: int


def question(calls: Sequence[Call], gas_each_max: int) -> bytes:
    """Call data for `PROGRAM`."""
    return abi.uint(gas_each_max) + packed(calls)


def answer(data: bytes, count: int) -> tuple[Outcome, ...]:
    """Raises Malformed when this is no answer about so many calls."""
    if len(data) != count * _ENTRY:
        raise Malformed("rehearsal.form", f"{len(data)} bytes are no answer about {count} calls")
    return tuple(_outcome(data[at : at + _ENTRY]) for at in range(0, len(data), _ENTRY))


def _outcome(entry: bytes) -> Outcome:
    succeeded, gas, returned, word = (
        int.from_bytes(entry[at : at + 32], "big") for at in range(0, _ENTRY, 32)
    )
    return Outcome(succeeded == 1, gas, word if returned >= 32 else None, returned)
