"""Further addresses of a wallet, each with its proof. Every one shown was verified a moment before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.controls import suspensions
from keepcool.app.http import idempotency, paging
from keepcool.app.http.fields import In, Out
from keepcool.app.http.parts import Given, Parts, Reader, WalletMaker
from keepcool.app.http.wallets import ProofOut, WalletPath, proof_out
from keepcool.app.pools import rows
from keepcool.app.pools.desk import MORE_MAX
from keepcool.app.wallets import Wallet

router = APIRouter(prefix="/v1", tags=["wallets"])


class AddressesIn(In):
    count: Annotated[int, Field(ge=1, le=MORE_MAX)] = 1


class AddressOut(Out):
    address: str
    index: Annotated[int, Field(description="On the branch addresses are handed out on.")]
    proof: ProofOut


class AddressesOut(Out):
    items: list[AddressOut]
    next: str | None = None


@router.post(
    "/wallets/{wallet}/addresses",
    status_code=201,
    response_model=AddressesOut,
    summary="Further addresses of a wallet",
)
async def more_addresses(
    *,
    request: Request,
    given: Given,
    caller: WalletMaker,
    wallet: WalletPath,
    body: AddressesIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Addresses without limit, Bitcoin and its forks: what comes in at any of them is the wallet's. Needs an
    Idempotency-Key, so that none is handed out unseen."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    known = await idempotency.replay(given.store, attempt)
    if known is not None:
        return known
    await given.pools.prepare(wallet, body.count)

    def effect(tx: Connection) -> tuple[int, AddressesOut]:
        suspensions.refuse_user(tx, registry.get_wallet(tx, wallet).asked.user)
        taken = given.pools.more(tx, wallet, body.count)
        return 201, AddressesOut(items=_shown(tx, given, given.attesters.wallet(tx, wallet), taken))

    return await idempotency.once(given.store, attempt, given.clock.now_ms(), effect)


@router.get("/wallets/{wallet}/addresses", summary="A wallet's addresses beside its first, with proofs")
async def list_addresses(
    given: Given, _: Reader, wallet: WalletPath, page: Annotated[paging.Page, Query()]
) -> AddressesOut:
    """Of a wallet in a pool all of them; the first address of others is proven by their record."""
    after = paging.decode_number("addresses", page.cursor)

    def work(tx: Connection) -> AddressesOut:
        known = given.attesters.wallet(tx, wallet)
        found = rows.addresses_of(tx, known.id, limit=page.limit + 1, after=-1 if after is None else after)
        cut, following = paging.cut("addresses", found, page.limit, lambda one: str(one.index))
        return AddressesOut(items=_shown(tx, given, known, cut), next=following)

    return await given.store.read(work)


def _shown(tx: Connection, given: Parts, wallet: Wallet, some: Sequence[rows.Given]) -> list[AddressOut]:
    proofs = [given.attesters.address(tx, wallet, one) for one in some]
    return [AddressOut(address=one.address, index=one.index, proof=proof_out(one)) for one in proofs]
