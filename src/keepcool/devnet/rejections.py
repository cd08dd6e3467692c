"""Why a transaction or a call is not taken, with the codes, words and data of the chain's own programs.

Codes: minter-go-node, coreV2/code.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Code(IntEnum):
    NONCE = 101
    NO_COIN = 102
    TOO_LARGE = 105
    DECODE = 106
    FUNDS = 107
    PAYLOAD = 109
    SERVICE_DATA = 110
    MULTISEND = 111
    IN_MEMPOOL = 113
    GAS_PRICE = 114
    CHAIN = 115
    FEE_COIN = 119
    WEIGHTS = 601
    MULTISIG_EXISTS = 602
    NO_MULTISIG = 603
    MULTI_SIGNATURE = 604
    TOO_MANY_OWNERS = 605
    DUPLICATE = 606
    COUNTS_DIFFER = 607
    TOTAL_WEIGHT = 608
    VOTES = 609


class Rejection(Exception):
    """A transaction fails with this code. `data` is what an API client gets beside it."""

    def __init__(self, code: Code, log: str, data: Mapping[str, str] | None = None) -> None:
        super().__init__(log)
        self.code, self.log, self.data = code, log, {"code": str(int(code))} | dict(data or {})


class CallError(Exception):
    """A call of the HTTP API fails with this status; `code` is the status unless the chain has its own."""

    def __init__(
        self, status: int, message: str, code: int | None = None, data: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.data = status, message, dict(data or {})
        self.code = status if code is None else code

    def body(self) -> dict[str, object]:
        return {"error": {"code": str(self.code), "message": self.message, "data": self.data}}


def undecodable(log: str) -> Rejection:
    return Rejection(Code.DECODE, log)


def unsupported(kind: int, name: str) -> CallError:
    """Ours alone: a real node would go on."""
    return CallError(501, f"the simulator does not execute this type: 0x{kind:02x} {name}")
