"""Withdrawals as they are shown and found."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection, select

from keepcool.app.http.fields import Out, Time, UnitsOut
from keepcool.app.payouts import answers, consents, fee_shares, purses, reasons, store, wallet_fees
from keepcool.app.payouts.bitcoin import lookups
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.wallets import Attesters
from keepcool.core import withdrawal_states as lives
from keepcool.core.intent import parse_intent

_ASKING = (lives.Drafted, lives.PartlySigned, lives.NeedsReview)


class VerdictOut(Out):
    signer: str
    rule: str
    outcome: str
    reason: str


class OutputOut(Out):
    to: str
    amount: UnitsOut


class EvidenceOut(Out):
    kind: str
    key: str


class ReviewOut(Out):
    """What the signers are asked for, and what people have signed of it. The owner signs SHA-256 of
    `keepcool-user-v1`, a zero byte and `intent_bytes`. `signed_before`: another intent of this withdrawal was
    signed, which no longer counts: this one is to be signed anew."""

    intent_bytes: Annotated[str, Field(description="Canonical intent, base64.")]
    intent_hash: str
    drafts: Annotated[list[str], Field(description="Unsigned, base64; the fees of a ladder, cheapest first.")]
    expires_at_s: Annotated[int, Field(description="Unix time in seconds; then nobody signs it.")]
    user_key: Annotated[str, Field(description="Whose signature it may need; empty: the wallet has none.")]
    missing: Annotated[dict[str, list[str]], Field(description="What each signer still wants, in words.")]
    until_s: Annotated[int, Field(description="When a delay that a signer named ends; 0: none.")]
    evidence: Annotated[list[EvidenceOut], Field(description="What was signed, and is shown to signers.")]
    signed_before: bool


class WithdrawalOut(Out):
    """`transactions`: ids of those handed to the network, oldest first; `transaction`: the one in a block;
    `batch`: what carries it out together with others (EVM), whose fee is shared by their payments.
    `review` is told of one withdrawal at a time, while signatures are asked for."""

    id: str
    kind: Annotated[str, Field(description="withdrawal | transfer | topup | rescue")]
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
    batch: str | None = None
    fee_max: UnitsOut
    fee_paid: Annotated[UnitsOut | None, Field(description="Null until its transaction is final.")]
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: Time
    updated_at_ms: Time
    review: ReviewOut | None = None


class WithdrawalsOut(Out):
    items: list[WithdrawalOut]
    next: str | None


def shown(tx: Connection, one: Withdrawal) -> WithdrawalOut:
    attempts = purses.of_withdrawal(tx, one.batch or one.id)
    paid = fee_shares.of_purse(tx, one, attempts)
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
        batch=one.batch,
        fee_max=str(one.fee_max),
        fee_paid=str(sum(paid)) if paid else None,
        external_id=one.external_id,
        metadata=dict(one.metadata),
        created_at_ms=one.created_at_ms,
        updated_at_ms=one.updated_at_ms,
    )


def reviewed(tx: Connection, attesters: Attesters, one: Withdrawal) -> ReviewOut | None:
    """While signatures are asked for, and once both are there no more."""
    now = consents.fixed(tx, one) if isinstance(one.state, _ASKING) else None
    if now is None:
        return None
    missing: dict[str, list[str]] = {}
    for by in reasons.objections(one.state):
        missing.setdefault(by.by.value, []).append(by.reason)
    return ReviewOut(
        intent_bytes=_base64(now.intent),
        intent_hash=now.hash,
        drafts=[_base64(draft) for draft in now.drafts],
        expires_at_s=parse_intent(now.intent).expires_at_s,
        user_key=attesters.wallet(tx, one.wallet).record.user_key,
        missing=missing,
        until_s=consents.until_s(tx, one.id),
        evidence=[
            EvidenceOut(kind=each.kind, key=each.key) for each in answers.evidence_of(tx, one.id, now.intent)
        ],
        signed_before=answers.signed_before(tx, one.id, now.intent),
    )


def whole(tx: Connection, attesters: Attesters, one: Withdrawal) -> WithdrawalOut:
    """One withdrawal with what is still to be signed of it."""
    return shown(tx, one).model_copy(update={"review": reviewed(tx, attesters, one)})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


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
    """Newest first; voids and batches are the engine's own and not shown."""
    columns = withdrawal.c
    query = select(withdrawal).where(columns.kind.not_in([each.value for each in store.INNER]))
    wanted = {"kind": kind, "state": state, "external_id": external_id}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(columns[name] == value)
    if wallets is not None:
        query = query.where(columns.wallet.in_(wallets))
    if before is not None:
        query = query.where(columns.number < before)
    return store.rows(tx, query.order_by(columns.number.desc()).limit(limit))
