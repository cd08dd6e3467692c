"""What the ledger says lies in each place, at the block up to which it was booked, and what is on its way.

Laws: read in one database transaction, so that the block and the balances belong together; a gap is explained
by a row that names it (a deposit that is not credited, a payout that is not settled), never by a remainder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from keepcool.app.books.postings import is_posted
from keepcool.app.books.registry import wallet
from keepcool.app.books.tables import balance_row
from keepcool.app.coins.tables import address as forwarder
from keepcool.app.deposits import position
from keepcool.app.deposits.records import State
from keepcool.app.deposits.tables import deposit, outflow, spending, touch
from keepcool.app.payouts.store import Kind
from keepcool.app.payouts.tables import wallet_fee, withdrawal
from keepcool.app.pools import books as pool_books
from keepcool.app.pools.tables import member, pool
from keepcool.chains.evm.address import to_checksum
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId, NetworkId, WalletId

_UNCREDITED = (State.DUST.value, State.SHORT.value)
Holding = tuple[str, str]  # a place (a wallet or a pool) and an asset


@dataclass(frozen=True, slots=True)
class Place:
    """One holding; of a pool of accounts `beside` its treasury are its users' addresses. `pending` is on
    chain and not credited, `in_flight` settled on one side only; both are what the chain has more than the
    ledger, so a payout under way is negative."""

    place: str
    asset: str
    address: str
    ledger: int
    pending: int = 0
    in_flight: int = 0
    beside: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.address, *self.beside)

    @property
    def expected(self) -> int:
        return self.ledger + self.pending + self.in_flight


@dataclass(frozen=True, slots=True)
class Booked:
    """A network's places as of block `number` (`hash`), the last one that was booked."""

    network: NetworkId
    number: int
    hash: bytes
    places: tuple[Place, ...]


@dataclass(slots=True)
class Sums:
    """Base units by holding, counted up."""

    of: dict[Holding, int] = field(default_factory=dict)

    def add(self, place: str, asset: str, units: int) -> None:
        self.of[place, asset] = self.of.get((place, asset), 0) + units

    def get(self, place: str, asset: str) -> int:
        return self.of.get((place, asset), 0)

    def by_place(self, places: Mapping[str, str]) -> Sums:
        """The same, counted for the place each lies in."""
        found = Sums()
        for (name, asset), units in self.of.items():
            found.add(places.get(name, name), asset, units)
        return found


def of_accounts(tx: Connection, network: NetworkId, assets: Iterable[AssetId], *, minter: bool) -> Booked:
    """Of a network whose wallets are accounts. Raises Unavailable while nothing of it was followed yet."""
    number, block_hash = booked_block(tx, network)
    pending = _uncredited(tx, network, number)
    moving = _unaccounted(tx, network, number) if minter else _executed(tx, network, number)
    here = (wallet.c.network == network, wallet.c.address.is_not(None))
    addresses = [(row.id, row.address) for row in tx.execute(select(wallet).where(*here))]
    pools, beside = pools_of(tx), _beside(tx, network)
    pending, moving = pending.by_place(pools), moving.by_place(pools)
    places = []
    for asset in assets:
        coins = ledger_coins(tx, asset)
        for name, address in addresses:
            if pools.get(name, name) != name:
                continue  # it lies in its pool
            booked = coins.get(name, 0)
            if name in pools:
                booked = pool_books.standing(tx, WalletId(name), asset).booked
            explained = pending.get(name, asset), moving.get(name, asset)
            places.append(Place(name, asset, address, booked, *explained, tuple(beside.get(name, ()))))
    return Booked(network, number, block_hash, tuple(places))


def pools_of(tx: Connection) -> Mapping[str, str]:
    """Whose coins lie among a pool's, by wallet; a pool's own among its own."""
    members = {row.wallet: row.pool for row in tx.execute(select(member.c.wallet, member.c.pool))}
    return members | {name: name for name in tx.execute(select(pool.c.id)).scalars()}


def _beside(tx: Connection, network: NetworkId) -> Mapping[str, list[str]]:
    """Addresses of pools that were handed out, or may have been, by pool."""
    found: dict[str, list[str]] = {}
    for row in tx.execute(select(forwarder).where(forwarder.c.network == network)):
        found.setdefault(row.source, []).append(to_checksum(bytes(row.script)))
    return found


def booked_block(tx: Connection, network: NetworkId, *, read: bool = False) -> tuple[int, bytes]:
    """The last block whose balances were confirmed, or that was `read`."""
    stands = position.read(tx, network)
    number = -1 if stands is None else stands.scanned if read else stands.settled
    block_hash = position.hash_at(tx, network, number)
    if block_hash is None:
        raise Unavailable("reconcile.unfollowed", f"{network} was not followed yet: run App until it was")
    return number, block_hash


def ledger_coins(tx: Connection, asset: AssetId) -> Mapping[str, int]:
    """By wallet: what it has on chain by the books."""
    account, found = balance_row.c.account, dict[str, int]()
    for kind, sign in (("coins", 1), ("absent", -1)):
        # a span and no pattern: there are millions of balances, and a pattern reads them all
        inside = (account >= f"{kind}:", account < f"{kind};", balance_row.c.asset == asset)
        for row in tx.execute(select(account, balance_row.c.units).where(*inside)):
            name = row.account.partition(":")[2]
            found[name] = found.get(name, 0) + sign * int(row.units)
    return found


def _uncredited(tx: Connection, network: NetworkId, until: int) -> Sums:
    """Confirmed by the balance and too small to be credited."""
    sums = Sums()
    query = select(deposit.c.wallet, deposit.c.asset, deposit.c.confirmed).where(
        deposit.c.network == network,
        deposit.c.state.in_(_UNCREDITED),
        deposit.c.posted.is_(False),
        deposit.c.block_number <= until,
    )
    for row in tx.execute(query):
        sums.add(row.wallet, row.asset, int(row.confirmed))
    return sums


def _executed(tx: Connection, network: NetworkId, until: int) -> Sums:
    """What a contract has executed and the ledger has not settled yet, or the other way round."""
    sums, paying = Sums(), func.coalesce(member.c.pool, withdrawal.c.wallet)
    same = (touch.c.wallet == paying) & (withdrawal.c.digest == touch.c.executed)
    mine = member.c.wallet == withdrawal.c.wallet
    query = select(withdrawal, touch.c.block_number).outerjoin(member, mine).join(touch, same)
    query = query.where(withdrawal.c.network == network, withdrawal.c.kind != Kind.VOID.value)
    early = query.where(withdrawal.c.open.is_(True), touch.c.block_number <= until)
    late = query.where(withdrawal.c.open.is_(False), touch.c.block_number > until)
    for some, sign, posted in ((early, -1, False), (late, 1, True)):
        for row in tx.execute(some):
            if (is_posted(tx, f"payout:{row.id}") or is_posted(tx, f"late-payout:{row.id}")) is posted:
                sums.add(row.wallet, row.asset, sign * int(row.units))
    return sums


def _unaccounted(tx: Connection, network: NetworkId, until: int) -> Sums:
    """What blocks show of our wallets and the payouts have not taken note of yet. Its fee may be posted."""
    sums = Sums()
    open_ones = (
        spending.c.network == network,
        spending.c.accounted.is_(False),
        spending.c.height <= until,
    )
    query = select(spending.c.wallet, outflow.c.asset, outflow.c.units).join(
        outflow, outflow.c.key == spending.c.key
    )
    for row in tx.execute(query.where(*open_ones)):
        sums.add(row.wallet, row.asset, -int(row.units))
    posted = select(spending.c.wallet, spending.c.fee_asset, wallet_fee.c.units).join(
        wallet_fee, wallet_fee.c.key == spending.c.key
    )
    for row in tx.execute(posted.where(*open_ones)):
        sums.add(row.wallet, row.fee_asset, int(row.units))
    return sums
