"""Which coins of a wallet may be spent, and who holds which of them.

Laws: a coin that is spent (in a block or in the pool), gone, frozen, leased or not yet mature is not
spendable; what somebody else paid is so from its first block on; of what is in no block only our own change
is, where nobody can alter the id of what made it, and only on a short chain of such; dust is left where it
lies until it is gathered on purpose. A lease is one holder's, for all its coins or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, func, select, tuple_

from keepcool.app.coins import addresses
from keepcool.app.coins.tables import coin, lease
from keepcool.app.upserts import upsert
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.chains.bitcoin.coins import ANCESTORS_MAX, Coin, Origin, Shape
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import Outpoint
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, WalletId

SPENDABLE_MAX = 5_000
_ASKED_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A coin of ours. `txid` as people write it; `height` None: in the pool alone; `own`: made by a draft of
    ours; `ancestors`: how many unconfirmed transactions it hangs on, 0 when it is in a block."""

    network: NetworkId
    txid: str
    vout: int
    source: WalletId
    wallet: WalletId | None
    cosigner: int
    change: int
    index: int
    amount_sat: int
    height: int | None
    block_hash: str | None
    matures: int
    coinbase: bool
    own: bool
    dust: bool
    frozen: bool
    gone: bool
    spent_by: str | None
    spent_height: int | None
    ancestors: int = 0

    @property
    def outpoint(self) -> Outpoint:
        return Outpoint(bytes.fromhex(self.txid)[::-1], self.vout)

    def confirmations(self, tip: int) -> int:
        return 0 if self.height is None else max(tip - self.height + 1, 0)

    def coin(self, shape: Shape, tip: int) -> Coin:
        """As selection takes it."""
        return Coin(
            outpoint=self.outpoint,
            amount_sat=self.amount_sat,
            shape=shape,
            confirmations=self.confirmations(tip),
            origin=self._origin,
            frozen=self.frozen,
            ancestors=self.ancestors,
        )

    @property
    def _origin(self) -> Origin:
        if self.coinbase:
            return Origin.MINED
        return Origin.CHANGE if self.own and self.change == CHANGE else Origin.FOREIGN


def spendable(
    tx: Connection,
    network: NetworkId,
    source: WalletId,
    *,
    tip: int,
    kind: ScriptKind,
    dust: bool = False,
    limit: int = SPENDABLE_MAX,
) -> list[Held]:
    """The largest first, `limit` at most. `tip`: the last block followed; `kind`: the wallet's script. With
    `dust` what lies below the network's threshold as well."""
    held = select(lease.c.txid).where(
        lease.c.network == coin.c.network, lease.c.txid == coin.c.txid, lease.c.vout == coin.c.vout
    )
    query = select(coin).where(
        coin.c.network == network,
        coin.c.source == source,
        coin.c.spent_by.is_(None),
        coin.c.gone.is_(False),
        coin.c.frozen.is_(False),
        coin.c.matures <= tip + 1,
        ~held.exists(),
    )
    if not dust:
        query = query.where(coin.c.dust.is_(False))
    if kind is ScriptKind.P2SH:  # its id can still be altered by anybody while it is in no block
        query = query.where(coin.c.height.is_not(None))
    else:
        ours = coin.c.own.is_(True) & (coin.c.change == CHANGE)
        query = query.where(coin.c.height.is_not(None) | ours)
    order = (coin.c.amount_sat.desc(), coin.c.txid, coin.c.vout)
    found = [_held(row) for row in tx.execute(query.order_by(*order).limit(limit))]
    chains = _Ancestry(tx, network)
    counted = [one if one.height is not None else chains.counted(one) for one in found]
    return [one for one in counted if one.ancestors <= ANCESTORS_MAX]


def get_coins(tx: Connection, network: NetworkId, outpoints: Iterable[tuple[str, int]]) -> list[Held]:
    """Those of these (txid, vout) that are or were ours."""
    asked, found = list(outpoints), []
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        part = asked[start : start + _ASKED_AT_ONCE]
        chosen = tuple_(coin.c.txid, coin.c.vout).in_(part)
        found += [_held(row) for row in tx.execute(select(coin).where(coin.c.network == network, chosen))]
    return found


def made_by(tx: Connection, network: NetworkId, txid: str) -> list[Held]:
    """Our coins among this transaction's outputs."""
    query = select(coin).where(coin.c.network == network, coin.c.txid == txid).order_by(coin.c.vout)
    return [_held(row) for row in tx.execute(query)]


def lease_coins(
    tx: Connection, network: NetworkId, holder: str, outpoints: Sequence[tuple[str, int]], at_ms: int
) -> None:
    """All of them or none. Raises Conflict `coins.leased` when one is another holder's, `coins.spent` when
    one cannot be spent any more. Asked again by the same holder, nothing changes."""
    free = [one for one in get_coins(tx, network, outpoints) if not one.gone and not one.frozen]
    if len({(one.txid, one.vout) for one in free if one.spent_by is None}) != len(set(outpoints)):
        raise Conflict("coins.spent", "a coin of this draft was spent or is gone meanwhile: draft again")
    for txid, vout in outpoints:
        row = {"network": network, "txid": txid, "vout": vout, "holder": holder, "since_ms": at_ms}
        tx.execute(upsert(lease).values(**row).on_conflict_do_nothing())
        here = (lease.c.network == network, lease.c.txid == txid, lease.c.vout == vout)
        if tx.execute(select(lease.c.holder).where(*here)).scalar_one() != holder:
            raise Conflict("coins.leased", "a coin of this draft is held by another one: draft again")


def release(tx: Connection, holder: str) -> int:
    """The batch has ended, or was never drafted: its coins and its unused change addresses are free. How many
    coins it held."""
    addresses.give_back(tx, holder)
    return tx.execute(lease.delete().where(lease.c.holder == holder)).rowcount


def hold_only(
    tx: Connection, network: NetworkId, holder: str, outpoints: Sequence[tuple[str, int]], at_ms: int
) -> None:
    """It holds these from now on, where nobody else does, and nothing else."""
    release(tx, holder)
    row = {"network": network, "holder": holder, "since_ms": at_ms}
    rows = [{"txid": txid, "vout": vout, **row} for txid, vout in outpoints]
    tx.execute(upsert(lease).on_conflict_do_nothing(), rows)


def leased(tx: Connection, holder: str) -> list[tuple[str, int]]:
    """What a holder holds, as (txid, vout)."""
    query = select(lease.c.txid, lease.c.vout).where(lease.c.holder == holder)
    return [(row.txid, row.vout) for row in tx.execute(query.order_by(lease.c.txid, lease.c.vout))]


def holder_of(tx: Connection, one: Held) -> str | None:
    """Who holds it, if anybody does."""
    here = (lease.c.network == one.network, lease.c.txid == one.txid, lease.c.vout == one.vout)
    return tx.execute(select(lease.c.holder).where(*here)).scalar_one_or_none()


def freeze_coin(tx: Connection, network: NetworkId, txid: str, vout: int, *, frozen: bool) -> None:
    """A person's word that a coin stays where it is, or may go again. Raises Conflict `coins.unknown`."""
    here = (coin.c.network == network, coin.c.txid == txid, coin.c.vout == vout)
    if tx.execute(coin.update().where(*here).values(frozen=frozen)).rowcount != 1:
        raise Conflict("coins.unknown", f"there is no coin {txid[:64]}:{vout}")


def held_sat(tx: Connection, source: WalletId) -> int:
    """What a wallet or a pool holds in blocks: neither spent in one nor gone."""
    query = select(func.sum(coin.c.amount_sat)).where(
        coin.c.source == source,
        coin.c.gone.is_(False),
        coin.c.height.is_not(None),
        coin.c.spent_height.is_(None),
    )
    return int(tx.execute(query).scalar_one() or 0)


class _Ancestry:
    """Unconfirmed transactions that unconfirmed change hangs on: ours alone, since nothing else is spent so
    early."""

    def __init__(self, tx: Connection, network: NetworkId) -> None:
        self._tx, self._network = tx, network
        self._above: dict[str, frozenset[str]] = {}

    def counted(self, one: Held) -> Held:
        return replace(one, ancestors=len(self._of(one.txid)))

    def _of(self, txid: str) -> frozenset[str]:
        known = self._above.get(txid)
        if known is None:
            chain, level = {txid}, {txid}
            while level and len(chain) <= ANCESTORS_MAX + 1:
                level = self._parents(level) - chain
                chain |= level
            known = self._above[txid] = frozenset(chain)
        return known

    def _parents(self, txids: set[str]) -> set[str]:
        query = select(coin.c.txid).where(
            coin.c.network == self._network,
            coin.c.spent_by.in_(sorted(txids)),
            coin.c.height.is_(None),
        )
        return set(self._tx.execute(query.distinct()).scalars())


def _held(row: Row[tuple[object, ...]]) -> Held:
    return Held(
        network=NetworkId(row.network),
        txid=row.txid,
        vout=row.vout,
        source=WalletId(row.source),
        wallet=None if row.wallet is None else WalletId(row.wallet),
        cosigner=row.cosigner,
        change=row.change,
        index=row.leaf,
        amount_sat=row.amount_sat,
        height=row.height,
        block_hash=row.block_hash,
        matures=row.matures,
        coinbase=row.coinbase,
        own=row.own,
        dust=row.dust,
        frozen=row.frozen,
        gone=row.gone,
        spent_by=row.spent_by,
        spent_height=row.spent_height,
    )
