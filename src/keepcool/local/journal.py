"""A signer's journal, verified from its file while the signer is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.errors import Malformed, Refused
from keepcool.core.journal import Head
from keepcool.cosigner.verify import Report, verify_journal


def verified(file: Path, known_heads: Sequence[Head]) -> Report:
    """Raises Breach naming the first bad entry, Conflict while the signer runs."""
    if not file.is_file():
        raise Refused("journal.file", f"there is no database {file}")
    with contextlib.closing(open_store(file)) as store:
        return verify_journal(store, known_heads)


def parse_head(text: str) -> Head:
    """SEQUENCE:HASH, the hash in hex."""
    sequence, _, digest = text.partition(":")
    try:
        head = Head(int(sequence), bytes.fromhex(digest))
    except ValueError as error:
        raise Malformed("journal.head", f"a head is SEQUENCE:HASH, not {text[:80]!r}") from error
    if head.sequence < 0 or len(head.hash) != 32:
        raise Malformed("journal.head", "a head's hash is 64 hex digits")
    return head
