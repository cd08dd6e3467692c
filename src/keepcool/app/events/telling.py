"""What changed, as events: one function for each thing that changes, called where its row is written.

Laws: in the transaction of the change; one event per change of state, none where nothing changed; whoever
adds a family, a state or a kind of note gets its event by going through the same few functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from keepcool.app.deposits import naming
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.payouts.reasons import objections, reason
from keepcool.app.store import metadata
from keepcool.core import withdrawal_states as lives
from keepcool.core.canonical import Plain
from keepcool.core.withdrawal_states import Inclusion, State

if TYPE_CHECKING:  # these modules call this one
    from keepcool.app.books.registry import Stored
    from keepcool.app.deposits.events import Event as Finding
    from keepcool.app.deposits.records import Deposit
    from keepcool.app.payouts.store import Withdrawal
    from keepcool.app.pools.transfers import Transfer

THAWED = "thawed"
MEMPOOL = "mempool"
_FROZEN = {"": "alarm.raised", "wallet": "wallet.frozen", "network": "network.frozen"}
_THAWED = {"": "alarm.seen", "wallet": "wallet.thawed", "network": "network.thawed"}


def withdrawal(
    tx: Connection, one: Withdrawal, at_ms: int, *, before: Withdrawal | None = None
) -> Withdrawal:
    """The same withdrawal, told. Voids and batches are the engine's own; a step that changes nothing is no
    news."""
    if one.kind.value in ("void", "batch") or (before is not None and _alike(before.state, one.state)):
        return one
    was = None if before is None else before.state
    about = Subject(network=one.network, user=owner(tx, one.wallet), wallet=one.wallet, withdrawal=one.id)
    name = THAWED if isinstance(was, lives.Frozen) and was.was == one.state else lives.name_of(one.state)
    data = _withdrawal(one) | {"user": about.user, "before": None if was is None else lives.name_of(was)}
    log.append(tx, News(f"withdrawal.{name}", about, data), at_ms)
    return one


def _alike(before: State, after: State) -> bool:
    """Another draft of what waits for people is nobody's news."""
    if isinstance(before, lives.NeedsReview) and isinstance(after, lives.NeedsReview):
        return (before.signed, before.objections) == (after.signed, after.objections)
    return before == after


def deposit(tx: Connection, one: Deposit, at_ms: int) -> Deposit:
    """The same deposit, told."""
    deposits(tx, (one,), at_ms)
    return one


def deposits(tx: Connection, some: Sequence[Deposit], at_ms: int) -> None:
    """Many at once, in this order."""
    owners = {wallet_id: owner(tx, wallet_id) for wallet_id in {one.claim.wallet for one in some}}
    log.append_all(tx, [_deposit(one, owners[one.claim.wallet]) for one in some], at_ms)


def finding(tx: Connection, one: Finding, at_ms: int) -> None:
    """What was found wrong on chain, or its thaw when it bears one."""
    names = _FROZEN if one.thawed_at_ms is None else _THAWED
    user = None if one.wallet is None else owner(tx, one.wallet)
    about = Subject(network=one.network, user=user, wallet=one.wallet)
    data: dict[str, Plain] = {
        "alarm": one.number,
        "code": one.code,
        "text": one.text,
        "freezes": one.freezes.value,
        "network": one.network,
        "wallet": one.wallet,
        "user": user,
    }
    log.append(tx, News(names[one.freezes.value], about, data), at_ms)


def note(tx: Connection, kind: str, *, network: str, subject: str, text: str, at_ms: int) -> None:
    """What operators are told: the event is of the note's kind."""
    found = _one(tx, "withdrawal", subject, "wallet")
    about = Subject(network=network or None)
    if found is not None:
        about = Subject(
            network=network, user=owner(tx, found["wallet"]), wallet=found["wallet"], withdrawal=subject
        )
    data = {"network": about.network, "subject": subject, "text": text, "user": about.user}
    log.append(tx, News(kind, about, data | {"wallet": about.wallet, "withdrawal": about.withdrawal}), at_ms)


def wallet(tx: Connection, one: Stored, at_ms: int) -> None:
    """It is attested by both signers: its address may be handed out."""
    wallets(tx, (one,), at_ms)


def wallets(tx: Connection, some: Sequence[Stored], at_ms: int) -> None:
    """Many at once, in this order."""
    log.append_all(tx, [_wallet(one) for one in some], at_ms)


def _wallet(one: Stored) -> News:
    asked = one.asked
    data: dict[str, Plain] = {
        "wallet": asked.id,
        "user": asked.user,
        "network": asked.network,
        "profile": asked.profile,
        "address": one.address,
        "external_id": asked.external_id,
        "metadata": dict(asked.metadata),
    }
    return News("wallet.ready", Subject(network=asked.network, user=asked.user, wallet=asked.id), data)


def transfer(tx: Connection, one: Transfer, network: str, at_ms: int) -> None:
    """Between two wallets of a pool: booked, and final at once."""
    user = owner(tx, one.source)
    data: dict[str, Plain] = {
        "transfer": one.id,
        "network": network,
        "from_wallet": one.source,
        "from_user": user,
        "to_wallet": one.target,
        "to_user": owner(tx, one.target),
        "asset": one.asset,
        "amount": str(one.units),
        "external_id": one.external_id,
        "metadata": dict(one.metadata),
    }
    log.append(
        tx, News("transfer.booked", Subject(network=network, user=user, wallet=one.source), data), at_ms
    )


def owner(tx: Connection, wallet_id: str) -> str | None:
    found = _one(tx, "wallet", wallet_id, "user")
    return None if found is None else found["user"]


def _one(tx: Connection, table: str, name: str, column: str) -> Mapping[str, str] | None:
    """One column of the row called so, by the table's name: the modules that own them call this one."""
    rows = metadata.tables.get(table)
    if rows is None:
        return None
    found = tx.execute(select(rows.c[column]).where(rows.c.id == name)).one_or_none()
    return None if found is None else {column: str(found[0])}


def _deposit(one: Deposit, user: str | None) -> News:
    claim = one.claim
    about = Subject(network=claim.network, user=user, wallet=claim.wallet, deposit=one.id)
    pooled = one.state.value == "pending" and claim.block_number < 0
    data: dict[str, Plain] = {
        "deposit": one.id,
        "state": one.state.value,
        "wallet": claim.wallet,
        "user": user,
        "network": claim.network,
        "asset": claim.asset,
        "amount": str(claim.units),
        "credited": str(one.credited),
        "sender": claim.sender,
        "transaction": claim.transaction and naming.transaction(claim.network, claim.transaction),
        "position": claim.position,
        "block_number": claim.block_number if claim.block_number >= 0 else None,
        "block_hash": naming.block(claim.network, claim.block_hash) if claim.block_hash else None,
    }
    return News(f"deposit.{MEMPOOL if pooled else one.state.value}", about, data)


def _withdrawal(one: Withdrawal) -> dict[str, Plain]:
    seen = _inclusion(one.state)
    transaction = one.transaction if seen is None else seen.transaction
    return {
        "withdrawal": one.id,
        "kind": one.kind.value,
        "state": lives.name_of(one.state),
        "reason": reason(one.state),
        "verdicts": [
            {"signer": by.by.value, "rule": by.rule, "outcome": by.outcome, "reason": by.reason}
            for by in objections(one.state)
        ],
        "wallet": one.wallet,
        "to_wallet": one.to_wallet,
        "network": one.network,
        "asset": one.asset,
        "amount": str(one.units),
        "to": one.recipient,
        "outputs": [{"to": to, "amount": str(units)} for to, units in one.outputs],
        "transaction": transaction,
        "batch": one.batch,
        "block_number": None if seen is None else seen.block,
        "block_hash": None if seen is None else seen.block_hash,
        "external_id": one.external_id,
        "metadata": dict(one.metadata),
    }


def _inclusion(state: State) -> Inclusion | None:
    """The block it is in, which may still be orphaned while it is only broadcast."""
    if isinstance(state, lives.Confirmed):
        return state.inclusion
    return state.seen if isinstance(state, lives.Broadcast) else None
