"""Balances and ledger entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.books import people, postings, registry
from keepcool.app.books.postings import Entry
from keepcool.app.config import AppSettings, find_asset
from keepcool.app.http import paging
from keepcool.app.http.fields import Asset, Id, Out, Time, UnitsOut
from keepcool.app.http.money import WALLETS_OF_USER_MAX, wallets_meant
from keepcool.app.http.parts import Auditor, Given, Reader
from keepcool.app.http.wallets import UserPath, WalletPath
from keepcool.core.ids import WalletId

router = APIRouter(prefix="/v1", tags=["ledger"])


class BalanceOut(Out):
    """`total` = `available` + `held` + `dust` + `house` - `short`: what the wallet's coins on chain are, to
    the unit. `dust`: too little to be credited by itself. `house`: the house's, by a correction."""

    asset: str
    symbol: str
    decimals: int | None
    available: UnitsOut
    held: UnitsOut
    total: UnitsOut
    short: UnitsOut
    dust: UnitsOut
    house: UnitsOut


class BalancesOut(Out):
    items: list[BalanceOut]


class EntryOut(Out):
    """`side` debit or credit; `balance` is the account's right after this entry."""

    id: int
    posting: int
    kind: str
    key: str
    wallet: str | None
    account: str
    asset: str
    side: Literal["debit", "credit"]
    amount: UnitsOut
    balance: UnitsOut
    reference: dict[str, str]
    at_ms: Time


class EntriesOut(Out):
    items: list[EntryOut]
    next: str | None


class EntryFilter(paging.Page):
    wallet: Id | None = None
    user: Id | None = None
    account: Annotated[str, StringConstraints(max_length=120)] | None = None
    asset: Asset | None = None
    order: Literal["asc", "desc"] = "asc"


class DifferenceOut(Out):
    what: str
    asset: str
    stored: str
    computed: str


class BooksOut(Out):
    """`differences` is empty when every posting sums to zero and every balance is its entries' sum."""

    balanced: bool
    differences: Annotated[list[DifferenceOut], Field(max_length=100)]


@router.get("/wallets/{wallet}/balances", summary="A wallet's balances")
async def wallet_balances(given: Given, _: Reader, wallet: WalletPath) -> BalancesOut:
    def work(tx: Connection) -> BalancesOut:
        stored = registry.get_wallet(tx, wallet)
        return _balances(tx, given.settings, [stored.asked.id], {stored.asked.network})

    return await given.store.read(work)


@router.get("/users/{user}/balances", summary="A user's balances over all wallets")
async def user_balances(given: Given, _: Reader, user: UserPath) -> BalancesOut:
    def work(tx: Connection) -> BalancesOut:
        people.get_user(tx, user)
        stored = registry.list_wallets(tx, limit=WALLETS_OF_USER_MAX, user=user)
        networks = {str(one.asked.network) for one in stored}
        return _balances(tx, given.settings, [one.asked.id for one in stored], networks)

    return await given.store.read(work)


@router.get("/entries", summary="Ledger entries")
async def list_entries(given: Given, _: Reader, page: Annotated[EntryFilter, Query()]) -> EntriesOut:
    kind = f"entries-{page.order}"
    after = paging.decode_number(kind, page.cursor)

    def work(tx: Connection) -> list[Entry]:
        return postings.entries(
            tx,
            limit=page.limit + 1,
            wallets=wallets_meant(tx, page.wallet, page.user),
            account=page.account,
            asset=page.asset,
            after=after,
            newest_first=page.order == "desc",
        )

    cut, following = paging.cut(kind, await given.store.read(work), page.limit, lambda one: str(one.id))
    return EntriesOut(items=[_entry(one) for one in cut], next=following)


@router.get("/books/check", summary="Recompute the whole ledger from its entries")
async def check_books(given: Given, _: Auditor) -> BooksOut:
    found = await given.store.read(postings.check_books)
    told = [
        DifferenceOut(what=one.what, asset=one.asset, stored=str(one.stored), computed=str(one.computed))
        for one in found[:100]
    ]
    return BooksOut(balanced=not found, differences=told)


def _balances(
    tx: Connection, settings: AppSettings, wallets: Sequence[WalletId], networks: set[str]
) -> BalancesOut:
    sums: dict[str, dict[str, int]] = {
        asset.id: {}
        for name in sorted(networks & settings.networks.keys())
        for asset in settings.networks[name].assets
    }
    kinds = ("owed", "held", "coins", "short", "dust", "house")
    names = {f"{kind}:{wallet}": kind for wallet in wallets for kind in kinds}
    for account, asset, units in postings.balances_of(tx, list(names)):
        of_asset = sums.setdefault(asset, {})
        of_asset[names[account]] = of_asset.get(names[account], 0) + units
    return BalancesOut(items=[_balance(settings, asset, of_asset) for asset, of_asset in sums.items()])


def _balance(settings: AppSettings, asset: str, units: dict[str, int]) -> BalanceOut:
    found = find_asset(settings, asset)
    return BalanceOut(
        asset=asset,
        symbol=found[1].symbol if found else "",
        decimals=found[1].decimals if found else None,
        available=str(units.get("owed", 0)),
        held=str(units.get("held", 0)),
        total=str(units.get("coins", 0)),
        short=str(units.get("short", 0)),
        dust=str(units.get("dust", 0)),
        house=str(units.get("house", 0)),
    )


def _entry(one: Entry) -> EntryOut:
    return EntryOut(
        id=one.id,
        posting=one.posting,
        kind=one.kind,
        key=one.key,
        wallet=one.wallet,
        account=one.account,
        asset=one.asset,
        side="debit" if one.delta > 0 else "credit",
        amount=str(abs(one.delta)),
        balance=str(one.balance),
        reference=dict(one.reference),
        at_ms=one.at_ms,
    )
