"""A wallet's own key has become another, or somebody else keeps it: told, with whose API key ordered it.

Laws: in the transaction that notes it; never the key itself.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.books.registry import wallet as wallet_row
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.requestkeys.tables import Kept
from keepcool.core.canonical import Plain


def changed(tx: Connection, was: Kept, now: Kept, by: str | None, at_ms: int) -> None:
    """`by`: the name of the API key; None where App finished by itself what was interrupted."""
    before, after = _keeper(was), _keeper(now)
    names = {("app", "user"): "handed_over", ("user", "app"): "given_back"}
    columns = wallet_row.c
    found = tx.execute(select(columns.user, columns.network).where(columns.id == now.wallet)).one_or_none()
    user, network = (None, None) if found is None else (str(found.user), str(found.network))
    data: dict[str, Plain] = {
        "wallet": now.wallet,
        "user": user,
        "network": network,
        "kept_by": after,
        "before": before,
        "by": by,
    }
    about = Subject(network=network, user=user, wallet=now.wallet)
    log.append(tx, News(f"request_key.{names.get((before, after), 'changed')}", about, data), at_ms)


def _keeper(one: Kept) -> str:
    return "user" if one.key is None else "app"
