"""What is seen on chain: deposits, lookup by transaction or address, and the purses that pay fees."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints
from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.config import AppSettings, find_asset
from keepcool.app.http import money, paging, wallets
from keepcool.app.http.fields import Address, Id, In, Out, Time, UnitsOut
from keepcool.app.http.orders import Deposit, DepositFilter, PayoutFilter
from keepcool.app.http.parts import Given, Reader
from keepcool.core.errors import Malformed

router = APIRouter(prefix="/v1", tags=["chain"])
_FOUND_MAX = 100


class DepositOut(Out):
    """`state`: pending until its block is deep enough, then credited; reversed when the block vanished."""

    id: str
    wallet: str
    asset: str
    symbol: str
    amount: UnitsOut
    transaction: str
    block_number: int
    block_hash: str
    state: str
    seen_at_ms: Time


class DepositsOut(Out):
    items: list[DepositOut]
    next: str | None


class DepositPage(paging.Page):
    wallet: Id | None = None
    user: Id | None = None
    state: Id | None = None


class Lookup(In):
    """One of the two."""

    tx: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    address: Address | None = None


class LookupOut(Out):
    wallets: list[wallets.WalletOut]
    deposits: list[DepositOut]
    withdrawals: list[money.WithdrawalOut]


class PurseOut(Out):
    """Fees are paid from here. `on_chain` is null until it was seen."""

    network: str
    address: str
    asset: str
    booked: UnitsOut
    on_chain: UnitsOut | None
    fees_paid: UnitsOut


class PursesOut(Out):
    items: list[PurseOut]


@router.get("/deposits", summary="List deposits")
async def list_deposits(given: Given, _: Reader, page: Annotated[DepositPage, Query()]) -> DepositsOut:
    after = paging.decode_number("deposits", page.cursor) or 0

    def work(tx: Connection) -> list[Deposit]:
        wanted = DepositFilter(money.wallets_meant(tx, page.wallet, page.user), page.state)
        return given.deposits.find(tx, wanted, after=after, limit=page.limit + 1)

    rows = await given.store.run(work)
    cut, following = paging.cut("deposits", rows, page.limit, lambda one: str(one.number))
    return DepositsOut(items=[_deposit(given.settings, one) for one in cut], next=following)


@router.get("/lookup", summary="What is known of a transaction or an address")
async def lookup(given: Given, _: Reader, wanted: Annotated[Lookup, Query()]) -> LookupOut:
    if (wanted.tx is None) == (wanted.address is None):
        raise Malformed("lookup.query", "ask for tx or for address, one of them")

    def work(tx: Connection) -> LookupOut:
        found = registry.find_address(tx, None, wanted.address) if wanted.address else []
        ids = None if wanted.tx else [one.asked.id for one in found]
        deposits = given.deposits.find(
            tx, DepositFilter(wallets=ids, transaction=wanted.tx), after=0, limit=_FOUND_MAX
        )
        payouts = given.payouts.find(
            tx, PayoutFilter(wallets=ids, transaction=wanted.tx), after=0, limit=_FOUND_MAX
        )
        return LookupOut(
            wallets=[wallets.shown(given.attesters, one) for one in found],
            deposits=[_deposit(given.settings, one) for one in deposits],
            withdrawals=[money.shown(one) for one in payouts],
        )

    return await given.store.run(work)


@router.get("/purses", summary="The purses that pay fees")
async def purses(given: Given, _: Reader) -> PursesOut:
    found = await given.purses()
    return PursesOut(
        items=[
            PurseOut(
                network=one.network,
                address=one.address,
                asset=one.asset,
                booked=str(one.booked),
                on_chain=None if one.on_chain is None else str(one.on_chain),
                fees_paid=str(one.fees_paid),
            )
            for one in found
        ]
    )


def _deposit(settings: AppSettings, one: Deposit) -> DepositOut:
    found = find_asset(settings, one.asset)
    return DepositOut(
        id=one.id,
        wallet=one.wallet,
        asset=one.asset,
        symbol=found[1].symbol if found else "",
        amount=str(one.units),
        transaction=one.transaction,
        block_number=one.block_number,
        block_hash=one.block_hash,
        state=one.state,
        seen_at_ms=one.seen_at_ms,
    )
