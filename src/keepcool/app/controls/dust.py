"""Deposits too small to be credited by themselves, which an operator gives to their owner by hand.

Laws: only what is on the books as dust, each deposit once; who did it and why stands in the posting and is
told; a coin of the Bitcoin family may then be spent like any other.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import dust
from keepcool.app.coins.tables import coin
from keepcool.app.controls.reasons import check_reason
from keepcool.app.deposits import records
from keepcool.app.deposits.records import Deposit, Kind, State
from keepcool.core.errors import Conflict


def credit(tx: Connection, deposit_id: str, *, by: str, reason: str, at_ms: int) -> Deposit:
    """The deposit, credited; asked for again it changes nothing. Raises Conflict `deposit.not_found`,
    `deposit.not_dust` and `deposit.gathered`."""
    check_reason(reason)
    one = records.get_deposit(tx, deposit_id)
    claim = one.claim
    if one.state is State.CREDITED and one.posted:
        return one
    if one.state is not State.DUST:
        raise Conflict("deposit.not_dust", f"deposit {one.id} is {one.state.value}, not dust")
    if not one.posted:  # of before dust was booked
        dust.credit_dust(tx, [(one.ledger_name, claim.wallet, one.confirmed)], claim.asset, at_ms)
    if claim.kind is Kind.OUTPUT:
        _let_spend(tx, one)
    dust.credit_by_hand(
        tx,
        deposit=one.ledger_name,
        wallet=claim.wallet,
        asset=claim.asset,
        units=one.confirmed,
        at_ms=at_ms,
        reference=f"{by}: {reason.strip()}",
    )
    records.decide(tx, one, State.CREDITED, at_ms, confirmed=one.confirmed, posted=True)
    return records.get_deposit(tx, one.id)


def _let_spend(tx: Connection, one: Deposit) -> None:
    """Raises Conflict `deposit.gathered`: spent together with larger coins it is the owner's already."""
    claim = one.claim
    here = (coin.c.network == claim.network, coin.c.txid == claim.transaction, coin.c.vout == claim.position)
    freed = tx.execute(coin.update().where(*here, coin.c.dust.is_(True)).values(dust=False))
    if freed.rowcount != 1:
        raise Conflict("deposit.gathered", f"deposit {one.id} was gathered: it is its owner's already")
