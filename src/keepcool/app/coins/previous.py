"""The whole transactions that made our coins: drafts carry them, so that signers prove amounts themselves.

Law: what is stored hashes to its id when it is read again; nothing in this database is believed about money.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from keepcool.app.coins.tables import transaction
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId

_RAW_MAX = 32 * 1024 * 1024
_ASKED_AT_ONCE = 500


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


def _unpacked(txid: str, packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, _RAW_MAX)
    if unpacker.unconsumed_tail or txid_of(raw) != txid:
        raise Breach("coins.transaction_differs", f"the stored transaction {txid} is not what its id says")
    return raw
