"""What App has drafted, and the transactions that spent coins of ours: how each side finds the other.

Laws: a draft is noted before any signer is asked, by the id of its body (the transaction without a single
signature), which nobody can alter; a spending that no noted draft explains is not ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from keepcool.app.coins.tables import draft, spending
from keepcool.app.upserts import upsert
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, WalletId


@dataclass(frozen=True, slots=True)
class Draft:
    """`source`: the wallet whose coins it spends. `holder`: the batch it is of."""

    source: WalletId
    holder: str


@dataclass(frozen=True, slots=True)
class Spending:
    """A transaction that spends coins of ours. `holder`: of the draft that explains it, None when there is
    none. `height` None: in the pool alone; `gone`: no more even there."""

    number: int
    network: NetworkId
    txid: str
    body: str
    holder: str | None
    height: int | None
    block_hash: str | None
    gone: bool

    def confirmations(self, tip: int) -> int:
        return 0 if self.height is None else max(tip - self.height + 1, 0)


def note_draft(tx: Connection, network: NetworkId, body: str, source: WalletId, holder: str) -> None:
    """`body`: `chains.bitcoin.scanning.body_of` of the unsigned transaction. Raises Conflict when it is
    another holder's."""
    row = {"network": network, "body": body, "source": source, "holder": holder}
    tx.execute(upsert(draft).values(**row).on_conflict_do_nothing())
    known = explained(tx, network, body)
    if known is None or known.holder != holder:
        raise Conflict("coins.draft_taken", "these very bytes were drafted for something else already")


def explained(tx: Connection, network: NetworkId, body: str) -> Draft | None:
    """The draft that has this body."""
    query = select(draft.c.source, draft.c.holder).where(draft.c.network == network, draft.c.body == body)
    row = tx.execute(query).one_or_none()
    return None if row is None else Draft(WalletId(row.source), row.holder)


def spendings_of(tx: Connection, holder: str) -> list[Spending]:
    """Which of a holder's drafts were seen, in a block or in the pool, in the order they were."""
    query = select(spending).where(spending.c.holder == holder).order_by(spending.c.number)
    return [_spending(row) for row in tx.execute(query)]


def find_spending(tx: Connection, network: NetworkId, txid: str) -> Spending | None:
    query = select(spending).where(spending.c.network == network, spending.c.txid == txid)
    row = tx.execute(query).one_or_none()
    return None if row is None else _spending(row)


def _spending(row: Row[tuple[object, ...]]) -> Spending:
    return Spending(
        number=row.number,
        network=NetworkId(row.network),
        txid=row.txid,
        body=row.body,
        holder=row.holder,
        height=row.height,
        block_hash=row.block_hash,
        gone=row.gone,
    )
