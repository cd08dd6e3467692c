"""Who stood on the other side of an entry, and which transaction carried it, looked up by the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from keepcool.app.books.postings import Entry
from keepcool.app.deposits import naming
from keepcool.app.deposits.tables import deposit
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.payouts.bitcoin.tables import member as batched
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools.tables import ledger_transfer

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Party:
    """`counterparty`: an address outside, or one of our wallets. Empty: none, or unknown."""

    counterparty: str = ""
    transaction: str = ""
    external_id: str = ""


class Parties:
    """Of one page of entries."""

    def __init__(self, tx: Connection, page: Sequence[Entry]) -> None:
        named: dict[str, set[str]] = {}
        for one in page:
            for kind, name in one.reference.items():
                named.setdefault(kind, set()).add(name)
        self._deposits = _deposits(tx, {_bare(one) for one in named.get("deposit", ())})
        self._withdrawals = _withdrawals(tx, named.get("withdrawal", set()))
        self._transfers = _transfers(tx, named.get("transfer", set()))

    def of(self, one: Entry) -> Party:
        reference = one.reference
        if "deposit" in reference:
            return self._deposits.get(_bare(reference["deposit"]), Party())
        if "withdrawal" in reference:
            return self._withdrawals.get(reference["withdrawal"], Party())
        if "transfer" in reference:
            came = one.key.startswith("transfer-in:")
            return self._transfers.get((reference["transfer"], came), Party())
        return Party(transaction=reference.get("transaction", ""))


def _bare(name: str) -> str:
    """A deposit's id: one that vanished and came back is posted anew, under its id and a number."""
    return name.partition(".")[0]


def _parts(names: set[str]) -> list[list[str]]:
    ordered = sorted(names)
    return [ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE)]


def _deposits(tx: Connection, names: set[str]) -> dict[str, Party]:
    found: dict[str, Party] = {}
    for part in _parts(names):
        for row in tx.execute(select(deposit).where(deposit.c.id.in_(part))):
            sent = naming.transaction(row.network, row.transaction) if row.transaction else ""
            found[row.id] = Party(row.sender or "", sent)
    return found


def _withdrawals(tx: Connection, names: set[str]) -> dict[str, Party]:
    found: dict[str, Party] = {}
    columns = withdrawal.c
    paid = select(columns.id, columns.recipient, columns.to_wallet, columns.transaction, columns.external_id)
    for part in _parts(names):
        mined = select(batched.c.withdrawal, batch.c.transaction).join(batch, batch.c.id == batched.c.batch)
        inside = batched.c.withdrawal.in_(part) & batch.c.transaction.is_not(None)
        shared = {row.withdrawal: row.transaction for row in tx.execute(mined.where(inside))}
        for row in tx.execute(paid.where(columns.id.in_(part))):
            sent = row.transaction or shared.get(row.id) or ""
            found[row.id] = Party(row.to_wallet or row.recipient, sent, row.external_id or "")
    return found


def _transfers(tx: Connection, names: set[str]) -> dict[tuple[str, bool], Party]:
    """By id, and whether it is the side that got something."""
    found: dict[tuple[str, bool], Party] = {}
    for part in _parts(names):
        for row in tx.execute(select(ledger_transfer).where(ledger_transfer.c.id.in_(part))):
            found[row.id, False] = Party(row.to_wallet, external_id=row.external_id or "")
            found[row.id, True] = Party(row.from_wallet, external_id=row.external_id or "")
    return found
