"""The purse's transactions as rows: nonces are handed out here, one after the other.

Laws: a nonce is given to a row before Keeper is asked, and taken back only when Keeper declined it; the raw
bytes are stored before they are sent; every attempt of a nonce is kept, because any may confirm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, Select, func, select

from keepcool.app.payouts.tables import purse, purse_transaction
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId


class Purpose(StrEnum):
    """What a transaction does. A later attempt at a nonce keeps the purpose of the first."""

    EXECUTE = "execute"
    DEPLOY = "deploy"
    SWEEP = "sweep"
    CANCEL = "cancel"


class Stage(StrEnum):
    """STORED: Keeper may have signed it. SIGNED: raw stored, may have been sent. SENT: a node has taken it.
    SEEN: in a block. FINAL: for good, its fee is posted. SUPERSEDED: another attempt of the nonce is final.
    DECLINED: Keeper did not sign, the nonce is free again."""

    STORED = "stored"
    SIGNED = "signed"
    SENT = "sent"
    SEEN = "seen"
    FINAL = "final"
    SUPERSEDED = "superseded"
    DECLINED = "declined"


PENDING = (Stage.STORED, Stage.SIGNED, Stage.SENT, Stage.SEEN)
ALIVE = (Stage.SIGNED, Stage.SENT, Stage.SEEN)  # may be in a pool or in a block


@dataclass(frozen=True, slots=True)
class Purse:
    network: NetworkId
    address: str
    balance: int
    reconciled_block: int
    low: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction of the purse. `hash` is 0x-hex, `fee_max` and `fee_paid` wei."""

    number: int
    network: NetworkId
    account: str
    nonce: int
    purpose: Purpose
    wallet: str
    withdrawal: str | None
    unsigned: bytes
    raw: bytes | None
    hash: str | None
    fee_max: int
    stage: Stage
    block: int | None
    block_hash: str | None
    succeeded: bool | None
    fee_paid: int | None
    created_at_ms: int
    first_sent_at_ms: int | None
    sent_at_ms: int | None
    problem: str | None


def get_purse(tx: Connection, network: NetworkId) -> Purse | None:
    row = tx.execute(select(purse).where(purse.c.network == network)).one_or_none()
    if row is None:
        return None
    return Purse(NetworkId(row.network), row.address, row.balance, row.reconciled_block, row.low)


def learn_purse(tx: Connection, network: NetworkId, address: str, now_ms: int) -> Purse:
    """Note the address Keeper names. Raises Breach when it named another one before."""
    known = get_purse(tx, network)
    if known is not None and known.address != address:
        raise Breach("purse.changed", f"Keeper's purse on {network} was {known.address}, now it is {address}")
    if known is None:
        row = {"network": network, "address": address, "balance": 0, "updated_at_ms": now_ms}
        tx.execute(purse.insert().values(**row, reconciled_block=-1, low=False))
    found = get_purse(tx, network)
    if found is None:
        raise Conflict("purse.unknown", f"the purse of {network} was not stored")
    return found


def next_nonce(tx: Connection, network: NetworkId, account: str, chain_nonce: int) -> int:
    """The lowest nonce neither the chain nor a row of ours has used."""
    highest = select(func.max(purse_transaction.c.nonce)).where(
        purse_transaction.c.network == network,
        purse_transaction.c.account == account,
        purse_transaction.c.stage != Stage.DECLINED.value,
    )
    stored = tx.execute(highest).scalar_one_or_none()
    return max(chain_nonce, -1 if stored is None else int(stored) + 1, 0)


def add(
    tx: Connection,
    *,
    network: NetworkId,
    account: str,
    nonce: int,
    purpose: Purpose,
    wallet: str,
    withdrawal: str | None,
    unsigned: bytes,
    fee_max: int,
    now_ms: int,
) -> Attempt:
    """Store before asking. The same bytes at the same nonce, declined before, are asked again; in any other
    stage they are left as they are: an attempt that a block has taken must not be forgotten."""
    where = (
        purse_transaction.c.network == network,
        purse_transaction.c.account == account,
        purse_transaction.c.nonce == nonce,
        purse_transaction.c.unsigned == unsigned,
    )
    known = tx.execute(select(purse_transaction.c.number).where(*where)).scalar_one_or_none()
    if known is not None:
        if get(tx, int(known)).stage is Stage.DECLINED:
            update(tx, int(known), stage=Stage.STORED.value, problem=None, created_at_ms=now_ms)
        return get(tx, int(known))
    done = tx.execute(
        purse_transaction.insert().values(
            network=network,
            account=account,
            nonce=nonce,
            purpose=purpose.value,
            wallet=wallet,
            withdrawal=withdrawal,
            unsigned=unsigned,
            fee_max=fee_max,
            stage=Stage.STORED.value,
            created_at_ms=now_ms,
        )
    ).inserted_primary_key
    if done is None:
        raise Conflict("purse.insert", "a purse transaction was not stored")
    return get(tx, int(done[0]))


def update(tx: Connection, number: int, **columns: object) -> None:
    tx.execute(purse_transaction.update().where(purse_transaction.c.number == number).values(**columns))


def get(tx: Connection, number: int) -> Attempt:
    return _attempt(tx.execute(select(purse_transaction).where(purse_transaction.c.number == number)).one())


def in_stages(tx: Connection, network: NetworkId, stages: Sequence[Stage]) -> list[Attempt]:
    """By nonce, then by age."""
    query = select(purse_transaction).where(
        purse_transaction.c.network == network,
        purse_transaction.c.stage.in_([stage.value for stage in stages]),
    )
    return _attempts(tx, query)


def of_withdrawal(tx: Connection, withdrawal_id: str) -> list[Attempt]:
    query = select(purse_transaction).where(purse_transaction.c.withdrawal == withdrawal_id)
    return _attempts(tx, query)


def of_wallet(tx: Connection, wallet: str, purpose: Purpose) -> list[Attempt]:
    query = select(purse_transaction).where(
        purse_transaction.c.wallet == wallet, purse_transaction.c.purpose == purpose.value
    )
    return _attempts(tx, query)


def at_nonce(tx: Connection, network: NetworkId, account: str, nonce: int) -> list[Attempt]:
    query = select(purse_transaction).where(
        purse_transaction.c.network == network,
        purse_transaction.c.account == account,
        purse_transaction.c.nonce == nonce,
    )
    return _attempts(tx, query)


def has_attempt(tx: Connection, withdrawal_id: str) -> bool:
    """Whether an execution of this withdrawal was ever handed to Keeper and not declined."""
    attempts = of_withdrawal(tx, withdrawal_id)
    return any(one.stage is not Stage.DECLINED and one.purpose is Purpose.EXECUTE for one in attempts)


def _attempts(tx: Connection, query: Select[tuple[object, ...]]) -> list[Attempt]:
    ordered = query.order_by(purse_transaction.c.nonce, purse_transaction.c.number)
    return [_attempt(row) for row in tx.execute(ordered)]


def _attempt(row: Row[tuple[object, ...]]) -> Attempt:
    return Attempt(
        number=row.number,
        network=NetworkId(row.network),
        account=row.account,
        nonce=row.nonce,
        purpose=Purpose(row.purpose),
        wallet=row.wallet,
        withdrawal=row.withdrawal,
        unsigned=bytes(row.unsigned),
        raw=None if row.raw is None else bytes(row.raw),
        hash=row.hash,
        fee_max=row.fee_max,
        stage=Stage(row.stage),
        block=row.block,
        block_hash=row.block_hash,
        succeeded=row.succeeded,
        fee_paid=row.fee_paid,
        created_at_ms=row.created_at_ms,
        first_sent_at_ms=row.first_sent_at_ms,
        sent_at_ms=row.sent_at_ms,
        problem=row.problem,
    )
