"""What a node's error answer means for the caller, by its code; words are read only where it has none.

Codes from minter-go-node's core/code; a code that is also an HTTP status is the chain's own only when the
status differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from keepcool.adapters.minternode import answers
from keepcool.adapters.minternode.connections import Reply
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.ports.minternode import AlreadyKnown, Balance, Outcome, Rejected, Why, rejection_error

_NOT_FOUND = re.compile(r"(?i)not found")
_POOL_FULL = re.compile(r"(?i)mempool is full")
_UNREADABLE = re.compile(r"(?i)cannot decode transaction")
_CACHED = re.compile(r"(?i)already exists in cache")
_WHY = {
    101: Why.NONCE,
    102: Why.COIN,
    105: Why.SIZE,
    106: Why.FORM,
    107: Why.FUNDS,
    109: Why.PAYLOAD,
    110: Why.SERVICE_DATA,
    111: Why.MULTISEND,
    113: Why.ONE_PER_BLOCK,
    114: Why.GAS_PRICE,
    115: Why.CHAIN,
    119: Why.FEE_COIN,
    601: Why.WEIGHTS,
    602: Why.MULTISIG_EXISTS,
    603: Why.NO_MULTISIG,
    604: Why.SIGNATURE,
    605: Why.TOO_MANY_OWNERS,
    606: Why.DUPLICATE_OWNER,
    607: Why.OWNERS_WEIGHTS,
    608: Why.TOTAL_WEIGHT,
    609: Why.VOTES,
}


class _Body(msgspec.Struct, frozen=True):
    code: str
    message: str
    data: dict[str, str | int | None] | None = None


class _Error(msgspec.Struct, frozen=True):
    error: _Body


@dataclass(frozen=True, slots=True)
class Complaint:
    """The node's own error answer. `code` is the chain's, None when it only repeats the HTTP status."""

    status: int
    code: int | None
    text: str
    data: Mapping[str, str | int | None]

    def number(self, name: str, bits: int = 64) -> int | None:
        """A number of `data`, None when it is not there or none."""
        try:
            return answers.uint(str(self.data.get(name)), bits)
        except ValueError:
            return None


def complaint(reply: Reply) -> Complaint:
    """Raises ValueError when the answer is none of a Minter node."""
    body = answers.parsed(reply.body, _Error).error
    code = answers.uint(body.code, 32)
    own = code if code != reply.status else None
    return Complaint(reply.status, own, answers.printable(body.message), body.data or {})


def is_unknown(told: Complaint) -> bool:
    """Whether the node says that there is no such thing (old ones say so with another status)."""
    return told.code is None and (told.status == 404 or bool(_NOT_FOUND.search(told.text)))


def outcome(transaction: bytes, told: Complaint) -> Outcome | None:
    """What became of a sent transaction; None when the answer leaves it open."""
    if told.code is not None:
        return rejected(transaction, told.code, told)
    if told.status == 409 or _CACHED.search(told.text):
        return AlreadyKnown(transaction)
    if _POOL_FULL.search(told.text):
        return Rejected(transaction, Why.POOL_FULL, told.status, told.text)
    return None


def rejected(transaction: bytes, code: int, told: Complaint) -> Rejected:
    needed, coin = told.number("needed_value", 256), told.number("coin_id", 32)
    return Rejected(
        transaction=transaction,
        why=_WHY.get(code, Why.OTHER),
        code=code,
        text=told.text,
        expected_nonce=told.number("expected_nonce"),
        needed=None if needed is None or coin is None else Balance(coin, needed),
        gas_price_min=told.number("min_gas_price", 32),
    )


def error(name: str, told: Complaint) -> KeepcoolError:
    """What a read that was complained about raises."""
    if told.code is not None:
        return rejection_error(_WHY.get(told.code, Why.OTHER), told.code, told.text)
    if _UNREADABLE.search(told.text):
        return rejection_error(Why.FORM, told.status, told.text)
    if is_unknown(told):
        mend = "ask for a newer block, or let the node keep more states"
        return Unavailable("node.state_gone", f"{name} has nothing of this block; {mend}")
    return Unavailable("node.error", f"{name} answered with HTTP {told.status}: {told.text}")
