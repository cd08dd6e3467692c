"""What our Minter wallets have sent, inclusion by inclusion: how payouts learn what became of theirs.

Law: a payment is found by what its owners signed and by the wallet's nonce, never by the transaction's hash,
which anybody can change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, select

from keepcool.app.deposits.minter.reading import Left
from keepcool.app.deposits.tables import spending
from keepcool.app.deposits.watched import WatchedWallet
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.upserts import upsert
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.withdrawal_states import Frozen, State, name_of

_LOG_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Spent:
    """One inclusion. `digest` and `key` in hex; `transaction` is Mt..., `block_hash` hex."""

    number: int
    key: str
    wallet: WalletId
    nonce: int
    digest: str
    transaction: str
    height: int
    block_hash: str
    failed: bool
    log: str
    fee: int
    fee_asset: AssetId


def remember(
    tx: Connection, network: NetworkId, wallet: WatchedWallet, left: Left, block_hash: bytes
) -> None:
    """In the transaction that remembers the block."""
    one = left.transaction
    tx.execute(
        upsert(spending)
        .values(
            key=left.key.hex(),
            network=network,
            wallet=wallet.id,
            nonce=one.nonce,
            digest=left.digest.hex(),
            transaction=one.hash.hex(),
            height=one.height,
            block_hash=block_hash.hex(),
            failed=one.failed,
            log=one.log[:_LOG_CHARS_MAX],
            fee=left.fee,
            fee_asset=left.fee_asset,
            accounted=False,
        )
        .on_conflict_do_nothing(index_elements=["key"])  # a block may be read again
    )


def unaccounted(tx: Connection, network: NetworkId, limit: int) -> list[Spent]:
    """In the order of the chain. What a frozen withdrawal sent waits, and holds up nothing else."""
    frozen = (
        select(withdrawal.c.id)
        .where(withdrawal.c.wallet == spending.c.wallet, withdrawal.c.digest == spending.c.digest)
        .where(withdrawal.c.state == name_of(Frozen))
    )
    query = select(spending).where(spending.c.network == network, spending.c.accounted.is_(False))
    return _rows(tx, query.where(~frozen.exists()).order_by(spending.c.number).limit(limit))


def account(tx: Connection, one: Spent) -> None:
    tx.execute(spending.update().where(spending.c.number == one.number).values(accounted=True))


def overtaken(
    tx: Connection, network: NetworkId, states: Sequence[type[State]], limit: int
) -> list[tuple[str, Spent]]:
    """Withdrawals in these states whose nonce something else has used, and what."""
    used = (
        spending.c.wallet == withdrawal.c.wallet,
        spending.c.nonce == withdrawal.c.slot,
        spending.c.digest != withdrawal.c.digest,
        spending.c.failed.is_(False),
        spending.c.accounted.is_(True),
    )
    waiting = (
        withdrawal.c.network == network,
        withdrawal.c.open.is_(True),
        withdrawal.c.state.in_([name_of(one) for one in states]),
    )
    query = select(withdrawal.c.id, spending).where(*waiting, *used).order_by(withdrawal.c.number)
    return [(row.id, _spent(row)) for row in tx.execute(query.limit(limit))]


def _rows(tx: Connection, query: Select[tuple[object, ...]]) -> list[Spent]:
    return [_spent(row) for row in tx.execute(query)]


def _spent(row: Row[tuple[object, ...]]) -> Spent:
    return Spent(
        number=row.number,
        key=row.key,
        wallet=WalletId(row.wallet),
        nonce=row.nonce,
        digest=row.digest,
        transaction="Mt" + row.transaction,
        height=row.height,
        block_hash=row.block_hash,
        failed=row.failed,
        log=row.log,
        fee=row.fee,
        fee_asset=AssetId(row.fee_asset),
    )
