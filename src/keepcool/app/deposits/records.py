"""Deposits as they are kept and shown: one row per movement of coins, block and asset.

The id is a hash of where the coins came in, so the same movement is the same deposit for ever. Where coins
lie in accounts, the same transaction in another block is another deposit; an output is one deposit in
whatever block it stands, or in none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, select

from keepcool.app.deposits.tables import deposit
from keepcool.app.events import telling
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId

IN_POOL = -1


class Kind(StrEnum):
    """How a deposit was seen. TRANSACTION: one to the address. SAFE_RECEIVED: the wallet's own event tells
    of it. TRANSFER: a token's event. PAYOUT: from another wallet of ours, inside its SafeTx. BALANCE: it has
    no transaction of its own, only the balance tells of it. OUTPUT: of a transaction, which gives its
    `position`."""

    TRANSACTION = "transaction"
    SAFE_RECEIVED = "safe_received"
    TRANSFER = "transfer"
    PAYOUT = "payout"
    BALANCE = "balance"
    OUTPUT = "output"


class State(StrEnum):
    """PENDING: in the pool, or in a block that is not yet deep enough. CREDITED: the owner's. DUST:
    confirmed, below the asset's minimum, booked as dust until it is credited by hand or gathered. SHORT: the
    balance confirmed less than was claimed; what it did confirm is credited. ORPHANED: its block is gone,
    nothing was credited. REVERSED: its block is gone and the credit was taken back."""

    PENDING = "pending"
    CREDITED = "credited"
    DUST = "dust"
    SHORT = "short"
    ORPHANED = "orphaned"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something came in, says the chain's record of `block_hash` (hex without 0x, as all hashes here). What
    is in no block yet has the number IN_POOL and no hash."""

    network: NetworkId
    wallet: WalletId
    asset: AssetId
    kind: Kind
    sender: str | None
    transaction: str | None
    position: int
    block_number: int
    block_hash: str
    units: int

    def id(self) -> str:
        within = self.transaction or "" if self.kind is Kind.OUTPUT else self.block_hash
        where = (self.network, self.wallet, self.asset, self.kind.value, within, str(self.position))
        return "dep_" + hashlib.sha256("|".join(where).encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Deposit:
    """`confirmed` is what the wallet's balance bore out, `posted` whether the ledger holds it now."""

    number: int
    id: str
    claim: Claim
    confirmed: int
    posted: bool
    round: int
    state: State
    seen_at_ms: int
    decided_at_ms: int | None

    @property
    def credited(self) -> int:
        """What the owner has of it on the ledger now: dust is not his to spend."""
        return self.confirmed if self.posted and self.state is not State.DUST else 0

    @property
    def ledger_name(self) -> str:
        """What the ledger calls it: a deposit that vanished and came back is posted anew."""
        return self.id if self.round == 0 else f"{self.id}.{self.round}"


def add(tx: Connection, claim: Claim, at_ms: int) -> Deposit:
    """A pending deposit; one whose block was gone and is back is pending again."""
    known = find(tx, claim.id())
    if known is None:
        tx.execute(deposit.insert().values(id=claim.id(), seen_at_ms=at_ms, **values_of(claim)))
    elif known.state in (State.ORPHANED, State.REVERSED):
        again = known.round + (known.state is State.REVERSED)
        values = {"state": State.PENDING.value, "round": again, "confirmed": 0, "decided_at_ms": None}
        tx.execute(deposit.update().where(deposit.c.id == known.id).values(**values))
    else:
        return known
    return telling.deposit(tx, get_deposit(tx, claim.id()), at_ms)


def decide(tx: Connection, one: Deposit, state: State, at_ms: int, *, confirmed: int, posted: bool) -> None:
    values = {"state": state.value, "confirmed": confirmed, "posted": posted, "decided_at_ms": at_ms}
    tx.execute(deposit.update().where(deposit.c.number == one.number).values(**values))
    telling.deposit(tx, get_deposit(tx, one.id), at_ms)


def find(tx: Connection, deposit_id: str) -> Deposit | None:
    row = tx.execute(select(deposit).where(deposit.c.id == deposit_id)).one_or_none()
    return None if row is None else of_row(row)


def get_deposit(tx: Connection, deposit_id: str) -> Deposit:
    """Raises Conflict `deposit.not_found`."""
    found = find(tx, deposit_id)
    if found is None:
        raise Conflict("deposit.not_found", f"there is no deposit {deposit_id[:64]}")
    return found


def find_transaction(tx: Connection, transaction: str) -> list[Deposit]:
    """Deposits made by a transaction: its hash in hex, with or without 0x or Mt."""
    name = transaction.lower().removeprefix("0x").removeprefix("mt")
    query = select(deposit).where(deposit.c.transaction == name).order_by(deposit.c.number)
    return [of_row(row) for row in tx.execute(query)]


def list_deposits(
    tx: Connection,
    *,
    limit: int,
    after: int | None = None,
    wallets: Sequence[str] | None = None,
    network: str | None = None,
    asset: str | None = None,
    state: State | None = None,
    newest_first: bool = False,
) -> list[Deposit]:
    """At most `limit` beyond the number `after`, in the order asked for."""
    query = select(deposit).limit(limit)
    wanted = {"network": network, "asset": asset, "state": None if state is None else state.value}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(deposit.c[name] == value)
    if wallets is not None:
        query = query.where(deposit.c.wallet.in_(wallets))
    if after is not None:
        query = query.where(deposit.c.number < after if newest_first else deposit.c.number > after)
    query = query.order_by(deposit.c.number.desc() if newest_first else deposit.c.number)
    return [of_row(row) for row in tx.execute(query)]


def of_holding(tx: Connection, wallet: WalletId, asset: AssetId, *, until: int, after: int) -> list[Deposit]:
    """The pending deposits of one balance up to block `until`, and the decided ones beyond block `after`."""
    query = select(deposit).where(
        deposit.c.wallet == wallet,
        deposit.c.asset == asset,
        deposit.c.block_number <= until,
        (deposit.c.state == State.PENDING.value) | (deposit.c.block_number > after),
    )
    rows = tx.execute(query.order_by(deposit.c.block_number, deposit.c.position, deposit.c.number))
    return [of_row(row) for row in rows]


def pending_holdings(tx: Connection, network: NetworkId, until: int) -> set[tuple[WalletId, AssetId]]:
    """Whose balances of what have deposits pending up to this block."""
    query = select(deposit.c.wallet, deposit.c.asset).where(
        deposit.c.network == network,
        deposit.c.state == State.PENDING.value,
        deposit.c.block_number <= until,
    )
    return {(WalletId(row.wallet), AssetId(row.asset)) for row in tx.execute(query.distinct())}


def beyond(tx: Connection, network: NetworkId, block_number: int) -> list[Deposit]:
    """Deposits of blocks above this one that still count for something."""
    gone = (State.ORPHANED.value, State.REVERSED.value)
    query = select(deposit).where(
        deposit.c.network == network, deposit.c.block_number > block_number, deposit.c.state.not_in(gone)
    )
    return [of_row(row) for row in tx.execute(query.order_by(deposit.c.number.desc()))]


def values_of(claim: Claim) -> dict[str, object]:
    """The columns of a pending deposit."""
    return {
        "network": claim.network,
        "wallet": claim.wallet,
        "asset": claim.asset,
        "kind": claim.kind.value,
        "sender": claim.sender,
        "transaction": claim.transaction,
        "position": claim.position,
        "block_number": claim.block_number,
        "block_hash": claim.block_hash,
        "units": claim.units,
        "confirmed": 0,
        "posted": False,
        "round": 0,
        "state": State.PENDING.value,
    }


def of_row(row: Row[tuple[object, ...]]) -> Deposit:
    claim = Claim(
        network=NetworkId(row.network),
        wallet=WalletId(row.wallet),
        asset=AssetId(row.asset),
        kind=Kind(row.kind),
        sender=row.sender,
        transaction=row.transaction,
        position=row.position,
        block_number=row.block_number,
        block_hash=row.block_hash,
        units=row.units,
    )
    return Deposit(
        number=row.number,
        id=row.id,
        claim=claim,
        confirmed=row.confirmed,
        posted=row.posted,
        round=row.round,
        state=State(row.state),
        seen_at_ms=row.seen_at_ms,
        decided_at_ms=row.decided_at_ms,
    )
