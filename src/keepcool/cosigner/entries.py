"""What stands in a journal entry: canonical JSON with `kind` and `at_s`, and the fields of its kind.

Kinds here: sign (a draft that may be signed from now on), policy, freeze, thaw, wallet, order, what
waits and what was approved. Services add kinds of their own (a purse's); a memory reads the kinds it knows.
Format version 1 of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from keepcool.core.errors import Breach
from keepcool.core.journal import Head

SIGN, POLICY, FREEZE, THAW, WALLET = "sign", "policy", "freeze", "thaw", "wallet"
ORDER, ORDER_END = "order", "order_end"
WAITING, APPROVAL = "waiting", "approval"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, staged or stored. `at_s` is the largest time the signer had seen when it was made."""

    head: Head
    previous: bytes
    kind: str
    at_s: int
    body: bytes


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all bodies. Values are ASCII or `canonical`-made, so that these bytes are the canonical
    ones (fields sorted, no spaces)."""

    at_s: int
    kind: str
    version: int = 1


class SignRow(Row, frozen=True):
    """`draft`: SHA-256 of the draft's bytes. `slots`: [network, space, position]. `spent`: base units.
    `owner`, `user_key`, `revision`: of the wallet's record. `user`: its owner's signature was verified."""

    digests: list[str]
    draft: str
    intent: str
    intent_bytes: str
    intent_hash: str
    policy: str
    requester: str
    slots: list[tuple[str, str, int]]
    spent: dict[str, str]
    wallet: str
    owner: str = ""
    recipients: list[str] = []
    revision: int = 0
    user: bool = False
    user_key: str = ""


class WaitingRow(Row, frozen=True):
    """An intent was put to wait for the first time, or the first time with its owner's signature (`user`).
    `tier`: of the policy, "" where no tier asked for it."""

    intent: bytes
    intent_hash: str
    owner: str
    policy: str
    recipients: list[str]
    tier: str
    user: bool
    user_key: str
    wallet: str


class ApprovalRow(Row, frozen=True):
    """A decision was verified with `key`. `signed`: it and its proof (`wire.proofs.SignedApproval`), encoded.
    `by`: who brought it."""

    approver: str
    by: str
    decision: str
    intent_hash: str
    key: str
    policy: str
    signed: bytes


class PolicyRow(Row, frozen=True):
    """A policy was taken into use: its hash and version, its bytes, and the order behind it ("" for a file on
    disk). `governed`: it names administrators who alone bring the next one."""

    policy: str
    policy_version: int
    document: bytes = b""
    governed: bool = False
    order: str = ""


class OrderRow(Row, frozen=True):
    """Administrators signed an order: those who are new in this row, with the keys and proofs that verified.
    `encoded`: its canonical bytes; `document` what it speaks of, in its first row. `policy`: that in force.
    `effective_at_s`: 0 until its quorum is there."""

    order: str
    encoded: bytes
    document: bytes
    administrators: list[str]
    keys: list[str]
    proofs: list[bytes]
    policy: str
    effective_at_s: int


class OrderEndRow(Row, frozen=True):
    """`outcome`: done | cancelled | expired."""

    order: str
    outcome: str
    by: str
    reason: str


class FreezeRow(Row, frozen=True):
    """Freeze and thaw. `level`: wallet | asset | network | all | harbor; the last two have no `target`."""

    by: str
    level: str
    reason: str
    target: str


class WalletRow(Row, frozen=True):
    """A registry record this signer attested or took in: its hash (hex), and what was done. `proof`: the old
    key's consent to another, encoded."""

    deed: str
    record: str
    revision: int
    wallet: str
    proof: bytes = b""


class _Any(msgspec.Struct, frozen=True):
    at_s: int
    kind: str


R = TypeVar("R", bound=Row)
_encoder = msgspec.json.Encoder(order="sorted")
_any_decoder = msgspec.json.Decoder(_Any)


def encode(row: Row) -> bytes:
    """Canonical bytes. Text that people wrote goes through `ascii_text` first."""
    return _encoder.encode(row)


def ascii_text(text: str, length_max: int = 200) -> str:
    """People's text in a form with one encoding: ASCII, printable, bounded; the rest becomes "?"."""
    kept = "".join(char if " " <= char <= "~" else "?" for char in text)
    return kept[:length_max]


def read(head: Head, previous: bytes, body: bytes) -> Entry:
    """The entry behind stored bytes. Raises Breach when its body has no kind and time."""
    try:
        common = _any_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Breach(
            "journal.body", f"journal entry {head.sequence} cannot be read", sequence=head.sequence
        ) from error
    return Entry(head, previous, common.kind, common.at_s, body)


def decoded(entry: Entry, form: type[R]) -> R:
    """The typed body. Raises Breach when it does not have this form."""
    try:
        return msgspec.json.decode(entry.body, type=form)
    except msgspec.DecodeError as error:
        raise Breach(
            "journal.body",
            f"journal entry {entry.head.sequence} cannot be read",
            sequence=entry.head.sequence,
        ) from error
