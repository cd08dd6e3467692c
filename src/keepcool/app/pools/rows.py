"""Pools, members and attested addresses as rows. What is read here is only what the database says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, func, select

from keepcool.app.pools.proofs import Proof
from keepcool.app.pools.tables import IN_STOCK, address_range, asset_marks, attested_address, member, pool
from keepcool.app.upserts import upsert
from keepcool.core.addresses import AddressRange, ways_of
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.parties import Service

_AT_ONCE = 500
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Base units: above `high` the surplus is swept down to `target`, below `low` operators are told. `high`
    0: nothing is swept. `harbor`: where to, None: nowhere."""

    high: int = 0
    low: int = 0
    target: int = 0
    harbor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`marks`: of the network's coin."""

    number: int
    id: WalletId
    network: NetworkId
    marks: Marks
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Member:
    """`index` is None while it waits for an address."""

    wallet: WalletId
    pool: WalletId
    index: int | None


@dataclass(frozen=True, slots=True)
class Given:
    """An address of a wallet's, on the branch of `cosigner`. `wallet` None: in stock."""

    network: NetworkId
    source: WalletId
    wallet: WalletId | None
    cosigner: int
    index: int
    address: str
    script: bytes


def insert_pool(tx: Connection, wallet: WalletId, network: NetworkId, marks: Marks, now_ms: int) -> None:
    tx.execute(
        pool.insert().values(id=wallet, network=network, created_at_ms=now_ms, **_marks_columns(marks))
    )


def set_marks(tx: Connection, wallet: WalletId, marks: Marks) -> None:
    """Of the network's coin."""
    tx.execute(pool.update().where(pool.c.id == wallet).values(**_marks_columns(marks)))


def set_asset_marks(tx: Connection, wallet: WalletId, asset: AssetId, marks: Marks) -> None:
    """Of another asset."""
    columns = _marks_columns(marks)
    row = upsert(asset_marks).values(pool=wallet, asset=asset, **columns)
    tx.execute(row.on_conflict_do_update(index_elements=["pool", "asset"], set_=columns))


def find_asset_marks(tx: Connection, wallet: WalletId, asset: AssetId) -> Marks:
    """None at all where none were set."""
    where = (asset_marks.c.pool == wallet, asset_marks.c.asset == asset)
    row = tx.execute(select(asset_marks).where(*where)).one_or_none()
    return Marks() if row is None else _marks(row)


def find_pool(tx: Connection, wallet: str) -> Pool | None:
    row = tx.execute(select(pool).where(pool.c.id == wallet)).one_or_none()
    return None if row is None else _pool(row)


def get_pool(tx: Connection, wallet: str) -> Pool:
    """Raises Conflict `pool.not_found`."""
    found = find_pool(tx, wallet)
    if found is None:
        raise Conflict("pool.not_found", f"there is no pool {wallet[:64]}")
    return found


def pools(tx: Connection, network: str | None = None) -> list[Pool]:
    """The oldest first."""
    query = select(pool).order_by(pool.c.number)
    if network is not None:
        query = query.where(pool.c.network == network)
    return [_pool(row) for row in tx.execute(query)]


def members_of(tx: Connection, wallets: Iterable[str]) -> dict[WalletId, Member]:
    """Those of these wallets that lie in a pool."""
    asked, found = list(wallets), dict[WalletId, Member]()
    for start in range(0, len(asked), _AT_ONCE):
        query = select(member).where(member.c.wallet.in_(asked[start : start + _AT_ONCE]))
        for row in tx.execute(query):
            found[WalletId(row.wallet)] = Member(WalletId(row.wallet), WalletId(row.pool), row.place)
    return found


def find_member(tx: Connection, wallet: str) -> Member | None:
    return members_of(tx, [wallet]).get(WalletId(wallet))


def add_member(tx: Connection, wallet: WalletId, in_pool: WalletId) -> None:
    tx.execute(member.insert().values(wallet=wallet, pool=in_pool, place=None))


def set_index(tx: Connection, wallet: WalletId, index: int) -> None:
    tx.execute(member.update().where(member.c.wallet == wallet).values(place=index))


def waiting(tx: Connection, in_pool: WalletId, limit: int) -> list[WalletId]:
    """Members without an address."""
    query = select(member.c.wallet).where(member.c.pool == in_pool, member.c.place.is_(None))
    return [WalletId(row.wallet) for row in tx.execute(query.limit(limit))]


def count_members(tx: Connection, in_pool: WalletId) -> int:
    query = select(func.count()).select_from(member).where(member.c.pool == in_pool)
    return int(tx.execute(query).scalar_one())


def add_range(
    tx: Connection,
    stated: AddressRange,
    *,
    signatures: Mapping[Service, bytes],
    listed: Sequence[tuple[str, bytes]],
    now_ms: int,
) -> None:
    """A range both signers have signed, into the stock. `listed`: each address and its script, in order."""
    columns = {
        "source": stated.wallet,
        "change": stated.change,
        "first": stated.first,
        "size": stated.count,
        "statement": stated.encoded(),
        "keeper_signature": signatures[Service.KEEPER],
        "cooler_signature": signatures[Service.COOLER],
        "at_ms": now_ms,
    }
    done = tx.execute(address_range.insert().values(**columns)).inserted_primary_key
    if done is None:
        raise Conflict("addresses.insert", "a range of addresses was not stored")
    ways = ways_of([address for address, _ in listed])
    rows = [
        {
            "source": stated.wallet,
            "place": stated.first + at,
            "network": stated.network,
            "cosigner": stated.cosigner,
            "address": address,
            "script": script,
            "range": int(done[0]),
            "way": b"".join(way),
            "burnt": False,
        }
        for at, ((address, script), way) in enumerate(zip(listed, ways, strict=True))
    ]
    tx.execute(attested_address.insert(), rows)


def take(tx: Connection, source: WalletId, wallet: WalletId, count: int, now_ms: int) -> list[Given]:
    """So many addresses of the stock, the lowest first, as this wallet's from now on; fewer when there are no
    more."""
    stock = attested_address.c
    free = (stock.source == source, IN_STOCK)
    query = select(attested_address).where(*free).order_by(stock.place).limit(count)
    found = [_given(row) for row in tx.execute(query)]
    if found:
        chosen = (stock.source == source, stock.place.in_([one.index for one in found]))
        tx.execute(attested_address.update().where(*chosen).values(wallet=wallet, given_at_ms=now_ms))
    return [replace(one, wallet=wallet) for one in found]


def in_stock(tx: Connection, source: WalletId) -> int:
    stock = attested_address.c
    query = select(func.count()).select_from(attested_address).where(stock.source == source, IN_STOCK)
    return int(tx.execute(query).scalar_one())


def stocked(tx: Connection, source: WalletId | None = None) -> list[Given]:
    """All that is in stock, of this record or of all."""
    free = IN_STOCK if source is None else IN_STOCK & (attested_address.c.source == source)
    return [_given(row) for row in tx.execute(select(attested_address).where(free))]


def burn_stock(tx: Connection, source: WalletId | None = None) -> int:
    """What is in stock, of this record or of all, is given to nobody any more. How many addresses that
    were."""
    free = IN_STOCK if source is None else IN_STOCK & (attested_address.c.source == source)
    return tx.execute(attested_address.update().where(free).values(burnt=True)).rowcount


def next_index(tx: Connection, source: WalletId, change: int) -> int:
    """The first that no range covers. A record's own address has index 0."""
    last = func.max(address_range.c.first + address_range.c.size)
    query = select(last).where(address_range.c.source == source, address_range.c.change == change)
    return int(tx.execute(query).scalar_one() or 1 - change)


def addresses_of(tx: Connection, wallet: WalletId, *, limit: int, after: int = -1) -> list[Given]:
    """All that were given to a wallet, by their index."""
    given = attested_address.c
    query = select(attested_address).where(given.wallet == wallet, given.place > after)
    return [_given(row) for row in tx.execute(query.order_by(given.place).limit(limit))]


def find_address(tx: Connection, network: str | None, address: str) -> list[Given]:
    query = select(attested_address).where(attested_address.c.address == address)
    if network is not None:
        query = query.where(attested_address.c.network == network)
    return [_given(row) for row in tx.execute(query)]


def proofs(tx: Connection, source: WalletId, indices: Sequence[int]) -> dict[int, Proof]:
    """By index; what was never attested is left out."""
    found: dict[int, Proof] = {}
    for start in range(0, len(indices), _AT_ONCE):
        chosen = attested_address.c.place.in_(list(indices[start : start + _AT_ONCE]))
        query = (
            select(attested_address, address_range)
            .join(address_range, address_range.c.number == attested_address.c.range)
            .where(attested_address.c.source == source, chosen)
        )
        for row in tx.execute(query):
            found[row.place] = _proof(row)
    return found


def _proof(row: Row[tuple[object, ...]]) -> Proof:
    way = bytes(row.way)
    return Proof(
        address=row.address,
        index=row.place,
        statement=bytes(row.statement),
        signatures={
            Service.KEEPER: bytes(row.keeper_signature),
            Service.COOLER: bytes(row.cooler_signature),
        },
        way=tuple(way[at : at + _HASH_BYTES] for at in range(0, len(way), _HASH_BYTES)),
    )


def _given(row: Row[tuple[object, ...]]) -> Given:
    wallet = None if row.wallet is None else WalletId(row.wallet)
    return Given(
        network=NetworkId(row.network),
        source=WalletId(row.source),
        wallet=wallet,
        cosigner=row.cosigner,
        index=row.place,
        address=row.address,
        script=bytes(row.script),
    )


def _pool(row: Row[tuple[object, ...]]) -> Pool:
    return Pool(
        number=row.number,
        id=WalletId(row.id),
        network=NetworkId(row.network),
        marks=_marks(row),
        created_at_ms=row.created_at_ms,
    )


def _marks(row: Row[tuple[object, ...]]) -> Marks:
    return Marks(high=row.high, low=row.low, target=row.target, harbor=row.harbor)


def _marks_columns(marks: Marks) -> dict[str, object]:
    return {"high": marks.high, "low": marks.low, "target": marks.target, "harbor": marks.harbor}
