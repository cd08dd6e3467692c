"""What a transaction means for us, written down with the block, or the sight of the pool, that showed it.

Laws: only what the database knows as ours counts; change of our own spending is nobody's deposit; a payment
to an address of change from outside is its wallet's deposit, and is told; one to an address of a pool that
was given to somebody this database does not know is the pool's own, and is told; a spending that no draft of
ours explains freezes the whole network in the same transaction that records it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from sqlalchemy import Connection, bindparam

from keepcool.app.coins import addresses, book, drafts, previous
from keepcool.app.coins.addresses import Address
from keepcool.app.coins.book import Held
from keepcool.app.coins.drafts import Draft
from keepcool.app.coins.tables import coin, spending
from keepcool.app.deposits import events
from keepcool.app.deposits.bitcoin import outputs
from keepcool.app.deposits.bitcoin.watched import outpoint_of
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.records import IN_POOL, Claim, Kind
from keepcool.app.upserts import upsert
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.scanning import Hit, Paid
from keepcool.core.ids import NetworkId, WalletId

PEGGED_MATURITY = 6  # Litecoin: outputs that come out of the extension block


@dataclass(frozen=True, slots=True)
class Where:
    """In which block it stands; both None: in the pool."""

    height: int | None
    block_hash: str | None


POOL = Where(None, None)


@dataclass(frozen=True, slots=True)
class Terms:
    """`dust_below`: less than this many satoshi is a deposit of dust."""

    row: Network
    dust_below: int

    @property
    def network(self) -> NetworkId:
        return self.row.id


@dataclass(frozen=True, slots=True)
class Sight:
    """What was looked for, where it was seen and when."""

    terms: Terms
    where: Where
    at_ms: int


def record(tx: Connection, sight: Sight, hits: Sequence[Hit]) -> int:
    """How many deposits were seen."""
    claims: list[Claim] = []
    for hit in _parents_first(hits):
        claims += _paid(tx, sight, hit, _spent(tx, sight, hit))
    outputs.put(tx, claims, sight.at_ms)
    return len(claims)


def _parents_first(hits: Sequence[Hit]) -> list[Hit]:
    """A pool has no order of its own."""
    named = {hit.txid: hit for hit in hits}
    above = {name: {outpoint_of(one)[0] for one in hit.spent} & named.keys() for name, hit in named.items()}
    return [named[name] for name in TopologicalSorter(above).static_order()]


@dataclass(frozen=True, slots=True)
class _Spent:
    """`draft`: the one that explains it."""

    coins: tuple[Held, ...]
    draft: Draft | None

    @property
    def sources(self) -> set[WalletId]:
        named = set() if self.draft is None else {self.draft.source}
        return named | {one.source for one in self.coins}


def _spent(tx: Connection, sight: Sight, hit: Hit) -> _Spent:
    terms, where = sight.terms, sight.where
    known = book.get_coins(tx, terms.network, [outpoint_of(one) for one in hit.spent])
    if where.height is None:  # what a block has spent, the pool cannot
        known = [one for one in known if one.spent_height is None]
    txid, body = hit.txid, hit.body
    draft = drafts.explained(tx, terms.network, body)
    if not known:
        return _Spent((), draft)
    holder = None if draft is None else draft.holder
    place = {"height": where.height, "block_hash": where.block_hash, "gone": False, "holder": holder}
    tx.execute(
        upsert(spending)
        .values(network=terms.network, txid=txid, body=body, seen_at_ms=sight.at_ms, **place)
        .on_conflict_do_update(index_elements=["network", "txid"], set_=place)
    )
    tx.execute(
        coin.update()
        .where(
            coin.c.network == terms.network,
            coin.c.txid == bindparam("key_txid"),
            coin.c.vout == bindparam("key_vout"),
        )
        .values(spent_by=txid, spent_height=where.height),
        [{"key_txid": one.txid, "key_vout": one.vout} for one in known],
    )
    if draft is None:
        _alarm(tx, sight, txid, known)
    return _Spent(tuple(known), draft)


def _alarm(tx: Connection, sight: Sight, txid: str, coins: Sequence[Held]) -> None:
    terms, where = sight.terms, sight.where
    lost = sum(one.amount_sat for one in coins)
    place = "the pool" if where.height is None else f"block {where.height}"
    text = (
        f"{txid} in {place} spends {len(coins)} coins of ours ({lost} satoshi) and is no draft of this App: "
        f"two keys of wallet {coins[0].source} signed it elsewhere. Nothing of {terms.row.name} is paid "
        "until a person has looked"
    )
    events.record(
        tx,
        key=f"spent:{txid}",
        at_ms=sight.at_ms,
        network=terms.network,
        wallet=coins[0].wallet or coins[0].source,
        code="wallet.spent_without_us",
        text=text,
        freezes=Freezes.NETWORK,
    )


def _paid(tx: Connection, sight: Sight, hit: Hit, spent: _Spent) -> list[Claim]:
    terms = sight.terms
    worth = [one for one in hit.paid if one.amount_sat > 0]
    ours = addresses.at_scripts(tx, terms.network, sorted({one.script for one in worth}))
    worth = [one for one in worth if one.script in ours]
    if not worth:
        return []
    sources = spent.sources
    change = {script for script, to in ours.items() if to.change == CHANGE and to.source in sources}
    txid, made = hit.txid, _Made(sight, hit, own=spent.draft is not None)
    _store(tx, [_row(made, txid, one, ours[one.script], is_change=one.script in change) for one in worth])
    previous.store(tx, terms.network, {txid: hit.stripped})
    addresses.mark_used(tx, terms.network, sorted(ours))
    deposits = [one for one in worth if one.script not in change]
    for one in deposits:
        if ours[one.script].change == CHANGE:
            _tell_change(tx, sight, f"{txid}:{one.vout}", ours[one.script])
        elif ours[one.script].wallet is None and ours[one.script].index:
            _tell_unowned(tx, sight, txid, one, ours[one.script])
    return [_claim(sight, txid, one, ours[one.script]) for one in deposits]


@dataclass(frozen=True, slots=True)
class _Made:
    """What all coins of one transaction have in common."""

    sight: Sight
    hit: Hit
    own: bool

    @property
    def matures(self) -> int:
        """The first block that may spend them."""
        wait = 0
        if self.hit.coinbase:
            wait = self.sight.terms.row.coinbase_maturity
        elif self.hit.pegged:
            wait = PEGGED_MATURITY
        height = self.sight.where.height
        return 0 if height is None else height + wait


def _row(made: _Made, txid: str, one: Paid, to: Address, *, is_change: bool) -> dict[str, object]:
    return {
        "network": to.network,
        "txid": txid,
        "vout": one.vout,
        "source": to.source,
        "wallet": to.wallet,
        "cosigner": to.cosigner,
        "change": to.change,
        "leaf": to.index,
        "amount_sat": one.amount_sat,
        "height": made.sight.where.height,
        "block_hash": made.sight.where.block_hash,
        "matures": made.matures,
        "coinbase": made.hit.coinbase,
        "own": made.own,
        "dust": one.amount_sat < made.sight.terms.dust_below and not is_change,
        "frozen": False,
        "gone": False,
        "seen_at_ms": made.sight.at_ms,
    }


def _store(tx: Connection, rows: Sequence[dict[str, object]]) -> None:
    """New coins, and known ones in the block they stand in now. What a block shows, the pool cannot undo."""
    insert = upsert(coin)
    place = {name: insert.excluded[name] for name in ("height", "block_hash", "matures", "gone")}
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["network", "txid", "vout"],
            set_=place,
            where=coin.c.height.is_(None) | insert.excluded.height.is_not(None),
        ),
        list(rows),
    )


def _claim(sight: Sight, txid: str, one: Paid, to: Address) -> Claim:
    terms, where = sight.terms, sight.where
    return Claim(
        network=terms.network,
        wallet=to.credited,
        asset=terms.row.asset,
        kind=Kind.OUTPUT,
        sender=None,
        transaction=txid,
        position=one.vout,
        block_number=IN_POOL if where.height is None else where.height,
        block_hash=where.block_hash or "",
        units=one.amount_sat,
    )


def _tell_change(tx: Connection, sight: Sight, outpoint: str, to: Address) -> None:
    text = (
        f"{outpoint} pays from outside to address of change {to.index} of wallet {to.source}, which was "
        "shown to nobody: it is credited to that wallet"
    )
    events.record(
        tx,
        key=f"change:{outpoint}",
        at_ms=sight.at_ms,
        network=sight.terms.network,
        wallet=to.credited,
        code="deposit.to_change",
        text=text,
    )


def _tell_unowned(tx: Connection, sight: Sight, txid: str, one: Paid, to: Address) -> None:
    text = (
        f"{txid}:{one.vout} brings {one.amount_sat} satoshi to address {to.index} of pool {to.source}: it "
        "arrived at an address issued before the restore, and is booked as the pool's own; ask who it was for"
    )
    events.record(
        tx,
        key=f"nobody:{txid}:{one.vout}",
        at_ms=sight.at_ms,
        network=sight.terms.network,
        wallet=to.source,
        code="deposit.to_nobody",
        text=text,
    )
