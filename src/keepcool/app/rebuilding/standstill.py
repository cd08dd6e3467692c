"""Books that may be older than the chain: a network pays nothing until it was read again.

Law: the standstill is a freeze as any other, told as an event; reading the chain again ends it only when
every difference is explained, and a person may end it at any time.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.tables import event
from keepcool.core.ids import NetworkId

CODE = "books.restored"


def begin(tx: Connection, network: NetworkId, at_ms: int) -> None:
    """Once, while it lasts."""
    if _lasting(tx, network):
        return
    text = (
        f"the books of {network} were restored and may lack what happened since: nothing is paid there until "
        "its chain was read again (keepcool app rescan), or a person ends this freeze"
    )
    events.record(
        tx,
        key=f"restored:{at_ms}",
        at_ms=at_ms,
        network=network,
        code=CODE,
        text=text,
        freezes=Freezes.NETWORK,
    )


def end(tx: Connection, network: NetworkId, at_ms: int) -> bool:
    """Whether there was one."""
    lasting = _lasting(tx, network)
    for number in lasting:
        events.thaw(tx, number, at_ms)
    return bool(lasting)


def _lasting(tx: Connection, network: NetworkId) -> list[int]:
    query = select(event.c.number).where(
        event.c.network == network, event.c.code == CODE, event.c.thawed_at_ms.is_(None)
    )
    return list(tx.execute(query).scalars())
