"""The revisions of a wallet's record: reserved and proven, where its address does not commit to its owners,
and then one for each change of its owner's key.

Laws: a reserved one belongs to nobody and pays nothing; the one that proves it differs in owner, user key,
class and standing alone; each that follows differs from the one before in user key alone; every one names the
one before by its hash. Once the next is staged here, nothing is signed by the one before.
"""

from __future__ import annotations

from dataclasses import replace

from keepcool.core.errors import Conflict
from keepcool.core.registry import NO_PREVIOUS, Standing, WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.entries import WALLET, Entry, WalletRow

PROVEN_REVISION = 2
BY_OWNER, BY_ORDER = "rekeyed by its owner", "rekeyed by order"
REKEYED = (BY_OWNER, BY_ORDER)


def first_revision(record: WalletRecord) -> WalletRecord:
    """The record as it was reserved. Raises Conflict when this is not what became of such a record. What the
    owner's key was before it was changed is not known any more: of such a record nothing is compared."""
    first = replace(
        record,
        revision=1,
        previous=NO_PREVIOUS,
        owner="",
        user_key="",
        policy_class="",
        standing=Standing.RESERVED,
    )
    if record.revision > PROVEN_REVISION and record.standing is Standing.PROVEN:
        return first
    expected = first if record.revision == 1 else second_revision(first, record)
    if record != expected:
        raise Conflict(
            "wallet.revision", f"this record of {record.wallet} did not grow out of a reserved one"
        )
    return first


def second_revision(first: WalletRecord, terms: WalletRecord) -> WalletRecord:
    """What a reserved record becomes with the owner, user key and class of `terms`."""
    return replace(
        first,
        revision=PROVEN_REVISION,
        previous=first.hash(),
        owner=terms.owner,
        user_key=terms.user_key,
        policy_class=terms.policy_class,
        standing=Standing.PROVEN,
    )


def rekeyed(record: WalletRecord, user_key: str) -> WalletRecord:
    """The next revision, with another key of its owner."""
    return replace(record, revision=record.revision + 1, previous=record.hash(), user_key=user_key)


class Rekeys:
    """A `journal.Memory` of the kind `wallet`: the newest revision of every wallet whose owner changed his
    key."""

    def __init__(self) -> None:
        self._revisions: dict[str, tuple[int, ...]] = {}

    def learn(self, entry: Entry) -> None:
        row = _rekeyed_row(entry)
        if row is not None:
            self._revisions[row.wallet] = (*self._revisions.get(row.wallet, ()), row.revision)

    def unlearn(self, entry: Entry) -> None:
        row = _rekeyed_row(entry)
        if row is None:
            return
        self._revisions[row.wallet] = self._revisions[row.wallet][:-1]
        if not self._revisions[row.wallet]:
            del self._revisions[row.wallet]

    def newest(self, wallet: str) -> int:
        """Of this wallet, 0 where its key was never changed here."""
        told = self._revisions.get(wallet)
        return 0 if told is None else told[-1]

    def overtaken(self, record: WalletRecord) -> bool:
        """Whether a later revision than this was staged here."""
        return self.newest(record.wallet) > record.revision


def _rekeyed_row(entry: Entry) -> WalletRow | None:
    if entry.kind != WALLET:
        return None
    row = entries.decoded(entry, WalletRow)
    return row if row.deed in REKEYED else None
