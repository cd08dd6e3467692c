"""What the books say lies on a chain beside what does, wallet by wallet and to the unit.

Laws: a wallet counts with all that lies at its addresses in blocks read; what is in a block and not final yet
is told by itself and explains its part; whatever is left over is a difference, and none is rounded away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from keepcool.app.books import accounts, totals
from keepcool.app.books.postings import balance, balances_of
from keepcool.app.books.registry import wallet
from keepcool.app.coins.tables import coin, spending
from keepcool.app.deposits.records import State
from keepcool.app.deposits.tables import deposit
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.pools import rows as pools
from keepcool.app.rebuilding.payments import Stage
from keepcool.app.rebuilding.tables import payment
from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Base units. `pending`: came in and is not credited, or not yet; `leaving`: gone from the chain and
    not booked yet."""

    wallet: WalletId
    asset: AssetId
    chain: int
    booked: int
    pending: int = 0
    leaving: int = 0

    @property
    def difference(self) -> int:
        """What nothing explains: positive when the chain has more."""
        return self.chain - self.booked - self.pending + self.leaving


def bitcoin(tx: Connection, network: NetworkId, asset: AssetId) -> Iterator[Standing]:
    """Every wallet with a record of its own there, and every pool."""
    chain, pending, leaving = _on_chain(tx, network), _pending(tx, network), _leaving(tx, network)
    sources = sorted({*_recorded(tx, network), *chain, *pending, *leaving})
    booked = _booked(tx, sources, asset)
    for one in sources:
        yield Standing(
            wallet=one,
            asset=asset,
            chain=chain.get(one, 0),
            booked=booked[one],
            pending=pending.get(one, 0),
            leaving=leaving.get(one, 0),
        )


def _recorded(tx: Connection, network: NetworkId) -> list[WalletId]:
    query = select(wallet.c.id).where(wallet.c.network == network, wallet.c.record.is_not(None))
    return [WalletId(name) for name in tx.execute(query).scalars()]


def _booked(tx: Connection, sources: list[WalletId], asset: AssetId) -> dict[WalletId, int]:
    found = dict.fromkeys(sources, 0)
    names = {accounts.coins(one): one for one in sources}
    absent = {accounts.absent(one): one for one in sources}
    of_all = names | absent
    for account, of, units in balances_of(tx, list(of_all)):
        if of == asset:
            found[of_all[account]] += -units if account in absent else units
    for pool in (one.id for one in pools.pools(tx) if one.id in found):
        members = totals.of(tx, pool, asset)
        found[pool] += members.get("coins", 0) - members.get("absent", 0)
        found[pool] -= balance(tx, accounts.lent(pool), asset)
    return found


def _on_chain(tx: Connection, network: NetworkId) -> dict[WalletId, int]:
    query = (
        select(coin.c.source, func.sum(coin.c.amount_sat))
        .where(
            coin.c.network == network,
            coin.c.gone.is_(False),
            coin.c.height.is_not(None),
            coin.c.spent_height.is_(None),
        )
        .group_by(coin.c.source)
    )
    return {WalletId(source): int(units) for source, units in tx.execute(query)}


def _pending(tx: Connection, network: NetworkId) -> dict[WalletId, int]:
    same = (
        (coin.c.network == deposit.c.network)
        & (coin.c.txid == deposit.c.transaction)
        & (coin.c.vout == deposit.c.position)
    )
    query = (
        select(coin.c.source, func.sum(coin.c.amount_sat))
        .select_from(deposit)
        .join(coin, same)
        .where(
            deposit.c.network == network,
            deposit.c.state == State.PENDING.value,
            deposit.c.block_number >= 0,
        )
        .group_by(coin.c.source)
    )
    return {WalletId(source): int(units) for source, units in tx.execute(query)}


def _leaving(tx: Connection, network: NetworkId) -> dict[WalletId, int]:
    """What transactions of ours in blocks took out of their sources, as far as it is not booked. What came
    back as change is no part of it; what came back as a deposit is."""
    unbooked = [*_unbooked_batches(tx, network), *_unbooked_recalled(tx, network)]
    found: dict[WalletId, int] = defaultdict(int)
    for start in range(0, len(unbooked), 500):
        some = unbooked[start : start + 500]
        spent = select(coin.c.source, func.sum(coin.c.amount_sat)).where(
            coin.c.network == network, coin.c.spent_by.in_(some), coin.c.spent_height.is_not(None)
        )
        for source, units in tx.execute(spent.group_by(coin.c.source)):
            found[WalletId(source)] += int(units)
        deposited = (
            select(deposit.c.id)
            .where(deposit.c.network == coin.c.network, deposit.c.transaction == coin.c.txid)
            .where(deposit.c.position == coin.c.vout)
        )
        back = select(coin.c.source, func.sum(coin.c.amount_sat)).where(
            coin.c.network == network,
            coin.c.txid.in_(some),
            coin.c.height.is_not(None),
            ~deposited.exists(),
        )
        for source, units in tx.execute(back.group_by(coin.c.source)):
            found[WalletId(source)] -= int(units)
    return dict(found)


def _unbooked_batches(tx: Connection, network: NetworkId) -> list[str]:
    query = (
        select(spending.c.txid)
        .join(batch, batch.c.id == spending.c.holder)
        .where(spending.c.network == network, spending.c.height.is_not(None), batch.c.stage != "confirmed")
    )
    return list(tx.execute(query).scalars())


def _unbooked_recalled(tx: Connection, network: NetworkId) -> list[str]:
    """Seen and not final; what waits for a person is a difference until it is booked."""
    query = (
        select(spending.c.txid)
        .join(payment, payment.c.transaction == spending.c.txid)
        .where(
            spending.c.network == network,
            spending.c.height.is_not(None),
            payment.c.network == network,
            payment.c.stage == Stage.SEEN.value,
        )
    )
    return list(tx.execute(query).scalars())
