"""What the desk asks of batches for a withdrawal of any family; one without a batch knows nothing."""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.payouts.bitcoin import batches, said
from keepcool.app.payouts.bitcoin.batches import Stage
from keepcool.app.payouts.bitcoin.tables import member, rung
from keepcool.core.errors import Conflict
from keepcool.core.withdrawal_states import Requested, State


def refuse_shared(tx: Connection, withdrawal: str, state: State) -> None:
    """Raises Conflict `withdrawal.too_late` when others are paid by the same transaction, which is being
    signed: it cannot be taken out any more."""
    newest = batches.of_withdrawal(tx, withdrawal)[-1:]
    if isinstance(state, Requested) or not newest or len(batches.members(tx, newest[0].id)) == 1:
        return
    text = f"withdrawal {withdrawal} is being signed together with others: too late to cancel"
    raise Conflict("withdrawal.too_late", text)


def ask_at_once(tx: Connection, withdrawal: str) -> None:
    for one in batches.of_withdrawal(tx, withdrawal)[-1:]:
        batches.at_once(tx, one.id)


def fixed(tx: Connection, withdrawal: str) -> tuple[bytes, tuple[bytes, ...]] | None:
    """The intent and the drafts that signers are asked for now, cheapest first."""
    newest = batches.of_withdrawal(tx, withdrawal)[-1:]
    if not newest or newest[0].stage is Stage.ENDED:
        return None
    return newest[0].intent, tuple(one.draft for one in batches.rungs(tx, newest[0].id))


def untils(tx: Connection, withdrawal: str) -> list[int]:
    """When delays end that signers named of its batch."""
    newest = batches.of_withdrawal(tx, withdrawal)[-1:]
    return [one.until_s for batch in newest for one in said.of(tx, batch.id).values()]


def problem(tx: Connection, withdrawal: str) -> str | None:
    """What its batch waits for until it is sent."""
    newest = batches.of_withdrawal(tx, withdrawal)[-1:]
    return newest[0].problem if newest and newest[0].stage in (Stage.DRAFTED, Stage.SIGNED) else None


def paid_by(tx: Connection, txid: str) -> list[str]:
    """Withdrawals that this transaction pays or would pay."""
    query = select(member.c.withdrawal).join(rung, rung.c.batch == member.c.batch)
    return list(tx.execute(query.where((rung.c.txid == txid) | (rung.c.body == txid)).distinct()).scalars())


def transactions(tx: Connection, withdrawal: str) -> list[str]:
    """All that were handed to the network for it, oldest first."""
    found = []
    for one in batches.of_withdrawal(tx, withdrawal):
        sent = [each for each in batches.rungs(tx, one.id) if each.sent_at_ms is not None]
        found += [each.txid for each in sorted(sent, key=lambda each: each.sent_at_ms or 0) if each.txid]
    return found
