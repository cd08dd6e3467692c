"""Withdrawals and transfers. An order is stored and its amount held in one transaction with its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.config import AppSettings, find_asset
from keepcool.app.http import idempotency, paging
from keepcool.app.http.fields import (
    Address,
    Asset,
    ExternalId,
    Id,
    In,
    Metadata,
    Out,
    Time,
    Units,
    UnitsOut,
)
from keepcool.app.http.orders import Order, Payout, PayoutFilter
from keepcool.app.http.parts import Given, Parts, Payer, Reader
from keepcool.app.keys import ApiKey
from keepcool.chains.families import family_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, WalletId, network_of

router = APIRouter(prefix="/v1", tags=["money"])
PayoutPath = Annotated[str, Path(max_length=64)]
WALLETS_OF_USER_MAX = 10_000
_REPLAYABLE: dict[int | str, dict[str, str]] = {
    409: {"description": "Not enough, wallet frozen, or the Idempotency-Key stands for another request."}
}


class WithdrawalIn(In):
    """`fee_max`: the most it may cost the purse, in the network's native asset."""

    wallet: Id
    asset: Asset
    amount: Units
    to: Address
    fee_max: Units | None = None
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class TransferIn(In):
    """From one of our wallets to another, on chain; the other side is credited like any deposit."""

    from_wallet: Id
    to_wallet: Id
    asset: Asset
    amount: Units
    fee_max: Units | None = None
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class QuoteOut(Out):
    """Fees come from the purse, not from the wallet: the recipient gets the whole amount."""

    fee_asset: Asset
    fee_expected: UnitsOut
    fee_max: UnitsOut


class VerdictOut(Out):
    signer: str
    rule: str
    outcome: str
    reason: str


class WithdrawalOut(Out):
    """`verdicts`: why a signer did not sign. `transactions`: ids of those sent, newest last."""

    id: str
    wallet: str
    to_wallet: str | None
    asset: str
    amount: UnitsOut
    to: str
    state: str
    reason: str
    verdicts: list[VerdictOut]
    transactions: list[str]
    fee_max: UnitsOut | None
    fee_paid: UnitsOut | None
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: Time
    updated_at_ms: Time


class WithdrawalsOut(Out):
    items: list[WithdrawalOut]
    next: str | None


class WithdrawalFilter(paging.Page):
    wallet: Id | None = None
    user: Id | None = None
    state: Id | None = None
    external_id: ExternalId | None = None


@router.post("/withdrawals/quote", summary="What a withdrawal would cost")
async def quote(given: Given, _: Reader, body: WithdrawalIn) -> QuoteOut:
    """Moves nothing and holds nothing."""
    order = await given.store.run(lambda tx: _withdrawal(tx, given.settings, body, "quote"))
    quoted = await given.payouts.quote(order)
    return QuoteOut(
        fee_asset=quoted.fee_asset,
        fee_expected=str(quoted.fee_expected),
        fee_max=str(quoted.fee_max),
    )


@router.post(
    "/withdrawals",
    status_code=201,
    summary="Pay out of a wallet",
    response_model=WithdrawalOut,
    responses=_REPLAYABLE,
)
async def make_withdrawal(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    body: WithdrawalIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Holds the amount at once; the signers decide afterwards. Needs an Idempotency-Key."""
    return await _ordered(
        request,
        given,
        caller,
        idempotency_key,
        lambda tx, name: _withdrawal(tx, given.settings, body, name),
    )


@router.post(
    "/transfers",
    status_code=201,
    summary="Pay from one of our wallets to another",
    response_model=WithdrawalOut,
    responses=_REPLAYABLE,
)
async def make_transfer(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    body: TransferIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """An on-chain payment, so that ledger equals chain per wallet. Needs an Idempotency-Key."""
    return await _ordered(
        request, given, caller, idempotency_key, lambda tx, name: _transfer(tx, given, body, name)
    )


@router.post(
    "/withdrawals/{withdrawal}/cancel",
    summary="Cancel before signing",
    response_model=WithdrawalOut,
    responses=_REPLAYABLE,
)
async def cancel(
    *,
    request: Request,
    given: Given,
    caller: Payer,
    withdrawal: PayoutPath,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Gives the held amount back. Refused once a signer may have signed. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    now_ms = given.clock.now_ms()
    answer = await idempotency.once(
        given.store,
        attempt,
        now_ms,
        lambda tx: (200, shown(given.payouts.cancel(tx, withdrawal, now_ms))),
    )
    given.payouts.wake()
    return answer


@router.get("/withdrawals", summary="List withdrawals and transfers")
async def list_withdrawals(
    given: Given, _: Reader, page: Annotated[WithdrawalFilter, Query()]
) -> WithdrawalsOut:
    return await _listed(given, page, "withdrawals", transfers=None)


@router.get("/transfers", summary="List transfers")
async def list_transfers(
    given: Given, _: Reader, page: Annotated[WithdrawalFilter, Query()]
) -> WithdrawalsOut:
    return await _listed(given, page, "transfers", transfers=True)


@router.get("/withdrawals/{withdrawal}", summary="One withdrawal or transfer")
async def get_withdrawal(given: Given, _: Reader, withdrawal: PayoutPath) -> WithdrawalOut:
    return shown(await given.store.run(lambda tx: given.payouts.get(tx, withdrawal)))


def shown(payout: Payout) -> WithdrawalOut:
    order = payout.order
    return WithdrawalOut(
        id=order.id,
        wallet=order.wallet,
        to_wallet=order.to_wallet,
        asset=order.asset,
        amount=str(order.units),
        to=order.recipient,
        state=payout.state,
        reason=payout.reason,
        verdicts=[
            VerdictOut(signer=one.signer, rule=one.rule, outcome=one.outcome, reason=one.reason)
            for one in payout.verdicts
        ],
        transactions=list(payout.transactions),
        fee_max=None if order.fee_max is None else str(order.fee_max),
        fee_paid=None if payout.fee_paid is None else str(payout.fee_paid),
        external_id=order.external_id,
        metadata=dict(order.metadata),
        created_at_ms=payout.created_at_ms,
        updated_at_ms=payout.updated_at_ms,
    )


def wallets_meant(tx: Connection, wallet: str | None, user: str | None) -> list[str] | None:
    """The wallets a list is about: one, a user's, or all (None)."""
    if wallet is not None:
        return [registry.get_wallet(tx, wallet).asked.id]
    if user is None:
        return None
    people.get_user(tx, user)
    return [one.asked.id for one in registry.list_wallets(tx, limit=WALLETS_OF_USER_MAX, user=user)]


async def _listed(
    given: Parts, page: WithdrawalFilter, kind: str, *, transfers: bool | None
) -> WithdrawalsOut:
    after = paging.decode_number(kind, page.cursor) or 0

    def work(tx: Connection) -> list[Payout]:
        wanted = PayoutFilter(
            wallets=wallets_meant(tx, page.wallet, page.user),
            state=page.state,
            external_id=page.external_id,
            transfers=transfers,
        )
        return given.payouts.find(tx, wanted, after=after, limit=page.limit + 1)

    rows = await given.store.run(work)
    cut, following = paging.cut(kind, rows, page.limit, lambda one: str(one.number))
    return WithdrawalsOut(items=[shown(one) for one in cut], next=following)


async def _ordered(
    request: Request,
    given: Parts,
    caller: ApiKey,
    key: str | None,
    order: Callable[[Connection, str], Order],
) -> Response:
    attempt = await idempotency.attempt(request, caller, key)
    name, now_ms = idempotency.steady_id("wd", attempt, b""), given.clock.now_ms()

    def effect(tx: Connection) -> tuple[int, WithdrawalOut]:
        return 201, shown(given.payouts.request(tx, order(tx, name), now_ms))

    answer = await idempotency.once(given.store, attempt, now_ms, effect)
    given.payouts.wake()
    return answer


def _withdrawal(tx: Connection, settings: AppSettings, body: WithdrawalIn, name: str) -> Order:
    asset = _asset_of(settings, body.asset)
    stored = registry.get_wallet(tx, body.wallet)
    _same_network(stored.asked.network, asset)
    return Order(
        id=name,
        wallet=stored.asked.id,
        asset=asset,
        recipient=family_of(network_of(asset)).parse_recipient(network_of(asset), body.to),
        units=int(body.amount),
        fee_max=None if body.fee_max is None else int(body.fee_max),
        to_wallet=None,
        external_id=body.external_id,
        metadata=body.metadata,
    )


def _transfer(tx: Connection, given: Parts, body: TransferIn, name: str) -> Order:
    asset = _asset_of(given.settings, body.asset)
    if body.from_wallet == body.to_wallet:
        raise Malformed("transfer.same_wallet", "a transfer goes from one wallet to another")
    source = registry.get_wallet(tx, body.from_wallet)
    target = given.attesters.wallet(tx, body.to_wallet)  # its address is verified before it is paid to
    for network in (source.asked.network, target.record.network):
        _same_network(network, asset)
    return Order(
        id=name,
        wallet=source.asked.id,
        asset=asset,
        recipient=target.address,
        units=int(body.amount),
        fee_max=None if body.fee_max is None else int(body.fee_max),
        to_wallet=WalletId(body.to_wallet),
        external_id=body.external_id,
        metadata=body.metadata,
    )


def _asset_of(settings: AppSettings, asset: str) -> AssetId:
    if find_asset(settings, asset) is None:
        raise Malformed("asset.unknown", f"asset {asset[:200]} is not listed here; see /v1/assets")
    return AssetId(asset)


def _same_network(network: NetworkId, asset: AssetId) -> None:
    if network_of(asset) != network:
        raise Malformed("asset.network", f"the wallet is on {network}, {asset} is not")
