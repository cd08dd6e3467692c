"""The newest journal head App has seen of each signer, shown to it again with every request.

A signer restored from an old copy meets here a head newer than its own, under its own signature.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.payouts.tables import journal_head
from keepcool.app.upserts import upsert
from keepcool.core.errors import Breach, Malformed
from keepcool.core.parties import Service
from keepcool.wire.messages import Head

_MAX = 2**63


def seen(tx: Connection, signer: Service, head: Head) -> None:
    """Keep it when it is newer. Raises Malformed on another's head, Breach when the signer has told two
    histories: the same sequence with another hash."""
    if head.service != signer.value or not 0 <= head.sequence < _MAX or len(head.hash) != 32:
        raise Malformed("witness.head", f"this is not a head of {signer.value}'s journal")
    known = newest(tx, signer)
    if known is not None and known.sequence == head.sequence and known.hash != head.hash:
        text = f"{signer.value} states two journals at sequence {head.sequence}"
        raise Breach("signer.forked", text)
    if known is None or head.sequence > known.sequence:
        row = {"sequence": head.sequence, "hash": head.hash, "signature": head.signature}
        fresh = upsert(journal_head).values(signer=signer.value, **row)
        tx.execute(fresh.on_conflict_do_update(index_elements=["signer"], set_=row))


def newest(tx: Connection, signer: Service) -> Head | None:
    row = tx.execute(select(journal_head).where(journal_head.c.signer == signer.value)).one_or_none()
    if row is None:
        return None
    return Head(
        service=row.signer, sequence=row.sequence, hash=bytes(row.hash), signature=bytes(row.signature)
    )
