"""What blocks and the pool have shown and show no more.

Laws: blocks are forgotten from the top down to one that is still the chain's, everything they brought in the
same transaction; a credit whose block is gone is taken back; a transaction that is in neither has never been,
until it is seen again.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, select

from keepcool.app.books import dust
from keepcool.app.coins.tables import coin, spending
from keepcool.app.deposits import position, records
from keepcool.app.deposits.bitcoin import outputs
from keepcool.app.deposits.records import Deposit, State
from keepcool.core.ids import NetworkId

_AT_ONCE = 500


def undo(tx: Connection, network: NetworkId, common: int, at_ms: int) -> list[Deposit]:
    """Blocks above `common` are no longer part of the chain. The deposits that had been credited."""
    lost = [one for one in records.beyond(tx, network, common) if one.posted]
    for one in lost:
        _take_back(tx, one, at_ms)
        records.decide(tx, one, State.REVERSED, at_ms, confirmed=0, posted=False)
    outputs.back_to_pool(tx, network, common, at_ms)
    _mined(tx, network, common, at_ms)
    above = (coin.c.network == network, coin.c.height > common)
    tx.execute(coin.update().where(*above).values(height=None, block_hash=None, matures=0))
    spent = (coin.c.network == network, coin.c.spent_height > common)
    tx.execute(coin.update().where(*spent).values(spent_height=None))
    stood = (spending.c.network == network, spending.c.height > common)
    tx.execute(spending.update().where(*stood).values(height=None, block_hash=None))
    position.rewind(tx, network, common)
    return lost


def vanish(tx: Connection, network: NetworkId, pool: AbstractSet[str], at_ms: int) -> int:
    """Whatever is in no block and not in this pool, the whole of it, is gone. How many transactions."""
    gone = sorted(_unconfirmed(tx, network) - pool)
    for start in range(0, len(gone), _AT_ONCE):
        part = gone[start : start + _AT_ONCE]
        tx.execute(
            coin.update()
            .where(coin.c.network == network, coin.c.txid.in_(part), coin.c.height.is_(None))
            .values(gone=True)
        )
        tx.execute(
            coin.update()
            .where(coin.c.network == network, coin.c.spent_by.in_(part), coin.c.spent_height.is_(None))
            .values(spent_by=None)
        )
        tx.execute(
            spending.update()
            .where(spending.c.network == network, spending.c.txid.in_(part), spending.c.height.is_(None))
            .values(gone=True)
        )
    outputs.orphan(tx, network, gone, at_ms)
    return len(gone)


def _take_back(tx: Connection, one: Deposit, at_ms: int) -> None:
    claim = one.claim
    by_hand = dust.take_back(
        tx,
        deposit=one.ledger_name,
        wallet=claim.wallet,
        asset=claim.asset,
        units=one.confirmed,
        at_ms=at_ms,
    )
    if by_hand:  # in another block it is dust anew
        here = (coin.c.network == claim.network, coin.c.txid == claim.transaction)
        tx.execute(coin.update().where(*here, coin.c.vout == claim.position).values(dust=True))


def _mined(tx: Connection, network: NetworkId, common: int, at_ms: int) -> None:
    """What a forgotten block minted never was: no pool takes it."""
    above = (coin.c.network == network, coin.c.height > common, coin.c.coinbase.is_(True))
    txids = sorted(set(tx.execute(select(coin.c.txid).where(*above)).scalars()))
    tx.execute(coin.update().where(*above).values(gone=True))
    outputs.orphan(tx, network, txids, at_ms)


def _unconfirmed(tx: Connection, network: NetworkId) -> set[str]:
    made = select(coin.c.txid).where(
        coin.c.network == network, coin.c.height.is_(None), coin.c.gone.is_(False)
    )
    spent = select(spending.c.txid).where(
        spending.c.network == network, spending.c.height.is_(None), spending.c.gone.is_(False)
    )
    return {*tx.execute(made).scalars(), *tx.execute(spent).scalars()}
