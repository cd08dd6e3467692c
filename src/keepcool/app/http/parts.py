"""What the routes are given, and who is calling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from keepcool.app import keys
from keepcool.app.config import AppSettings
from keepcool.app.controls import keyed
from keepcool.app.controls.admission import Door
from keepcool.app.controls.keyed import Limits
from keepcool.app.events.office import EventOffice
from keepcool.app.http.health import Health
from keepcool.app.http.orders import Engine, Purse
from keepcool.app.keys import ApiKey, Scope
from keepcool.app.payouts.requests import PayoutDesk
from keepcool.app.pools.desk import PoolDesk
from keepcool.app.requestkeys.office import KeyOffice
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer
from keepcool.core.errors import Refused
from keepcool.ports.system import Clock, Entropy


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything behind the API, built in main.py."""

    settings: AppSettings
    store: Store
    attesters: Attesters
    issuer: Issuer
    clock: Clock
    entropy: Entropy
    health: Health
    payouts: PayoutDesk
    pools: PoolDesk
    engine: Engine
    onboarded: Callable[[str], Awaitable[None]]
    purses: Callable[[], Awaitable[list[Purse]]]
    metrics: CollectorRegistry
    events: EventOffice
    request_keys: KeyOffice | None = None


def parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


Given = Annotated[Parts, Depends(parts)]
_bearer = HTTPBearer(auto_error=False, description="An API key: keepcool app api-key new")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def _known(tx: Connection, text: str, now_ms: int) -> tuple[ApiKey, bool, Limits]:
    key, unnoted = keys.known(tx, text, now_ms)
    return key, unnoted, keyed.of(tx, key.id)


def caller(
    scope: Scope,
) -> Callable[[Request, Parts, HTTPAuthorizationCredentials | None], Awaitable[ApiKey]]:
    """A dependency: the API key of this call. Raises Refused when there is none or it may not do this."""

    async def recognised(request: Request, given: Given, credentials: Credentials) -> ApiKey:
        if credentials is None:
            raise Refused("auth.missing", "send Authorization: Bearer <API key>")
        now_ms, text = given.clock.now_ms(), credentials.credentials
        door, forwarded = cast(Door, request.app.state.door), request.headers.getlist("x-forwarded-for")
        peer = None if request.client is None else request.client.host
        door.check_stranger(text, peer, forwarded, now_ms)
        key, unnoted, limits = await given.store.read(lambda tx: _known(tx, text, now_ms))
        if unnoted:
            await given.store.run(lambda tx: keys.note_use(tx, text, now_ms))
        door.learn(text)
        request.scope["keepcool.caller"] = key.id  # for the access log: the id, never the key
        door.check_address(limits, peer, forwarded)
        request.scope["keepcool.left"] = door.left(key, limits, now_ms)  # for the headers of a refusal, too
        request.scope["keepcool.left"] = door.take(key, limits, now_ms)
        if not key.may(scope):
            raise Refused("auth.scope", f"this API key lacks the scope {scope.value}")
        request.scope["keepcool.payments"] = limits.payments(door.settings)
        return key

    return recognised


Reader = Annotated[ApiKey, Depends(caller(Scope.READ))]
UserMaker = Annotated[ApiKey, Depends(caller(Scope.USERS))]
WalletMaker = Annotated[ApiKey, Depends(caller(Scope.WALLETS))]
Payer = Annotated[ApiKey, Depends(caller(Scope.WITHDRAW))]
Support = Annotated[ApiKey, Depends(caller(Scope.SUPPORT))]
Auditor = Annotated[ApiKey, Depends(caller(Scope.AUDITOR))]
Accountant = Annotated[ApiKey, Depends(caller(Scope.ACCOUNTANT))]
Admin = Annotated[ApiKey, Depends(caller(Scope.ADMIN))]
