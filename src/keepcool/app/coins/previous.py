"""The whole transactions that made our coins: drafts carry them, so that signers prove amounts themselves.

Laws: what is stored hashes to its id when it is read again; nothing in this database is believed about money;
a transaction goes when all coins of ours in it were spent so deep that no reorganisation brings one back.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from keepcool.app.coins.tables import coin, forgotten, transaction
from keepcool.app.upserts import upsert
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId

_RAW_MAX = 32 * 1024 * 1024
_ASKED_AT_ONCE = 500
FORGOTTEN_AT_ONCE = 20  # blocks


def store(tx: Connection, network: NetworkId, raws: Mapping[str, bytes]) -> None:
    """By their ids; one that is there stays."""
    rows = [
        {"network": network, "txid": txid, "raw": zlib.compress(raw, 1)} for txid, raw in sorted(raws.items())
    ]
    if rows:
        tx.execute(upsert(transaction).on_conflict_do_nothing(), rows)


def previous(tx: Connection, network: NetworkId, txids: Sequence[str]) -> dict[str, bytes]:
    """All of these, without witnesses. Raises Conflict `coins.no_transaction` when one is missing, Breach
    when one is not what its id says."""
    found: dict[str, bytes] = {}
    wanted = sorted(set(txids))
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        chosen = transaction.c.txid.in_(wanted[start : start + _ASKED_AT_ONCE])
        query = select(transaction.c.txid, transaction.c.raw).where(transaction.c.network == network, chosen)
        for txid, packed in tx.execute(query):
            found[txid] = _unpacked(txid, bytes(packed))
    missing = [txid for txid in wanted if txid not in found]
    if missing:
        raise Conflict("coins.no_transaction", f"the transaction {missing[0]} that made a coin is not stored")
    return found


def forget(tx: Connection, network: NetworkId, deep: int, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Drops transactions all of whose coins were spent in blocks up to `deep`, beyond which no block is
    replaced. A bounded number of blocks at once, each once; how many transactions were dropped."""
    known = select(forgotten.c.height).where(forgotten.c.network == network)
    after = tx.execute(known).scalar_one_or_none()
    first = _first_spent(tx, network) if after is None else after
    if first is None or first >= deep:
        return 0
    last = min(first + limit, deep)
    spent = (coin.c.network == network, coin.c.spent_height > first, coin.c.spent_height <= last)
    made = list(tx.execute(select(coin.c.txid).where(*spent).distinct()).scalars())
    done = sum(
        _dropped(tx, network, made[at : at + _ASKED_AT_ONCE], last)
        for at in range(0, len(made), _ASKED_AT_ONCE)
    )
    row = upsert(forgotten).values(network=network, height=last)
    tx.execute(row.on_conflict_do_update(index_elements=["network"], set_={"height": last}))
    return done


def _first_spent(tx: Connection, network: NetworkId) -> int | None:
    """The block before the first one that spent anything."""
    where = (coin.c.network == network, coin.c.spent_height.is_not(None))
    first = tx.execute(select(func.min(coin.c.spent_height)).where(*where)).scalar_one()
    return None if first is None else int(first) - 1


def _dropped(tx: Connection, network: NetworkId, txids: Sequence[str], last: int) -> int:
    needed = select(coin.c.txid).where(
        coin.c.network == network,
        coin.c.txid.in_(txids),
        coin.c.spent_height.is_(None) | (coin.c.spent_height > last),
    )
    kept = set(tx.execute(needed).scalars())
    gone = [one for one in txids if one not in kept]
    where = (transaction.c.network == network, transaction.c.txid.in_(gone))
    return tx.execute(transaction.delete().where(*where)).rowcount


def _unpacked(txid: str, packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, _RAW_MAX)
    if unpacker.unconsumed_tail or txid_of(raw) != txid:
        raise Breach("coins.transaction_differs", f"the stored transaction {txid} is not what its id says")
    return raw
