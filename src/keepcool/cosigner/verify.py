"""`keepcool journal verify`: the whole chain, and what must agree with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from keepcool.core.errors import Breach
from keepcool.core.journal import EMPTY, Head
from keepcool.cosigner.journal import walk
from keepcool.ports.signer_store import SignerStore


class _Claiming(msgspec.Struct, frozen=True):
    """What any kind of entry that claims slots has in common."""

    digests: list[str] = []
    slots: list[tuple[str, str, int]] = []


@dataclass(frozen=True, slots=True)
class Report:
    """`kinds` counts entries by kind."""

    head: Head
    kinds: dict[str, int]
    first_at_s: int
    last_at_s: int


def verify_journal(store: SignerStore, known_heads: Sequence[Head] = ()) -> Report:
    """Walk every entry and compare the table of claims and heads that others have seen.

    Raises Breach naming the first sequence that is wrong. A journal cut off at its end shows only in
    `known_heads`: give what App, the peer and the watchtower have kept."""
    head, kinds, times = EMPTY, dict[str, int](), list[int]()
    hashes = {one.sequence: one.hash for one in known_heads}
    expected: set[tuple[str, str, int, bytes, int]] = set()
    for entry in walk(store):
        head = entry.head
        kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
        times = [times[0] if times else entry.at_s, entry.at_s]
        if hashes.pop(head.sequence, head.hash) != head.hash:
            raise _rolled_back(head.sequence)
        row = msgspec.json.decode(entry.body, type=_Claiming)
        expected |= {(*slot, bytes.fromhex(row.digests[0]), head.sequence) for slot in row.slots}
    if any(sequence > 0 for sequence in hashes):
        raise _rolled_back(min(sequence for sequence in hashes if sequence > 0))
    _claims_agree(store, expected)
    return Report(head, kinds, *(times or (0, 0)))


def _claims_agree(store: SignerStore, expected: set[tuple[str, str, int, bytes, int]]) -> None:
    stored = {(c.slot.network, c.slot.space, c.slot.position, c.digest, c.sequence) for c in store.claims()}
    missing = expected - stored
    if missing:
        sequence = min(claim[-1] for claim in missing)
        raise Breach(
            "journal.claims", f"the claim of journal entry {sequence} was removed", sequence=sequence
        )


def _rolled_back(sequence: int) -> Breach:
    return Breach(
        "journal.rolled_back",
        f"others have seen another entry {sequence} of this journal than it holds: it was cut or rewritten",
        sequence=sequence,
    )
