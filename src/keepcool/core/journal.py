"""A signer's hash-chained memory: entries, the head of the chain, and signed statements of the head.

entry hash = SHA-256("keepcool-journal-v1" 00 previous-hash sequence(8, big-endian) body). The journal
begins at sequence 0 with a hash of zeros, before any entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core import canonical
from keepcool.core.parties import Service

JOURNAL_CONTEXT = b"keepcool-journal-v1"
HEAD_CONTEXT = b"keepcool-journal-head-v1"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: its sequence number (0 = empty journal) and hash (32 bytes)."""

    sequence: int
    hash: bytes


EMPTY = Head(0, bytes(32))


@dataclass(frozen=True, slots=True)
class HeadStatement:
    """`service` says, under its journal key, that its journal has reached `head`. Ed25519, 64 bytes."""

    service: Service
    head: Head
    signature: bytes


def next_head(head: Head, body: bytes) -> Head:
    sequence = head.sequence + 1
    chained = head.hash + sequence.to_bytes(8, "big") + body
    return Head(sequence, canonical.digest(JOURNAL_CONTEXT, chained))


def stated_bytes(service: Service, head: Head) -> bytes:
    """What a head statement signs."""
    name = service.value.encode("ascii")
    return HEAD_CONTEXT + b"\0" + name + b"\0" + head.sequence.to_bytes(8, "big") + head.hash
