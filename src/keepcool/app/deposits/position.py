"""Where the follower stands: the hashes of the last blocks it has read, and how far it has credited.

Laws: a block is remembered in the same transaction as what it brought; the hashes of the last BLOCKS_KEPT
blocks are kept, and a reorganisation deeper than that is not followed but reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select

from keepcool.app.deposits.tables import block, cursor, settlement, touch
from keepcool.app.upserts import upsert
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId

BLOCKS_KEPT = 1024
# asked with every block, and made once: building a statement takes longer than it
_STANDS = select(cursor).where(cursor.c.network == bindparam("network"))
_HASH_AT = select(block.c.hash).where(
    block.c.network == bindparam("network"), block.c.number == bindparam("number")
)


@dataclass(frozen=True, slots=True)
class Position:
    """`scanned`: the last block read. `settled`: the last one up to which balances were confirmed.
    `swept`: the number of the last wallet the sweep looked at."""

    scanned: int
    settled: int
    swept: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The balance of one holding at the last block it was confirmed; block -1 when it never was."""

    block_number: int
    units: int


def read(tx: Connection, network: NetworkId) -> Position | None:
    row = tx.execute(_STANDS, {"network": network}).one_or_none()
    return None if row is None else Position(row.scanned, row.settled, row.swept)


def begin(tx: Connection, network: NetworkId, number: int, block_hash: bytes) -> None:
    """The block after which following begins."""
    tx.execute(cursor.insert().values(network=network, scanned=number, settled=number, swept=0))
    tx.execute(block.insert().values(network=network, number=number, hash=block_hash.hex()))


def advance(tx: Connection, network: NetworkId, number: int, block_hash: bytes) -> None:
    """One block was read. Raises Conflict when it does not follow the last one."""
    moved = tx.execute(
        cursor.update()
        .where(cursor.c.network == network, cursor.c.scanned == number - 1)
        .values(scanned=number)
    )
    if moved.rowcount != 1:
        raise Conflict("deposits.position", f"{network}: block {number} is not the next one")
    tx.execute(block.insert().values(network=network, number=number, hash=block_hash.hex()))
    old = number - BLOCKS_KEPT
    tx.execute(delete(block).where(block.c.network == network, block.c.number < old))


def hash_at(tx: Connection, network: NetworkId, number: int) -> bytes | None:
    """None for a block not read or no longer kept."""
    text = tx.execute(_HASH_AT, {"network": network, "number": number}).scalar_one_or_none()
    return None if text is None else bytes.fromhex(text)


def hashes(tx: Connection, network: NetworkId, numbers: Sequence[int]) -> dict[int, bytes]:
    query = select(block.c.number, block.c.hash).where(
        block.c.network == network, block.c.number.in_(list(numbers))
    )
    return {row.number: bytes.fromhex(row.hash) for row in tx.execute(query)}


def settled_to(tx: Connection, network: NetworkId, number: int) -> None:
    tx.execute(cursor.update().where(cursor.c.network == network).values(settled=number))
    old = number - BLOCKS_KEPT
    plain = (touch.c.network == network, touch.c.executed == "")  # executions stay: payouts explain balances
    tx.execute(delete(touch).where(*plain, touch.c.block_number < old))


def swept_to(tx: Connection, network: NetworkId, wallet_number: int) -> None:
    tx.execute(cursor.update().where(cursor.c.network == network).values(swept=wallet_number))


def rewind(tx: Connection, network: NetworkId, number: int) -> set[WalletId]:
    """Forget every block above `number` and what was confirmed there. The wallets whose balances were."""
    gone = (settlement.c.network == network, settlement.c.block_number > number)
    wallets = {WalletId(name) for name in tx.execute(select(settlement.c.wallet).where(*gone)).scalars()}
    tx.execute(delete(settlement).where(*gone))
    tx.execute(delete(touch).where(touch.c.network == network, touch.c.block_number > number))
    tx.execute(delete(block).where(block.c.network == network, block.c.number > number))
    position = read(tx, network)
    if position is None or hash_at(tx, network, number) is None:
        raise Conflict("deposits.position", f"{network}: block {number} was never read")
    back = {"scanned": number, "settled": min(position.settled, number)}
    tx.execute(cursor.update().where(cursor.c.network == network).values(**back))
    return wallets


def read_again_from(tx: Connection, network: NetworkId, number: int, block_hash: bytes) -> bool:
    """The blocks above `number` are read once more; nothing they brought is forgotten. False where reading
    has not come so far yet: then nothing changes."""
    stands = read(tx, network)
    if stands is None:
        begin(tx, network, number, block_hash)
        return True
    if stands.scanned <= number:
        return False
    tx.execute(delete(touch).where(touch.c.network == network, touch.c.block_number > number))
    tx.execute(delete(block).where(block.c.network == network, block.c.number >= number))
    tx.execute(block.insert().values(network=network, number=number, hash=block_hash.hex()))
    back = {"scanned": number, "settled": min(stands.settled, number), "swept": 0}
    tx.execute(cursor.update().where(cursor.c.network == network).values(**back))
    return True


def note_touch(
    tx: Connection, network: NetworkId, wallet: WalletId, number: int, executed: bytes | None
) -> None:
    """The wallet's balances are to be looked at once block `number` is deep enough."""
    name = "" if executed is None else executed.hex()
    tx.execute(touch.insert().values(network=network, wallet=wallet, block_number=number, executed=name))


def touched(tx: Connection, network: NetworkId, *, after: int, until: int) -> set[WalletId]:
    query = select(touch.c.wallet).where(
        touch.c.network == network, touch.c.block_number > after, touch.c.block_number <= until
    )
    return {WalletId(name) for name in tx.execute(query).scalars()}


def executions(tx: Connection, wallet: WalletId, *, after: int, until: int) -> list[bytes]:
    """The hashes of the SafeTxs this wallet executed in these blocks."""
    query = select(touch.c.executed).where(
        touch.c.wallet == wallet,
        touch.c.block_number > after,
        touch.c.block_number <= until,
        touch.c.executed != "",
    )
    return [bytes.fromhex(text) for text in tx.execute(query.order_by(touch.c.id)).scalars()]


def settled(tx: Connection, wallet: WalletId, asset: AssetId) -> Settled:
    query = select(settlement.c.block_number, settlement.c.units).where(
        settlement.c.wallet == wallet, settlement.c.asset == asset
    )
    row = tx.execute(query.order_by(settlement.c.block_number.desc()).limit(1)).one_or_none()
    return Settled(-1, 0) if row is None else Settled(row.block_number, row.units)


def settled_units(tx: Connection, wallets: Sequence[WalletId]) -> Mapping[tuple[WalletId, AssetId], Settled]:
    """The last confirmed balance of every holding of these wallets that was ever confirmed."""
    newest = (
        select(settlement.c.wallet, settlement.c.asset, func.max(settlement.c.block_number).label("top"))
        .where(settlement.c.wallet.in_(list(wallets)))
        .group_by(settlement.c.wallet, settlement.c.asset)
        .subquery()
    )
    same = (
        (settlement.c.wallet == newest.c.wallet)
        & (settlement.c.asset == newest.c.asset)
        & (settlement.c.block_number == newest.c.top)
    )
    return {
        (WalletId(row.wallet), AssetId(row.asset)): Settled(row.block_number, row.units)
        for row in tx.execute(select(settlement).join(newest, same))
    }


def settle(
    tx: Connection, network: NetworkId, wallet: WalletId, asset: AssetId, *, number: int, units: int
) -> None:
    """The balance at block `number`. Older ones stay as long as a reorganisation could need them."""
    where = {"network": network, "wallet": wallet, "asset": asset}
    row = upsert(settlement).values(block_number=number, units=units, **where)
    keys = ["wallet", "asset", "block_number"]
    tx.execute(row.on_conflict_do_update(index_elements=keys, set_={"units": units}))
    mine = (settlement.c.wallet == wallet) & (settlement.c.asset == asset)
    out_of_reach = mine & (settlement.c.block_number <= number - BLOCKS_KEPT)
    pivot = tx.execute(select(func.max(settlement.c.block_number)).where(out_of_reach)).scalar_one()
    if pivot is not None:  # itself still needed: it is the balance at the deepest block we could go back to
        tx.execute(delete(settlement).where(mine, settlement.c.block_number < pivot))
