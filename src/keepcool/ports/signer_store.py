"""A signer's durable memory: what it signed, heard, registered, sealed and witnessed.

Laws: a `Change` is committed whole or not at all, and is on disk when its awaitable returns; entries are
only ever added, each chained to the one before it (`core.journal`); changes are committed in the order
in which `commit` was called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepcool.core.effects import Slot
from keepcool.core.ids import WalletId
from keepcool.core.journal import Head, HeadStatement
from keepcool.core.parties import Service

# A Breach with this code means that the disk no longer keeps what it confirmed: the process must end.
# Retrying after a failed fsync reads back what was never written.
LOST = "journal.lost"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One journal entry: where it stands, the hash it is chained to, its canonical bytes."""

    head: Head
    previous: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A draft (by its first digest) holds a slot. Unique per slot and digest."""

    slot: Slot
    digest: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class ClaimedIntent:
    """An intent id and the hash of the only bytes it may stand for."""

    intent: str
    hash: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An envelope this change is the effect of, kept until it can no longer be heard again."""

    envelope: str
    keep_until_ms: int


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A registry record's canonical bytes and who attested it. Revisions of a wallet only grow."""

    wallet: WalletId
    revision: int
    record: bytes
    attestations: Mapping[Service, bytes]


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A coin key as the keystore gave it back, sealed inside and out. Another key never takes its place."""

    wallet: str
    network: str
    purpose: str
    public_key: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealed:
    """The same key under another seal, in the place of the row that lies `before` there, and of no other."""

    key: SealedKey
    before: bytes


@dataclass(frozen=True, slots=True)
class WaitingDraft:
    """A draft that waits for people, for them to see. Both hashes are hex. Once `until_s` has passed it may
    be forgotten."""

    intent_hash: str
    draft_hash: str
    draft: bytes
    at_s: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is committed together. Envelopes kept until before `forget_before_ms` are forgotten. `waiting`:
    kept beside the journal, a bounded amount of it; `ended`: intents whose drafts wait no more."""

    entries: tuple[EntryRow, ...] = ()
    claims: tuple[Claim, ...] = ()
    intents: tuple[ClaimedIntent, ...] = ()
    heard: tuple[Heard, ...] = ()
    records: tuple[RecordRow, ...] = ()
    keys: tuple[SealedKey, ...] = ()
    resealed: tuple[Resealed, ...] = ()
    witnessed: tuple[HeadStatement, ...] = ()
    waiting: tuple[WaitingDraft, ...] = ()
    ended: tuple[str, ...] = ()
    forget_before_ms: int = 0


class SignerStore(Protocol):
    def commit(self, change: Change) -> Awaitable[None]:
        """Enqueued when called, durable when awaited. Raises Conflict when the change contradicts what
        is stored (nothing of it is), Unavailable `journal.unwritable` when the disk refuses it, and
        Breach `journal.lost` when the disk can no longer be trusted."""

    def entries(self, after: int = 0) -> Iterator[EntryRow]:
        """Entries with a sequence beyond `after`, in order, as they lie in the file: unverified."""

    def entry(self, sequence: int) -> EntryRow | None: ...

    def claims(self) -> Iterator[Claim]: ...

    def heard(self) -> Iterator[Heard]: ...

    def record(self, wallet: WalletId) -> RecordRow | None: ...

    def records_of(self, wallets: Sequence[WalletId]) -> list[RecordRow | None]:
        """`record` of each, in order, asked for at once."""

    def records(self, after: str, limit: int) -> Sequence[RecordRow]:
        """By wallet id, beyond `after`: a page of the registry."""

    def record_count(self) -> int: ...

    def keys(self, wanted: Sequence[tuple[str, str, str]]) -> list[SealedKey | None]:
        """Sealed keys by (wallet, network, purpose), in order."""

    def sealed_keys(self, after: tuple[str, str, str], limit: int) -> Sequence[SealedKey]:
        """By wallet, network and purpose, beyond `after`: a page of all of them."""

    def witnessed(self, service: Service) -> HeadStatement | None:
        """The newest head of a peer's journal that this signer has stored."""

    def waiting(self, intent_hash: str, most: int = 100) -> list[WaitingDraft]:
        """The drafts of this intent that were put to wait last, oldest first."""

    def close(self) -> None:
        """Finish what is queued and let go of the file."""
