"""High and low water: surplus goes to the harbor by itself, and operators hear when a pool runs dry.

Laws: a sweep is an ordinary withdrawal of the pool's own wallet, whose one recipient is the harbor; both
signers compare that with the harbor of their own policies; the ledger lends for it in the transaction that
asks for it, and takes back in one that has seen it end; one sweep of a pool at a time, and after one that
failed a pause. On an EVM chain each asset has marks of its own, a sweep takes nothing that withdrawals want,
and costs the pool nothing: the purse pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, select

from keepcool.app.books.postings import is_posted
from keepcool.app.coins import book
from keepcool.app.config import BitcoinSettings, EvmSettings, native_asset
from keepcool.app.controls import stops
from keepcool.app.deposits import events, position
from keepcool.app.payouts import notes, store, wallet_fees
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.pools import books, covering, levels, rows
from keepcool.app.pools.rows import Marks, Pool
from keepcool.app.pools.tables import sweep
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.money import parse_units
from keepcool.core.withdrawal_states import Confirmed, Failed, Replaced, is_open, name_of

COINS_MAX = 100  # of one sweep: what is more goes with the next one; half as many after one too dear
_HALVINGS = COINS_MAX.bit_length()
AGAIN_MS = 10 * 60 * 1000
_EXPIRED = "payout.expired"
LOW, HELD_UP, LOCKED = "pool.low", "pool.not_swept", "pool.locked"


@dataclass(frozen=True, slots=True)
class Water:
    """What is needed to look after a pool's level of one asset."""

    settings: BitcoinSettings | EvmSettings
    asset: AssetId
    desk: PayoutDesk

    @property
    def fee_max(self) -> int:
        """The most that a sweep costs the pool itself."""
        if isinstance(self.settings, EvmSettings):
            return 0
        return parse_units(self.settings.fees.withdrawal_fee_max)

    def marks(self, tx: Connection, pool: Pool) -> Marks:
        if self.asset == native_asset(pool.network, self.settings):
            return pool.marks
        return rows.find_asset_marks(tx, pool.id, self.asset)


def waters(network: NetworkId, settings: BitcoinSettings | EvmSettings, desk: PayoutDesk) -> list[Water]:
    """Of each of `assets`."""
    return [Water(settings, asset, desk) for asset in assets(network, settings)]


def assets(network: NetworkId, settings: BitcoinSettings | EvmSettings) -> list[AssetId]:
    """What a pool there may hold, the network's coin first."""
    listed = [AssetId(one.id) for one in settings.assets] if isinstance(settings, EvmSettings) else []
    return list(dict.fromkeys([native_asset(network, settings), *listed]))


def step(tx: Connection, water: Water, pool: Pool, now_ms: int) -> bool:
    """Whether a sweep was asked for or has ended."""
    _follow(tx, water, pool, now_ms)
    opened = _open(tx, pool.id)
    ended = [_ended(tx, water, pool, row, now_ms) for row in opened if row.asset == water.asset]
    _tell_low(tx, water, pool, now_ms)
    if opened:
        return bool(ended) and all(ended)
    return _begun(tx, water, pool, now_ms)


def _follow(tx: Connection, water: Water, pool: Pool, now_ms: int) -> None:
    """What the chain has made of sweeps that had ended: one that was undone lies in no harbor, and what a
    dearer fee has cost keeps no other from being asked for."""
    for row in _newest(tx, pool.id, water.asset, _HALVINGS):
        one = store.get(tx, row.withdrawal)
        undone = isinstance(one.state, Replaced) and is_posted(tx, f"undone:payout:{one.id}")
        if row.ended and undone and not is_posted(tx, f"sweep-undone:{one.id}"):
            units = int(row.units)
            books.sweep_undone(tx, sweep=one.id, pool=pool.id, asset=water.asset, units=units, at_ms=now_ms)
            _tell(tx, pool, HELD_UP, f"the sweep {one.id} was final and has left the chain", now_ms)
    if events.frozen(tx, pool.network, pool.id) is None:
        books.made_good(tx, pool=pool.id, asset=water.asset, at_ms=now_ms)


def _begun(tx: Connection, water: Water, pool: Pool, now_ms: int) -> bool:
    marks = water.marks(tx, pool)
    if not marks.high or marks.harbor is None or _pauses(tx, water, pool, now_ms):
        return False
    level = _level(tx, water, pool)
    if level <= marks.high or stops.why(tx, pool.network, pool.id, water.asset) is not None:
        return False
    units = min(level - marks.target, _most(tx, water, pool, level))
    if units <= water.fee_max:  # nothing to spare in confirmed coins now, or not worth its fee
        return False
    # with the time: signers remember those of books that were lost, or are older now
    name = f"{pool.id}.s{_count(tx, pool.id) + 1}.{now_ms:x}"
    lent = units + water.fee_max
    books.lend(tx, sweep=name, pool=pool.id, asset=water.asset, units=lent, at_ms=now_ms)
    order = Order(
        id=name,
        wallet=pool.id,
        asset=water.asset,
        units=units,
        recipient=marks.harbor,
        again=(marks.harbor,),
        metadata={"pool": "surplus to the harbor"},
    )
    water.desk.request(tx, order)
    row = {"withdrawal": name, "pool": pool.id, "asset": water.asset, "units": units, "lent": lent}
    tx.execute(sweep.insert().values(**row, ended=False, at_ms=now_ms))
    return True


def _ended(tx: Connection, water: Water, pool: Pool, row: Row[tuple[object, ...]], now_ms: int) -> bool:
    """Whether it is over; then the books say what came of it."""
    one = store.get(tx, row.withdrawal)
    if is_open(one.state):
        return False
    arrived = row.units if isinstance(one.state, Confirmed) else 0
    books.swept(
        tx,
        sweep=one.id,
        pool=pool.id,
        asset=water.asset,
        lent=row.lent,
        arrived=arrived,
        fee=wallet_fees.total(tx, one.id),
        at_ms=now_ms,
    )
    tx.execute(sweep.update().where(sweep.c.withdrawal == one.id).values(ended=True, at_ms=now_ms))
    if not arrived:
        _tell(tx, pool, HELD_UP, _why(one), now_ms)
    return True


def _pauses(tx: Connection, water: Water, pool: Pool, now_ms: int) -> bool:
    """A sweep has failed not long ago."""
    last = _newest(tx, pool.id, water.asset, 1)
    if not last or isinstance(store.get(tx, last[0].withdrawal).state, Confirmed):
        return False
    return bool(abs(now_ms - last[0].at_ms) < AGAIN_MS)


def _level(tx: Connection, water: Water, pool: Pool) -> int:
    """What is held to the high mark: on an EVM chain what lies in the treasury and nobody is to get."""
    if isinstance(water.settings, EvmSettings):
        return covering.spare(tx, pool.id, water.asset)
    return levels.on_chain(tx, pool.id, water.asset)


def _most(tx: Connection, water: Water, pool: Pool, level: int) -> int:
    """Of one sweep. What the largest coins come to, as many as it takes, less its fee: many coins may cost
    more; where there are no coins, all of the level."""
    if isinstance(water.settings, EvmSettings):
        return level
    stands = position.read(tx, pool.network)
    if stands is None:
        return 0
    coins = book.spendable(
        tx,
        pool.network,
        pool.id,
        tip=stands.scanned,
        kind=water.settings.kind,
        limit=_coins_max(tx, water, pool),
    )
    return sum(one.amount_sat for one in coins) - water.fee_max


def _coins_max(tx: Connection, water: Water, pool: Pool) -> int:
    """Fewer after a failure, and not because signers did not sign: with a harbor that is none of theirs it
    would come down to an amount that nobody has to look at."""
    failed = 0
    for row in _newest(tx, pool.id, water.asset, _HALVINGS):
        state = store.get(tx, row.withdrawal).state
        if isinstance(state, Confirmed):
            break
        failed += isinstance(state, Failed) and state.code != _EXPIRED
    return max(COINS_MAX >> failed, 1)


def is_low(tx: Connection, water: Water, pool: Pool) -> bool:
    return levels.on_chain(tx, pool.id, water.asset) < water.marks(tx, pool).low


def _tell_low(tx: Connection, water: Water, pool: Pool, now_ms: int) -> None:
    """Each asset's level is told of by itself."""
    low, native = water.marks(tx, pool).low, native_asset(pool.network, water.settings)
    if not low:
        return
    subject = str(pool.id) if water.asset == native else f"{pool.id} {water.asset.partition('/')[2]}"
    known = notes.newest_text(tx, kind=LOW, network=pool.network, subject=subject)
    if is_low(tx, water, pool):
        text = f"below its low mark of {low}: refill it from the harbor"
    elif known is not None:
        text = "above its low mark again"
    else:
        return
    notes.note(tx, at_ms=now_ms, kind=LOW, network=pool.network, subject=subject, text=text)


def tell_window(tx: Connection, pool: Pool, *, waiting: bool, now_ms: int) -> None:
    """Whether payouts wait until Keeper is unlocked."""
    known = notes.newest_text(tx, kind=LOCKED, network=pool.network, subject=pool.id)
    if waiting:
        _tell(tx, pool, LOCKED, "payouts wait for a signing window: keepcool keeper unlock", now_ms)
    elif known is not None:
        _tell(tx, pool, LOCKED, "no payout waits for a signing window any more", now_ms)


def _tell(tx: Connection, pool: Pool, kind: str, text: str, now_ms: int) -> None:
    notes.note(tx, at_ms=now_ms, kind=kind, network=pool.network, subject=pool.id, text=text)


def _why(one: Withdrawal) -> str:
    text = f"the sweep {one.id} has ended {name_of(one.state)}: does every signer's policy name this harbor?"
    return f"{text} {one.problem}" if one.problem else text


def _open(tx: Connection, pool: WalletId) -> list[Row[tuple[object, ...]]]:
    where = (sweep.c.pool == pool, sweep.c.ended.is_(False))
    return list(tx.execute(select(sweep).where(*where).order_by(sweep.c.at_ms, sweep.c.withdrawal)))


def _newest(tx: Connection, pool: WalletId, asset: AssetId, limit: int) -> list[Row[tuple[object, ...]]]:
    query = select(sweep).where(sweep.c.pool == pool, sweep.c.asset == asset)
    return list(tx.execute(query.order_by(sweep.c.at_ms.desc(), sweep.c.withdrawal.desc()).limit(limit)))


def _count(tx: Connection, pool: WalletId) -> int:
    return int(tx.execute(select(func.count()).where(sweep.c.pool == pool)).scalar_one())
