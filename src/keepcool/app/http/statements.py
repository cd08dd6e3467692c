"""Statements over HTTP: streamed as they are made. The last lines say whether the sums hold; a stream that
ends without them was cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from keepcool.app.http.fields import In, Network
from keepcool.app.http.parts import Admin, Given, Parts, Reader
from keepcool.app.http.users import UserPath
from keepcool.app.http.wallets import WalletPath
from keepcool.app.statements import cuts, making, scope, writing
from keepcool.app.statements.scope import Scope
from keepcool.app.statements.shown import Names
from keepcool.app.statements.writing import MEDIA, Form

router = APIRouter(prefix="/v1", tags=["statements"])
_ABOUT = (
    "Opening balance, every entry in the ledger's order, closing balance, and the proof that the first two "
    "make the third. From `from_ms` on, before `to_ms` (now, at the latest)."
)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The statement", "content": {kind: {} for kind in MEDIA.values()}}
}


class Asked(In):
    from_ms: Annotated[int, Field(ge=0, description="Unix time in milliseconds.")] = 0
    to_ms: Annotated[int | None, Field(ge=1, description="Unix time in milliseconds; now, if left out.")] = (
        None
    )
    format: Form = "json"


class HouseAsked(Asked):
    network: Network | None = None


Period = Annotated[Asked, Query()]
PoolPath = Annotated[str, Path(max_length=64)]


@router.get("/users/{user}/statement", summary="A user's statement", responses=_ANSWERS, description=_ABOUT)
async def of_user(given: Given, _: Reader, user: UserPath, asked: Period) -> StreamingResponse:
    return await _told(given, asked, lambda tx: scope.of_user(tx, user))


@router.get(
    "/wallets/{wallet}/statement", summary="A wallet's statement", responses=_ANSWERS, description=_ABOUT
)
async def of_wallet(given: Given, _: Reader, wallet: WalletPath, asked: Period) -> StreamingResponse:
    return await _told(given, asked, lambda tx: scope.of_wallet(tx, wallet))


@router.get("/pools/{pool}/statement", summary="A pool's statement", responses=_ANSWERS, description=_ABOUT)
async def of_pool(given: Given, _: Reader, pool: PoolPath, asked: Period) -> StreamingResponse:
    return await _told(given, asked, lambda tx: scope.of_pool(tx, pool))


@router.get("/statement", summary="The whole house's statement", responses=_ANSWERS, description=_ABOUT)
async def of_house(given: Given, _: Admin, asked: Annotated[HouseAsked, Query()]) -> StreamingResponse:
    """Every account, of one network where one is named: debits and credits are equal."""
    network = asked.network
    whole = scope.of_everything() if network is None else scope.of_network(network)
    return await _told(given, asked, lambda _: whole)


async def _told(given: Parts, asked: Asked, find: Callable[[Connection], Scope]) -> StreamingResponse:
    """Whatever is wrong with the question is told before the first line."""
    now_ms = given.clock.now_ms()
    period = cuts.checked(asked.from_ms, now_ms if asked.to_ms is None else asked.to_ms, now_ms)
    found = await given.store.read(find)
    names = Names.of(given.settings.networks.values())
    text = writing.written(making.make(given.store.run, found, period), asked.format, names)
    name = f"statement-{found.kind}-{period.from_ms}-{period.to_ms}.{asked.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(text, media_type=MEDIA[asked.format], headers=headers)
