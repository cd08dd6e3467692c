"""The two revisions of a wallet whose address does not commit to its owners: reserved, then proven.

Laws: the first belongs to nobody and pays nothing; the second differs in owner, user key, class and standing
alone and names the first by its hash, so either can be told from the other and there is one of each.
"""

from __future__ import annotations

from dataclasses import replace

from keepcool.core.errors import Conflict
from keepcool.core.registry import NO_PREVIOUS, Standing, WalletRecord


def first_revision(record: WalletRecord) -> WalletRecord:
    """The record as it was reserved. Raises Conflict when this is not what became of such a record."""
    first = replace(
        record,
        revision=1,
        previous=NO_PREVIOUS,
        owner="",
        user_key="",
        policy_class="",
        standing=Standing.RESERVED,
    )
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
        revision=2,
        previous=first.hash(),
        owner=terms.owner,
        user_key=terms.user_key,
        policy_class=terms.policy_class,
        standing=Standing.PROVEN,
    )
