"""Pools: many users' coins under one record, their marks, and what of them lies exposed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.http import idempotency, paging
from keepcool.app.http.fields import (
    Address,
    Asset,
    ExternalId,
    Id,
    In,
    Metadata,
    Network,
    Out,
    Time,
    Units,
    UnitsOut,
)
from keepcool.app.http.parts import Admin, Given, Parts, Reader
from keepcool.app.http.wallets import WalletOut
from keepcool.app.http.wallets import told as wallet_told
from keepcool.app.pools import books, exposure, rows, transfers
from keepcool.app.pools.desk import NewPool
from keepcool.app.pools.rows import Marks, Pool
from keepcool.app.pools.transfers import Transfer
from keepcool.core.ids import AssetId, WalletId

router = APIRouter(prefix="/v1", tags=["pools"])
PoolPath = Annotated[str, Path(max_length=64)]
_MARK = Field(description="Base units as a decimal string, 0 for none.", pattern=r"^(0|[1-9][0-9]{0,76})$")


class MarksIn(In):
    """Above `high` the surplus is swept to `harbor` until `target` is left; below `low` operators are told to
    refill. `high` "0": nothing is swept."""

    high: Annotated[str, _MARK] = "0"
    low: Annotated[str, _MARK] = "0"
    target: Annotated[str, _MARK] = "0"
    harbor: Address | None = None


class AssetMarksIn(MarksIn):
    """`asset`: whose marks these are, the network's coin when left out."""

    asset: Asset | None = None


class PoolIn(In):
    network: Network
    marks: MarksIn = MarksIn()
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class RefillIn(In):
    """`asset`: the network's coin when left out."""

    amount: Units
    asset: Asset | None = None


class MarksOut(Out):
    high: UnitsOut
    low: UnitsOut
    target: UnitsOut
    harbor: str | None


class HoldingOut(Out):
    """`on_chain` is what lies in the pool, in blocks; `booked` what its books say, so the two differ by what
    is on its way. `users` is what all its users together are owed, `cold` what was swept and not yet brought
    back, `exposed_thousandths` the pool's share of all coins on its network, the harbor's included."""

    asset: str
    marks: MarksOut
    users: UnitsOut
    own: UnitsOut
    booked: UnitsOut
    on_chain: UnitsOut
    cold: UnitsOut
    fees: UnitsOut
    exposed_thousandths: int


class PoolOut(HoldingOut):
    """What is said of an asset is said of the network's coin; `tokens` says it of what else the pool may
    hold."""

    wallet: WalletOut
    tokens: list[HoldingOut]
    members: int
    addresses_in_stock: int
    waiting_for_signing_window: Annotated[int, Field(description="Withdrawals that wait for Keeper.")]
    created_at_ms: Time


class PoolsOut(Out):
    items: list[PoolOut]


class LedgerTransferOut(Out):
    """Between two wallets of one pool: done when it is shown, without transaction or fee."""

    id: str
    pool: str
    from_wallet: str
    to_wallet: str
    asset: str
    amount: UnitsOut
    external_id: str | None
    metadata: dict[str, str]
    at_ms: Time


class LedgerTransfersOut(Out):
    items: list[LedgerTransferOut]
    next: str | None


class TransferFilter(paging.Page):
    wallet: Id | None = None


@router.post("/pools", status_code=201, summary="Make a pool")
async def make_pool(
    *,
    request: Request,
    given: Given,
    caller: Admin,
    body: PoolIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> PoolOut:
    """A wallet record of the house, whose addresses are handed out to users without limit."""
    attempt = await idempotency.attempt(request, caller, idempotency_key) if idempotency_key else None
    new = NewPool(
        id=WalletId(idempotency.steady_id("pool", attempt, given.entropy(16))),
        network=body.network,
        marks=_marks(body.marks),
        external_id=body.external_id,
        metadata=body.metadata,
    )
    await given.onboarded(body.network)
    pool = await given.pools.make(new)
    return await given.store.run(lambda tx: _shown(tx, given, pool))


@router.get("/pools", summary="All pools")
async def list_pools(given: Given, _: Reader) -> PoolsOut:
    return await given.store.read(
        lambda tx: PoolsOut(items=[_shown(tx, given, one) for one in rows.pools(tx)])
    )


@router.get("/pools/{pool}", summary="One pool: what lies in it, whose it is, what is exposed")
async def get_pool(given: Given, _: Reader, pool: PoolPath) -> PoolOut:
    return await given.store.read(lambda tx: _shown(tx, given, rows.get_pool(tx, pool)))


@router.put("/pools/{pool}/marks", summary="Set a pool's marks")
async def set_marks(given: Given, _: Admin, pool: PoolPath, body: AssetMarksIn) -> PoolOut:
    """Signers compare a sweep's destination with the harbor of their own policies, not with this."""
    changed = await given.pools.set_marks(pool, _marks(body), body.asset)
    return await given.store.run(lambda tx: _shown(tx, given, changed))


@router.post("/pools/{pool}/refills", response_model=PoolOut, summary="Book coins that came from the harbor")
async def refill(
    *,
    request: Request,
    given: Given,
    caller: Admin,
    pool: PoolPath,
    body: RefillIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Coins sent to the pool's own first address are the pool's own; this says that they were its users', and
    came back. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    name, now_ms = idempotency.steady_id("rf", attempt, b""), given.clock.now_ms()

    def effect(tx: Connection) -> tuple[int, PoolOut]:
        known = rows.get_pool(tx, pool)
        asset = given.pools.asset(known.network, body.asset)
        books.refilled(tx, refill=name, pool=known.id, asset=asset, units=int(body.amount), at_ms=now_ms)
        return 200, _shown(tx, given, known)

    return await idempotency.once(given.store, attempt, now_ms, effect)


@router.get("/pools/{pool}/transfers", summary="Transfers between a pool's wallets, newest first")
async def list_transfers(
    given: Given, _: Reader, pool: PoolPath, page: Annotated[TransferFilter, Query()]
) -> LedgerTransfersOut:
    before = paging.decode_number("pool-transfers", page.cursor)

    def work(tx: Connection) -> LedgerTransfersOut:
        known = rows.get_pool(tx, pool)
        found = transfers.newest(tx, pool=known.id, wallet=page.wallet, limit=page.limit + 1, before=before)
        cut, following = paging.cut("pool-transfers", found, page.limit, lambda one: str(one.number))
        return LedgerTransfersOut(items=[_transfer(one) for one in cut], next=following)

    return await given.store.read(work)


def _shown(tx: Connection, given: Parts, pool: Pool) -> PoolOut:
    native, *tokens = given.pools.assets(pool.network)
    return PoolOut(
        **dict(_holding(tx, pool, native, pool.marks)),
        tokens=[_holding(tx, pool, one, rows.find_asset_marks(tx, pool.id, one)) for one in tokens],
        wallet=wallet_told(given.attesters.wallet(tx, pool.id)),
        members=rows.count_members(tx, pool.id),
        addresses_in_stock=rows.in_stock(tx, pool.id),
        waiting_for_signing_window=exposure.waiting_for_window(tx, pool.id),
        created_at_ms=pool.created_at_ms,
    )


def _holding(tx: Connection, pool: Pool, asset: AssetId, marks: Marks) -> HoldingOut:
    stands = books.standing(tx, pool.id, asset)
    return HoldingOut(
        asset=asset,
        marks=MarksOut(
            high=str(marks.high),
            low=str(marks.low),
            target=str(marks.target),
            harbor=marks.harbor,
        ),
        users=str(stands.users),
        own=str(stands.own),
        booked=str(stands.booked),
        on_chain=str(stands.on_chain),
        cold=str(stands.cold),
        fees=str(stands.fees),
        exposed_thousandths=exposure.exposed_thousandths(tx, pool, asset),
    )


def _transfer(one: Transfer) -> LedgerTransferOut:
    return LedgerTransferOut(
        id=one.id,
        pool=one.pool,
        from_wallet=one.source,
        to_wallet=one.target,
        asset=one.asset,
        amount=str(one.units),
        external_id=one.external_id,
        metadata=dict(one.metadata),
        at_ms=one.at_ms,
    )


def _marks(given: MarksIn) -> Marks:
    return Marks(high=int(given.high), low=int(given.low), target=int(given.target), harbor=given.harbor)
