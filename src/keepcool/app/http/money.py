"""Withdrawals, transfers and top-ups of the purse. An order is stored and its amount held in one
transaction with its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.controls import keyed
from keepcool.app.http import idempotency, paging, transfers_shown
from keepcool.app.http.fields import (
    Address,
    Asset,
    ExternalId,
    Id,
    In,
    Metadata,
    Out,
    Units,
    UnitsOut,
)
from keepcool.app.http.idempotency import Attempt
from keepcool.app.http.parts import Admin, Given, Parts, Payer, Reader, Support
from keepcool.app.http.payouts_shown import WithdrawalOut, WithdrawalsOut, newest, shown, whole
from keepcool.app.payouts.requests import OUTPUTS_MAX, Order
from keepcool.app.payouts.store import Kind
from keepcool.core.errors import Malformed


class Answers(TypedDict):
    """What the OpenAPI document says of a call that answers with stored bytes."""

    response_model: type[WithdrawalOut]
    responses: dict[int | str, dict[str, Any]]


router = APIRouter(prefix="/v1", tags=["money"])
PayoutPath = Annotated[str, Path(max_length=64)]
WALLETS_OF_USER_MAX = 10_000
_CONFLICT = "Not enough, wallet frozen, or the Idempotency-Key stands for another request."
_ANSWERS = Answers(response_model=WithdrawalOut, responses={409: {"description": _CONFLICT}})


class OutputIn(In):
    to: Address
    amount: Units
    to_again: Address | None = None


class WithdrawalIn(In):
    """`fee_max`: the most it may cost, in the network's native asset. Either `to`, or `outputs` that add up
    to the amount: one intent, which its owner signs once, and one transaction, which pays all or none."""

    wallet: Id
    asset: Asset
    amount: Units
    to: Address | None = None
    to_again: Annotated[
        Address | None, Field(description="The same, entered again, where addresses have no checksum.")
    ] = None
    outputs: Annotated[list[OutputIn], Field(max_length=OUTPUTS_MAX)] = Field(default_factory=list)
    fee_max: Units | None = None
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class TransferIn(In):
    """From one of our wallets to another: within a pool a ledger entry, done at once; else on chain, where
    the other side is credited like any deposit."""

    from_wallet: Id
    to_wallet: Id
    asset: Asset
    amount: Units
    fee_max: Units | None = None
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class QuoteOut(Out):
    """The recipient gets the whole amount: the purse pays the fee, or the wallet beside it (Minter,
    Bitcoin)."""

    fee_asset: Asset
    fee_expected: UnitsOut
    fee_max: UnitsOut


class TopUpIn(In):
    """From a wallet of ours, in the network's native asset, to the purse that pays that network's fees."""

    wallet: Id
    asset: Asset
    amount: Units
    fee_max: Units | None = None
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class FreezeIn(In):
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class WithdrawalFilter(paging.Page):
    wallet: Id | None = None
    user: Id | None = None
    state: Id | None = None
    external_id: ExternalId | None = None


@router.post("/withdrawals/quote", summary="What a withdrawal would cost")
async def quote(given: Given, _: Reader, body: WithdrawalIn) -> QuoteOut:
    """Moves nothing and holds nothing."""
    quoted = await given.engine.quote(_withdrawal(body, "quote"))
    return QuoteOut(
        fee_asset=quoted.fee_asset,
        fee_expected=str(quoted.fee_expected),
        fee_max=str(quoted.fee_max),
    )


@router.post("/withdrawals", status_code=201, summary="Pay out of a wallet", **_ANSWERS)
async def make_withdrawal(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    body: WithdrawalIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Holds the amount at once; the signers decide afterwards. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    order = _withdrawal(body, idempotency.steady_id("wd", attempt, b""))
    return await _ordered(request, given, attempt, order)


@router.post("/transfers", status_code=201, summary="Pay from one of our wallets to another", **_ANSWERS)
async def make_transfer(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    body: TransferIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """An on-chain payment, so that ledger equals chain per wallet; between wallets of one pool a ledger
    entry, at once and without a fee. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    order = Order(
        id=idempotency.steady_id("wd", attempt, b""),
        wallet=body.from_wallet,
        asset=body.asset,
        units=int(body.amount),
        kind=Kind.TRANSFER,
        to_wallet=body.to_wallet,
        fee_max=_optional(body.fee_max),
        external_id=body.external_id,
        metadata=body.metadata,
    )

    def effect(tx: Connection) -> tuple[int, WithdrawalOut]:
        _count(tx, request, attempt, given)
        booked = transfers_shown.booked(tx, order, given.clock.now_ms())
        return 201, booked or shown(tx, given.payouts.request(tx, order))

    return await _acted(given, attempt, effect)


@router.post("/purses/topups", status_code=201, summary="Pay from a wallet into the purse", **_ANSWERS)
async def top_up(
    *,
    request: Request,
    given: Given,
    caller: Admin,
    body: TopUpIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """The purse pays the network's fees. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    order = Order(
        id=idempotency.steady_id("wd", attempt, b""),
        wallet=body.wallet,
        asset=body.asset,
        units=int(body.amount),
        kind=Kind.TOPUP,
        fee_max=_optional(body.fee_max),
        external_id=body.external_id,
        metadata=body.metadata,
    )
    return await _ordered(request, given, attempt, order)


@router.post("/withdrawals/{withdrawal}/cancel", summary="Cancel before it is sent", **_ANSWERS)
async def cancel(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    withdrawal: PayoutPath,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Before a signature the held amount is given back at once; after one, when the signed transaction can
    no longer confirm. Refused once it was sent. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)

    def effect(tx: Connection) -> tuple[int, WithdrawalOut]:
        return 200, shown(tx, given.payouts.cancel(tx, withdrawal))

    return await _acted(given, attempt, effect)


@router.post("/withdrawals/{withdrawal}/freeze", summary="Stop it where it is")
async def freeze(given: Given, _: Support, withdrawal: PayoutPath, body: FreezeIn) -> WithdrawalOut:
    """Until it is thawed nothing more happens to it. What was sent already may still confirm."""
    return await given.store.run(lambda tx: shown(tx, given.payouts.freeze(tx, withdrawal, body.reason)))


@router.post("/withdrawals/{withdrawal}/thaw", summary="Let a frozen one go on")
async def thaw(given: Given, _: Admin, withdrawal: PayoutPath) -> WithdrawalOut:
    """A person has looked into it."""
    thawed = await given.store.run(lambda tx: shown(tx, given.payouts.thaw(tx, withdrawal)))
    given.engine.wake()
    return thawed


@router.get("/withdrawals", summary="List withdrawals, transfers and top-ups, newest first")
async def list_withdrawals(
    given: Given, _: Reader, page: Annotated[WithdrawalFilter, Query()]
) -> WithdrawalsOut:
    return await _listed(given, page, "withdrawals", None)


@router.get("/transfers", summary="List transfers, newest first")
async def list_transfers(
    given: Given, _: Reader, page: Annotated[WithdrawalFilter, Query()]
) -> WithdrawalsOut:
    return await _listed(given, page, "transfers", Kind.TRANSFER)


@router.get("/withdrawals/{withdrawal}", summary="One withdrawal, transfer or top-up")
async def get_withdrawal(given: Given, _: Reader, withdrawal: PayoutPath) -> WithdrawalOut:
    """Transfers within a pool as well. `review` is what the signers still want, and what is to be signed."""

    def work(tx: Connection) -> WithdrawalOut:
        booked = transfers_shown.found(tx, withdrawal)
        return booked or whole(tx, given.attesters, given.payouts.get(tx, withdrawal))

    return await given.store.read(work)


def wallets_meant(tx: Connection, wallet: str | None, user: str | None) -> list[str] | None:
    """The wallets a list is about: one, a user's, or all (None)."""
    if wallet is not None:
        return [registry.get_wallet(tx, wallet).asked.id]
    if user is None:
        return None
    people.get_user(tx, user)
    return [one.asked.id for one in registry.list_wallets(tx, limit=WALLETS_OF_USER_MAX, user=user)]


async def _listed(given: Parts, page: WithdrawalFilter, cursors: str, kind: Kind | None) -> WithdrawalsOut:
    before = paging.decode_number(cursors, page.cursor)

    def work(tx: Connection) -> WithdrawalsOut:
        rows = newest(
            tx,
            limit=page.limit + 1,
            before=before,
            wallets=wallets_meant(tx, page.wallet, page.user),
            kind=kind,
            state=page.state,
            external_id=page.external_id,
        )
        cut, following = paging.cut(cursors, rows, page.limit, lambda one: str(one.number))
        return WithdrawalsOut(items=[shown(tx, one) for one in cut], next=following)

    return await given.store.read(work)


async def _ordered(request: Request, given: Parts, attempt: Attempt, order: Order) -> Response:
    def effect(tx: Connection) -> tuple[int, WithdrawalOut]:
        _count(tx, request, attempt, given)
        return 201, shown(tx, given.payouts.request(tx, order))

    return await _acted(given, attempt, effect)


def _count(tx: Connection, request: Request, attempt: Attempt, given: Parts) -> None:
    """Raises Unavailable `rate.withdrawals`, which is no answer that is kept."""
    keyed.take_payment(tx, attempt.api_key, request.scope["keepcool.payments"], given.clock.now_ms())


async def _acted(
    given: Parts, attempt: Attempt, effect: Callable[[Connection], tuple[int, WithdrawalOut]]
) -> Response:
    answer = await idempotency.once(given.store, attempt, given.clock.now_ms(), effect)
    given.engine.wake()
    return answer


def _withdrawal(body: WithdrawalIn, name: str) -> Order:
    if (body.to is None) == (not body.outputs):
        raise Malformed("withdrawal.to", "say where the amount goes: either `to`, or `outputs`")
    return Order(
        id=name,
        wallet=body.wallet,
        asset=body.asset,
        units=int(body.amount),
        recipient=body.to or "",
        outputs=tuple((one.to, int(one.amount)) for one in body.outputs),
        again=tuple(one.to_again or "" for one in body.outputs) or (body.to_again or "",),
        fee_max=_optional(body.fee_max),
        external_id=body.external_id,
        metadata=body.metadata,
    )


def _optional(units: str | None) -> int | None:
    return None if units is None else int(units)
