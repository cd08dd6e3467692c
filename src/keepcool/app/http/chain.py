"""What is seen on chain: deposits, lookup by transaction or address, and the purses that pay fees."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.books.registry import Stored
from keepcool.app.config import AppSettings, find_asset
from keepcool.app.deposits import events, naming, records
from keepcool.app.deposits.events import Event
from keepcool.app.deposits.records import Deposit, State
from keepcool.app.http import money, paging, wallets
from keepcool.app.http.fields import Address, Id, In, Out, Time, UnitsOut
from keepcool.app.http.parts import Admin, Given, Parts, Reader
from keepcool.app.http.payouts_shown import WithdrawalOut, newest, shown
from keepcool.app.payouts import notes
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.pools import rows as pool_rows
from keepcool.core.errors import Malformed

router = APIRouter(prefix="/v1", tags=["chain"])
_FOUND_MAX = 100


class DepositOut(Out):
    """`amount` is what came in, `credited` what the balance bore out and the ledger holds."""

    id: str
    wallet: str
    network: str
    asset: str
    symbol: str
    amount: UnitsOut
    credited: UnitsOut
    sender: str | None
    transaction: str | None
    block_number: Annotated[int | None, Field(description="Null while it is in no block yet.")]
    block_hash: str | None
    state: Annotated[str, Field(description="pending | credited | dust | short | orphaned | reversed")]
    seen_at_ms: Time
    decided_at_ms: Time | None


class DepositsOut(Out):
    items: list[DepositOut]
    next: str | None


class DepositPage(paging.Page):
    wallet: Id | None = None
    user: Id | None = None
    state: State | None = None


class Lookup(In):
    """One of the two."""

    tx: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    address: Address | None = None


class LookupOut(Out):
    wallets: list[wallets.WalletOut]
    deposits: list[DepositOut]
    withdrawals: list[WithdrawalOut]


class PurseOut(Out):
    """Fees are paid from here. `on_chain` is null until it was seen."""

    network: str
    address: str
    asset: str
    booked: UnitsOut
    on_chain: UnitsOut | None
    fees_paid: UnitsOut
    accounts: Annotated[list[str], Field(description="All that hold its coins; top up `address`.")]


class PursesOut(Out):
    items: list[PurseOut]


class AlarmOut(Out):
    """`freezes`: wallet, network, or empty. A freeze holds until it is thawed."""

    number: int
    network: str
    wallet: str | None
    code: str
    text: str
    freezes: str
    at_ms: Time
    thawed_at_ms: Time | None


class AlarmsOut(Out):
    items: list[AlarmOut]
    next: str | None


class NoteOut(Out):
    """`kind` is stable, e.g. purse.low; `subject` is what it is about."""

    number: int
    kind: str
    network: str
    subject: str
    text: str
    at_ms: Time


class NotesOut(Out):
    items: list[NoteOut]
    next: str | None


@router.get("/deposits", summary="List deposits, newest first")
async def list_deposits(given: Given, _: Reader, page: Annotated[DepositPage, Query()]) -> DepositsOut:
    after = paging.decode_number("deposits", page.cursor)

    def work(tx: Connection) -> list[Deposit]:
        wallets_of = money.wallets_meant(tx, page.wallet, page.user)
        return records.list_deposits(
            tx,
            limit=page.limit + 1,
            after=after,
            wallets=wallets_of,
            state=page.state,
            newest_first=True,
        )

    rows = await given.store.read(work)
    cut, following = paging.cut("deposits", rows, page.limit, lambda one: str(one.number))
    return DepositsOut(items=[deposit_out(given.settings, one) for one in cut], next=following)


@router.get("/lookup", summary="What is known of a transaction or an address")
async def lookup(given: Given, _: Reader, wanted: Annotated[Lookup, Query()]) -> LookupOut:
    if (wanted.tx is None) == (wanted.address is None):
        raise Malformed("lookup.query", "ask for tx or for address, one of them")

    def work(tx: Connection) -> LookupOut:
        found, deposits, payouts = _known(tx, given, wanted)
        return LookupOut(
            wallets=[wallets.shown(tx, given.attesters, one) for one in found],
            deposits=[deposit_out(given.settings, one) for one in deposits],
            withdrawals=[shown(tx, one) for one in payouts],
        )

    return await given.store.read(work)


def _known(
    tx: Connection, given: Parts, wanted: Lookup
) -> tuple[list[Stored], list[Deposit], list[Withdrawal]]:
    if wanted.tx is not None:
        return [], records.find_transaction(tx, wanted.tx), given.payouts.find(tx, wanted.tx)
    found = registry.find_address(tx, None, wanted.address or "")
    further = [one.wallet for one in pool_rows.find_address(tx, None, wanted.address or "")]
    known = {one.asked.id for one in found}
    found += [registry.get_wallet(tx, one) for one in further if one is not None and one not in known]
    ids = [one.asked.id for one in found]
    deposits = records.list_deposits(tx, limit=_FOUND_MAX, wallets=ids, newest_first=True)
    return found, deposits, newest(tx, limit=_FOUND_MAX, before=None, wallets=ids)


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
                accounts=list(one.accounts),
            )
            for one in found
        ]
    )


@router.get("/alarms", summary="What was found wrong on chain, and what is frozen because of it")
async def list_alarms(given: Given, _: Reader, page: Annotated[paging.Page, Query()]) -> AlarmsOut:
    after = paging.decode_number("alarms", page.cursor) or 0
    rows = await given.store.read(lambda tx: events.list_events(tx, limit=page.limit + 1, after=after))
    cut, following = paging.cut("alarms", rows, page.limit, lambda one: str(one.number))
    return AlarmsOut(items=[_alarm(one) for one in cut], next=following)


@router.get("/notes", summary="What operators were told of payouts and purses")
async def list_notes(given: Given, _: Reader, page: Annotated[paging.Page, Query()]) -> NotesOut:
    after = paging.decode_number("notes", page.cursor) or 0
    rows = await given.store.read(lambda tx: notes.list_notes(tx, limit=page.limit + 1, after=after))
    cut, following = paging.cut("notes", rows, page.limit, lambda one: str(one.number))
    items = [
        NoteOut(
            number=one.number,
            kind=one.kind,
            network=one.network,
            subject=one.subject,
            text=one.text,
            at_ms=one.at_ms,
        )
        for one in cut
    ]
    return NotesOut(items=items, next=following)


@router.post("/alarms/{number}/thaw", summary="A person has looked into it: end its freeze")
async def thaw(given: Given, _: Admin, number: Annotated[int, Path(ge=0)]) -> AlarmOut:
    now_ms = given.clock.now_ms()
    return _alarm(await given.store.run(lambda tx: events.thaw(tx, number, now_ms)))


def _alarm(one: Event) -> AlarmOut:
    return AlarmOut(
        number=one.number,
        network=one.network,
        wallet=one.wallet,
        code=one.code,
        text=one.text,
        freezes=one.freezes.value,
        at_ms=one.at_ms,
        thawed_at_ms=one.thawed_at_ms,
    )


def deposit_out(settings: AppSettings, one: Deposit) -> DepositOut:
    claim = one.claim
    found = find_asset(settings, claim.asset)
    return DepositOut(
        id=one.id,
        wallet=claim.wallet,
        network=claim.network,
        asset=claim.asset,
        symbol=found[1].symbol if found else "",
        amount=str(claim.units),
        credited=str(one.credited),
        sender=claim.sender,
        transaction=claim.transaction and naming.transaction(claim.network, claim.transaction),
        block_number=claim.block_number if claim.block_hash else None,
        block_hash=naming.block(claim.network, claim.block_hash) if claim.block_hash else None,
        state=one.state.value,
        seen_at_ms=one.seen_at_ms,
        decided_at_ms=one.decided_at_ms,
    )
