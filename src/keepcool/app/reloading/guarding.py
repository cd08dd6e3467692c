"""What must be empty before it goes: an asset that somebody owns, or that is on its way, stays configured."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, select

from keepcool.app.books.tables import balance_row
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.errors import Conflict

_HOUSE = ("purse:", "fees:", "funding:")  # the house's own: what a network's fees were paid from


def refuse_owned(tx: Connection, assets: Iterable[str], networks: Iterable[str]) -> None:
    """Raises Conflict when somebody owns some of it, or a withdrawal of it is open."""
    for asset in assets:
        _refuse(tx, asset, balance_row.c.asset == asset, withdrawal.c.asset == asset)
    for network in networks:
        on_it = balance_row.c.asset.startswith(f"{network}/", autoescape=True)
        _refuse(tx, network, on_it, withdrawal.c.network == network)


def _refuse(tx: Connection, what: str, owned: ColumnElement[bool], paid: ColumnElement[bool]) -> None:
    theirs = [~balance_row.c.account.startswith(kind, autoescape=True) for kind in _HOUSE]
    rows = select(balance_row.c.account, balance_row.c.units).where(owned, balance_row.c.units != 0, *theirs)
    held = tx.execute(rows.limit(1)).first()
    if held is not None:
        text = f"{what} cannot go: {held.account} still has {held.units} base units of it"
        raise Conflict("reload.owned", text)
    open_one = tx.execute(select(withdrawal.c.id).where(paid, withdrawal.c.open.is_(True)).limit(1)).first()
    if open_one is not None:
        raise Conflict("reload.open", f"{what} cannot go: withdrawal {open_one.id} of it is open")
