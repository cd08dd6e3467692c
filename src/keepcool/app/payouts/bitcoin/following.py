"""Which transaction of a batch the chain has now, and what has taken its place where it has none.

Laws: what was booked as final is compared with the chain for as many blocks as coins stay leased to it;
something else takes its place only when it is final itself; what a stranger made replaces nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, and_, select

from keepcool.app.coins import book, drafts
from keepcool.app.coins.book import Held
from keepcool.app.coins.drafts import Spending
from keepcool.app.coins.tables import spending
from keepcool.app.payouts.bitcoin import batches, ending
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch, rung
from keepcool.core.errors import Breach
from keepcool.core.withdrawal_states import Inclusion

AT_ONCE_MAX = 500
CHAIN_MAX = 1_000  # transactions that one hangs on
WATCHED_BLOCKS = 200  # below the tip: what was booked there is still compared with the chain


def departed(tx: Connection, lane: BitcoinLane, tip: int) -> list[str]:
    """Batches whose final transaction is not in the block it was booked in. Those that others spend change of
    come first."""
    same = and_(spending.c.network == batch.c.network, spending.c.txid == batch.c.transaction)
    moved = spending.c.height.is_(None) | spending.c.gone.is_(True)
    query = (
        select(batch.c.id)
        .join(spending, same)
        .where(batch.c.network == lane.network, batch.c.stage == Stage.CONFIRMED.value)
        .where(batch.c.height > tip - WATCHED_BLOCKS)
        .where(moved | (spending.c.block_hash != batch.c.block_hash))
    )
    return list(tx.execute(query.order_by(batch.c.number).limit(AT_ONCE_MAX)).scalars())


def revived(tx: Connection, lane: BitcoinLane, tip: int) -> list[Batch]:
    """Batches that had ended, and that a block has all the same, or has no more."""
    ended = (batch.c.network == lane.network, batch.c.stage == Stage.ENDED.value)
    in_blocks = (spending.c.height > tip - WATCHED_BLOCKS, spending.c.gone.is_(False))
    query = select(batch).join(spending, spending.c.holder == batch.c.id)
    found = batches.rows(tx, query.where(*ended, *in_blocks).limit(AT_ONCE_MAX))
    told = select(batch).where(*ended, batch.c.transaction.is_not(None), batch.c.tainted.is_(False))
    return found + [
        one
        for one in batches.rows(tx, told.where(batch.c.height > tip - WATCHED_BLOCKS).limit(AT_ONCE_MAX))
        if one.id not in {each.id for each in found}
    ]


def confirmed_spending(tx: Connection, one: Batch) -> Spending | None:
    """The transaction of it that a block has."""
    found = [each for each in drafts.spendings_of(tx, one.id) if each.height is not None and not each.gone]
    return found[-1] if found else None


def rung_of(tx: Connection, one: Batch, own: Spending) -> Rung:
    """By its body, whatever became of its id. Raises Breach when it is none of the batch's."""
    made = next((each for each in batches.rungs(tx, one.id) if each.body == own.body), None)
    if made is None:
        raise Breach("batch.row", f"batch {one.id} has no rung that {own.txid} is made of")
    return made


def depth_of(tx: Connection, lane: BitcoinLane, one: Batch) -> int:
    """How deep it must lie to be final."""
    if one.purpose is Purpose.PAY:
        return lane.row.depth_blocks(sum(each.units for each in ending.members_of(tx, one)))
    return lane.row.depth_blocks(sum(each.amount_sat for each in batches.coins(tx, one.id)))


def superseding(tx: Connection, lane: BitcoinLane, one: Batch, tip: int) -> Inclusion | str | None:
    """What has spent a coin of it, finally, or has left one unmade: a draft of ours, or the id of what a
    stranger made."""
    for each in _coins_of(tx, one):
        unmade = _never_made(tx, each) if each.gone else None
        if unmade is not None:
            return unmade
        if each.spent_by is None or each.spent_height is None:
            continue
        found = drafts.find_spending(tx, one.network, each.spent_by)
        if found is None or found.holder == one.id:
            continue
        if found.holder is None:
            return each.spent_by
        if found.confirmations(tip) >= lane.row.depth_blocks(each.amount_sat):
            return Inclusion(found.txid, found.height or 0, found.block_hash or "")
    return None


def _never_made(tx: Connection, gone: Held) -> Inclusion | None:
    """What stands, finally, in the place of the transaction that would have made this coin: another one of
    the same batch, or what has outdone that batch or one that it hangs on."""
    todo, looked = [gone], set[str]()
    while todo and len(looked) < CHAIN_MAX:
        here = todo.pop()
        looked.add(here.txid)
        for one in _makers(tx, here):
            if one.stage is Stage.CONFIRMED and one.seen is not None and one.seen_as != here.txid:
                return one.seen
            instead = _instead(tx, one)
            if instead is not None:
                return instead
            coins = _coins_of(tx, one) if _is_outdone(one) else []
            todo += [each for each in coins if each.gone and each.txid not in looked]
    return None


def _makers(tx: Connection, made: Held) -> list[Batch]:
    """The batch one of whose transactions makes this coin, whatever became of that one's id."""
    query = select(batch).join(rung, rung.c.batch == batch.c.id).where(rung.c.txid == made.txid)
    found = batches.rows(tx, query)
    held = None if found else drafts.find_spending(tx, made.network, made.txid)
    if held is not None and held.holder is not None:
        found = batches.rows(tx, select(batch).where(batch.c.id == held.holder))
    return found


def _is_outdone(one: Batch) -> bool:
    return one.stage is Stage.ENDED and not one.tainted


def _instead(tx: Connection, one: Batch) -> Inclusion | None:
    """What a block has in the place of a batch that was outdone."""
    if not _is_outdone(one):
        return None
    spenders = [one.outdone_by, *(each.spent_by for each in _coins_of(tx, one))]
    for txid in dict.fromkeys(each for each in spenders if each is not None):
        found = drafts.find_spending(tx, one.network, txid)
        if found is not None and found.height is not None and found.holder not in (None, one.id):
            return Inclusion(found.txid, found.height, found.block_hash or "")
    return None


def _coins_of(tx: Connection, one: Batch) -> list[Held]:
    spent = [(each.txid, each.vout) for each in batches.coins(tx, one.id)]
    return book.get_coins(tx, one.network, spent)
