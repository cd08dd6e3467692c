"""Tokens nobody listed that lie at a wallet: what there is, and its way to the harbor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.http import idempotency
from keepcool.app.http.controls import Reason
from keepcool.app.http.fields import Address, Id, In, Out, Units, UnitsOut
from keepcool.app.http.parts import Admin, Given, Reader
from keepcool.app.http.payouts_shown import WithdrawalOut, shown
from keepcool.app.http.wallets import WalletPath
from keepcool.app.payouts import rescuing
from keepcool.app.payouts.rescuing import Rescue
from keepcool.core.errors import Conflict

router = APIRouter(prefix="/v1", tags=["controls"])


class LyingOut(Out):
    """`units`: the wallet's balance, as the node tells it now."""

    wallet: str
    address: str
    contract: str
    asset: str
    units: UnitsOut


class RescueIn(In):
    """`to`: the harbor of both signers' policies, which refuse any other place. `amount` left out: all."""

    wallet: Id
    contract: Address
    to: Address
    amount: Annotated[Units | None, Field(description="Base units; left out, all that lies there.")] = None
    reason: Reason


@router.get("/wallets/{wallet}/tokens/{contract}", summary="What lies there of a token nobody listed")
async def lying(
    given: Given, _: Reader, wallet: WalletPath, contract: Annotated[str, Path(max_length=64)]
) -> LyingOut:
    here = await given.store.read(
        lambda tx: rescuing.found(tx, given.attesters, given.settings.networks, wallet, contract)
    )
    units = await given.engine.lying(here.network, here.wallet.address, here.contract)
    return LyingOut(
        wallet=here.wallet.id,
        address=here.wallet.address,
        contract=here.contract,
        asset=here.asset,
        units=str(units),
    )


@router.post(
    "/rescues", status_code=201, response_model=WithdrawalOut, summary="Send an unlisted token to the harbor"
)
async def rescue(
    *,
    request: Request,
    given: Given,
    caller: Admin,
    body: RescueIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """A payout of the kind rescue; it is on no books. Signers sign it where their policies say `rescue`, to
    their own harbor alone. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    known = await idempotency.replay(given.store, attempt)
    if known is not None:
        return known
    there = await lying(given, caller, body.wallet, body.contract)
    units = int(there.units if body.amount is None else body.amount)
    if not 0 < units <= int(there.units):
        raise Conflict("rescue.balance", f"{there.units} base units lie there")
    wanted = Rescue(
        id=idempotency.steady_id("rsc", attempt, b""),
        wallet=body.wallet,
        contract=body.contract,
        to=body.to,
        units=units,
        reason=body.reason,
    )
    now_ms, networks = given.clock.now_ms(), given.settings.networks

    def effect(tx: Connection) -> tuple[int, WithdrawalOut]:
        return 201, shown(tx, rescuing.request(tx, given.attesters, networks, wanted, now_ms))

    answer = await idempotency.once(given.store, attempt, now_ms, effect)
    given.engine.wake()
    return answer
