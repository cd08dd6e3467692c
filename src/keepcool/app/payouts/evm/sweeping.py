"""What lies at users' addresses of a pool is brought to its treasury, many addresses in one transaction.

Laws: balances are read again before a sweep is asked for, so nothing is paid for twice; one sweep of a pool
at a time; what a sweep leaves behind waits twice as long for the next; the ledger knows of its fee alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from keepcool.app.coins.tables import address
from keepcool.app.deposits import passages
from keepcool.app.deposits.tables import lying
from keepcool.app.payouts import purses
from keepcool.app.payouts.evm import executing, fees, strays
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Purpose, Purse, Stage
from keepcool.app.pools import covering, rows
from keepcool.app.pools.rows import Pool
from keepcool.chains.evm.address import to_checksum
from keepcool.chains.evm.assets import contract_of
from keepcool.chains.evm.forwarders import FACTORY, Flush, Item
from keepcool.chains.evm.purse import Fees
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.money import parse_units
from keepcool.ports.evmnode import Call, Holding, Tag

NATIVE_GAS = 20_000  # of one address, to see what is worth it
_SPARE_GAS = 100_000
_READ_MAX, _DECLINED_MS, _AGAIN_MS, _WAIT_DOUBLINGS = 1_000, 60_000, 60_000, 5


@dataclass(frozen=True, slots=True)
class Lying:
    """What one asset of one wallet comes to at its addresses, by the balances confirmed last."""

    wallet: WalletId
    asset: AssetId
    units: int
    since_ms: int
    tried_at_ms: int
    waits_until_ms: int
    needed: bool = False  # by payments: whatever it is worth

    @property
    def owner(self) -> tuple[WalletId, AssetId]:
        return self.wallet, self.asset


@dataclass(frozen=True, slots=True)
class Found:
    """An item, and whose it is."""

    item: Item
    owner: tuple[WalletId, AssetId]
    units: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that only lacks its nonce."""

    found: tuple[Found, ...]
    data: bytes
    gas: int
    fees: Fees


async def plan_all(lane: EvmLane, purse: Purse) -> bool:
    """Rows for the sweeps that are due now, not yet signed by Keeper. Whether there are any."""
    pools = await lane.store.run(lambda tx: rows.pools(tx, lane.network))
    return any([await _guarded(lane, purse, pool) for pool in pools])


async def _guarded(lane: EvmLane, purse: Purse, pool: Pool) -> bool:
    try:
        return await _planned(lane, purse, pool)
    except KeepcoolError as error:
        await lane.note("pool.not_swept", pool.id, error.public)
        return False


async def _planned(lane: EvmLane, purse: Purse, pool: Pool) -> bool:
    some = await lane.store.run(lambda tx: due(tx, lane, pool))
    found = await _there(lane, some) if some else []
    if some and not found:
        names, now_ms = [one.owner for one in some], lane.clock.now_ms()
        await lane.store.run(lambda tx: passages.tried(tx, names, now_ms))
    found = found or await _strays(lane, pool)
    if not found:
        return False
    plan = await _affordable(lane, purse, pool, found)
    chain_nonce = await lane.node.nonce(purse.address)
    return await lane.store.run(
        partial(_added, lane=lane, purse=purse, pool=pool, plan=plan, chain_nonce=chain_nonce)
    )


async def _affordable(lane: EvmLane, purse: Purse, pool: Pool, found: Sequence[Found]) -> Plan:
    """Of as many as one transaction may pay for now. Raises Unavailable when it is not even one."""
    record = (await lane.store.run(lambda tx: lane.attesters.wallet(tx, pool.id))).record
    bound, market = parse_units(lane.settings.fees.withdrawal_fee_max), await executing.market(lane)
    count = len(found)
    while count:
        some = tuple(found[:count])
        data = Flush(record.address, tuple(one.item for one in some)).encoded()
        estimate = await lane.node.estimate_gas(Call(FACTORY.address, data, sender=purse.address))
        gas = gas_limit(estimate)
        offered = fees.first_fees(market, gas, bound, lane.settings.fees)
        if offered is not None and gas <= fees.GAS_MAX:
            return Plan(some, data, gas, offered)
        count //= 2
    text = f"sweeping one address costs more than {bound} wei now"
    raise Unavailable("payout.fee_high", text)


def gas_limit(estimate: int) -> int:
    """What nodes estimate is after refunds, of which a fifth may be, and the least with which the whole does
    not fail: an item that runs out of gas does not fail it, it is skipped. What is not used comes back."""
    return fees.with_margin(estimate) * 5 // 4 + _SPARE_GAS


def _added(tx: Connection, *, lane: EvmLane, purse: Purse, pool: Pool, plan: Plan, chain_nonce: int) -> bool:
    if _under_way(tx, lane, pool) or _in_flight(tx, lane) >= executing.IN_FLIGHT_MAX:
        return False
    unsigned = Transaction(
        chain_id=lane.chain_id,
        nonce=purses.next_nonce(tx, lane.network, purse.address, chain_nonce),
        max_priority_fee_per_gas=plan.fees.max_priority_fee_per_gas,
        max_fee_per_gas=plan.fees.max_fee_per_gas,
        gas=plan.gas,
        to=FACTORY.address,
        value=0,
        data=plan.data,
    )
    now_ms = lane.clock.now_ms()
    purses.add(
        tx,
        network=lane.network,
        account=purse.address,
        nonce=unsigned.nonce,
        purpose=Purpose.SWEEP,
        wallet=pool.id,
        withdrawal=None,
        unsigned=unsigned.unsigned_payload(),
        fee_max=unsigned.fee_wei_max,
        now_ms=now_ms,
    )
    passages.tried(tx, list(dict.fromkeys(one.owner for one in plan.found)), now_ms)
    return True


def due(tx: Connection, lane: EvmLane, pool: Pool) -> list[Lying]:
    """What is to be swept now: when a batch is full, when the oldest has waited long enough, or when payments
    wait for what is not in the treasury yet."""
    if _under_way(tx, lane, pool):
        return []
    now_ms, plan, needed = lane.clock.now_ms(), lane.settings.sweep, _needed(tx, lane, pool)
    worth = [one for one in _worth(tx, lane, pool) if now_ms >= one.waits_until_ms]
    urgent = [one for asset, units in needed.items() for one in _urgent(tx, lane, pool, asset, units)]
    if urgent:
        taken = {one.owner for one in urgent}
        return [*urgent, *(one for one in worth if one.owner not in taken)][: plan.batch_max]
    oldest = min((one.since_ms for one in worth), default=now_ms)
    if len(worth) >= plan.batch_max or now_ms - oldest >= plan.wait_s * 1000:
        return worth[: plan.batch_max]
    return []


def _worth(tx: Connection, lane: EvmLane, pool: Pool) -> list[Lying]:
    """What is worth sweeping by itself, the least tried first: dust at a thousand addresses hides nothing."""
    least = {AssetId(one.id): parse_units(one.least_swept) for one in lane.settings.assets}
    enough = [and_(lying.c.asset == asset, lying.c.units >= units) for asset, units in least.items()]
    query = _of(pool).where(or_(lying.c.asset.not_in(list(least)), *enough))
    return _read(tx, lane, query.order_by(lying.c.tries, lying.c.since_ms))


def _urgent(tx: Connection, lane: EvmLane, pool: Pool, asset: AssetId, units: int) -> list[Lying]:
    """As many as bring so much, and none besides: dust is worth nothing, whoever waits."""
    found, now_ms = list[Lying](), lane.clock.now_ms()
    for one in _largest(tx, lane, pool, asset):
        if units <= 0:
            break
        if now_ms >= min(one.waits_until_ms, one.tried_at_ms + _AGAIN_MS):
            found.append(replace(one, needed=True))
            units -= one.units
    return found


def _largest(tx: Connection, lane: EvmLane, pool: Pool, asset: AssetId) -> list[Lying]:
    """Of one asset, the largest first: what payments wait for is had with few addresses."""
    return _read(tx, lane, _of(pool).where(lying.c.asset == asset).order_by(lying.c.units.desc()))


def _of(pool: Pool) -> Select[Any]:
    """Of its members: its own is looked for page by page."""
    return select(lying).where(lying.c.pool == pool.id, lying.c.wallet != pool.id)


def _read(tx: Connection, lane: EvmLane, query: Select[Any]) -> list[Lying]:
    wait_ms = lane.settings.sweep.wait_s * 1000
    found = []
    for row in tx.execute(query.limit(_READ_MAX)):
        pause = wait_ms * 2 ** min(row.tries, _WAIT_DOUBLINGS) if row.tries else 0
        where = (WalletId(row.wallet), AssetId(row.asset), int(row.units))
        found.append(Lying(*where, row.since_ms, row.tried_at_ms, row.tried_at_ms + pause))
    return found


def _needed(tx: Connection, lane: EvmLane, pool: Pool) -> dict[AssetId, int]:
    """Assets of which withdrawals want more than the treasury has, and how much more."""
    assets = [AssetId(one.id) for one in lane.settings.assets]
    lacking = {one: covering.wanted(tx, pool.id, one) - covering.held(tx, pool.id, one) for one in assets}
    return {asset: units for asset, units in lacking.items() if units > 0}


def _in_flight(tx: Connection, lane: EvmLane) -> int:
    some = purses.in_stages(tx, lane.network, (Stage.STORED, Stage.SIGNED, Stage.SENT))
    return len({one.nonce for one in some})


def _under_way(tx: Connection, lane: EvmLane, pool: Pool) -> bool:
    """A sweep is on its way, or Keeper has declined one a moment ago."""
    now_ms = lane.clock.now_ms()
    return any(
        one.stage in purses.PENDING
        or (one.stage is Stage.DECLINED and abs(now_ms - one.created_at_ms) < _DECLINED_MS)
        for one in purses.of_wallet(tx, pool.id, Purpose.SWEEP)
    )


async def _there(lane: EvmLane, some: Sequence[Lying]) -> list[Found]:
    """What really lies there now, address by address, as far as it is worth sweeping."""
    places = await lane.store.run(partial(_places, wallets=[one.wallet for one in some]))
    asked = [(one, index, at) for one in some for index, at in places.get(one.wallet, ())]
    head = await lane.node.header(Tag.LATEST)
    if head is None or not asked:
        return []
    holdings = [Holding(at, contract_of(one.asset)) for one, _, at in asked]
    told = await lane.node.balances(holdings, head.hash)
    worth = await _native_worth(lane)
    found = []
    for (one, index, _), units in zip(asked, told, strict=True):
        token = contract_of(one.asset)
        if units and (one.needed or token is not None or units >= worth):
            found.append(Found(Item(index, token), one.owner, units))
    return found[: lane.settings.sweep.batch_max]


async def _strays(lane: EvmLane, pool: Pool) -> list[Found]:
    """What is the pool's own beside its treasury, while nothing else is to be swept."""
    if not strays.is_due(lane, pool.id) or await lane.store.run(lambda tx: _under_way(tx, lane, pool)):
        return []
    some = await strays.found(lane, pool.id)
    worth = await _native_worth(lane) if some else 0
    found = [Found(Item(one.index, contract_of(one.asset)), (pool.id, one.asset), one.units) for one in some]
    return [one for one in found if one.item.token is not None or one.units >= worth][
        : lane.settings.sweep.batch_max
    ]


async def _native_worth(lane: EvmLane) -> int:
    now = await executing.market(lane)
    return NATIVE_GAS * (now.base + now.tip) * lane.settings.sweep.worth


def _places(tx: Connection, wallets: Sequence[WalletId]) -> dict[WalletId, list[tuple[int, str]]]:
    found: dict[WalletId, list[tuple[int, str]]] = {}
    for row in tx.execute(select(address).where(address.c.wallet.in_(list(dict.fromkeys(wallets))))):
        found.setdefault(WalletId(row.wallet), []).append((row.leaf, to_checksum(bytes(row.script))))
    return found
