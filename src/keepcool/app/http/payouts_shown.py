"""Withdrawals as they are shown and found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection, select

from keepcool.app.http.fields import Out, Time, UnitsOut
from keepcool.app.payouts import purses, reasons, store, wallet_fees
from keepcool.app.payouts.bitcoin import lookups
from keepcool.app.payouts.purses import Stage
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core import withdrawal_states as lives


class VerdictOut(Out):
    signer: str
    rule: str
    outcome: str
    reason: str


class OutputOut(Out):
    to: str
    amount: UnitsOut


class WithdrawalOut(Out):
    """`transactions`: ids of those handed to the network, oldest first; `transaction`: the one in a block."""

    id: str
    kind: Annotated[str, Field(description="withdrawal | transfer | topup")]
    wallet: str
    to_wallet: str | None
    asset: str
    amount: UnitsOut
    to: str
    outputs: Annotated[list[OutputOut], Field(description="Where the amount is shared out; else empty.")]
    state: str
    reason: Annotated[str, Field(description="Why it waits, was refused or failed; else empty.")]
    verdicts: Annotated[list[VerdictOut], Field(description="Why a signer did not sign.")]
    transaction: str | None
    transactions: list[str]
    fee_max: UnitsOut
    fee_paid: Annotated[UnitsOut | None, Field(description="Null until its transaction is final.")]
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: Time
    updated_at_ms: Time


class WithdrawalsOut(Out):
    items: list[WithdrawalOut]
    next: str | None


def shown(tx: Connection, one: Withdrawal) -> WithdrawalOut:
    attempts = purses.of_withdrawal(tx, one.id)
    paid = [attempt.fee_paid or 0 for attempt in attempts if attempt.stage is Stage.FINAL]
    if one.fee_asset is not None and (own := wallet_fees.total(tx, one.id)):
        paid.append(own)
    return WithdrawalOut(
        id=one.id,
        kind=one.kind.value,
        wallet=one.wallet,
        to_wallet=one.to_wallet,
        asset=one.asset,
        amount=str(one.units),
        to=one.recipient,
        outputs=[OutputOut(to=to, amount=str(units)) for to, units in one.outputs],
        state=lives.name_of(one.state),
        reason=reasons.reason(one.state) or one.problem or lookups.problem(tx, one.id) or "",
        verdicts=[
            VerdictOut(signer=by.by.value, rule=by.rule, outcome=by.outcome, reason=by.reason)
            for by in reasons.objections(one.state)
        ],
        transaction=one.transaction,
        transactions=[
            *(attempt.hash for attempt in attempts if attempt.hash is not None),
            *lookups.transactions(tx, one.id),
        ],
        fee_max=str(one.fee_max),
        fee_paid=str(sum(paid)) if paid else None,
        external_id=one.external_id,
        metadata=dict(one.metadata),
        created_at_ms=one.created_at_ms,
        updated_at_ms=one.updated_at_ms,
    )


def newest(
    tx: Connection,
    *,
    limit: int,
    before: int | None,
    wallets: Sequence[str] | None = None,
    kind: Kind | None = None,
    state: str | None = None,
    external_id: str | None = None,
) -> list[Withdrawal]:
    """Newest first; voids are the engine's own and not shown."""
    columns = withdrawal.c
    query = select(withdrawal).where(columns.kind != Kind.VOID.value)
    wanted = {"kind": kind, "state": state, "external_id": external_id}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(columns[name] == value)
    if wallets is not None:
        query = query.where(columns.wallet.in_(wallets))
    if before is not None:
        query = query.where(columns.number < before)
    return store.rows(tx, query.order_by(columns.number.desc()).limit(limit))
