"""MultiSendCallOnly: many calls in one SafeTx, all or none.

Laws: the batch is read to its last byte; an inner operation that the contract would revert on is
malformed. One call is packed as operation (1), to (20), value (32), size (32), data; no padding between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import raw_of, to_checksum
from keepcool.core.errors import Malformed

MULTISEND = bytes.fromhex("8d80ff0a")  # multiSend(bytes)
CALLS_MAX = 256
_HEADER = 85


@dataclass(frozen=True, slots=True)
class Call:
    """A call with a value in wei."""

    to: str
    value: int
    data: bytes


def encode_batch(calls: Sequence[Call]) -> bytes:
    """Call data of multiSend(bytes)."""
    return MULTISEND + abi.encode(abi.dynamic_bytes(packed(calls)))


def packed(calls: Sequence[Call]) -> bytes:
    return b"".join(
        bytes(1) + raw_of(call.to) + abi.uint(call.value) + abi.uint(len(call.data)) + call.data
        for call in calls
    )


def parse_batch(data: bytes) -> tuple[Call, ...]:
    """The calls behind call data of multiSend(bytes). Raises Malformed."""
    if data[:4] != MULTISEND:
        raise Malformed("batch.form", "this is not a call of multiSend(bytes)")
    reader = abi.Reader(data[4:], 1)
    inner = reader.dynamic_bytes()
    reader.finish()
    calls: list[Call] = []
    position = 0
    while position < len(inner):
        call, position = _next_call(inner, position)
        calls.append(call)
        if len(calls) > CALLS_MAX:
            raise Malformed("batch.size", f"at most {CALLS_MAX} calls in one batch")
    return tuple(calls)


def _next_call(inner: bytes, start: int) -> tuple[Call, int]:
    body = start + _HEADER
    if body > len(inner):
        raise Malformed("batch.form", "the batch ends inside a call")
    if inner[start] != 0:
        raise Malformed(
            "batch.operation", "a call inside the batch is not a plain call; the contract reverts on it"
        )
    end = body + int.from_bytes(inner[start + 53 : body], "big")
    if end > len(inner):
        raise Malformed("batch.form", "the batch ends inside a call")
    call = Call(
        to=to_checksum(inner[start + 1 : start + 21]),
        value=int.from_bytes(inner[start + 21 : start + 53], "big"),
        data=inner[body:end],
    )
    return call, end
