"""The API as one ASGI application."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import keepcool
from keepcool.app.controls.admission import Door
from keepcool.app.http import (
    addresses,
    advice,
    attestation_keys,
    chain,
    consents,
    controls,
    corrections,
    events,
    ledger,
    money,
    pools,
    problems,
    requestkeys,
    rescues,
    service,
    signing_page,
    statements,
    users,
    wallets,
    webhooks,
)
from keepcool.app.http.described import Described
from keepcool.app.http.gate import Gate
from keepcool.app.http.parts import Parts
from keepcool.core.errors import KeepcoolError

_ABOUT = (
    "Amounts are decimal strings of base units. Networks are CAIP-2, assets CAIP-19 names. Errors are "
    "problem documents (RFC 9457) with a stable code. Lists give `next`, to be sent as `cursor`. Every POST "
    "that moves money needs an Idempotency-Key: the same key and body give the stored answer again, byte "
    "for byte."
)


def make_api(parts: Parts) -> FastAPI:
    api = Described(
        title="keepcool",
        version=keepcool.__version__,
        description=_ABOUT,
        docs_url=None,  # the stock page fetches its scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    api.state.parts, api.state.stop = parts, asyncio.Event()
    api.state.door = Door(parts.settings.limits)
    for one in (
        users,
        wallets,
        requestkeys,
        addresses,
        attestation_keys,
        pools,
        money,
        advice,
        consents,
        controls,
        corrections,
        rescues,
        chain,
        events,
        webhooks,
        ledger,
        statements,
        service,
    ):
        api.include_router(one.router)
    api.include_router(signing_page.router)
    api.add_exception_handler(KeepcoolError, problems.on_our_error)
    api.add_exception_handler(RequestValidationError, problems.on_invalid)
    api.add_exception_handler(HTTPException, problems.on_http_error)
    if parts.settings.users.origins:  # a page of another origin where owners sign; no cookie is ever used
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(parts.settings.users.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    limits = parts.settings.http
    api.add_middleware(
        Gate,
        metrics=parts.metrics,
        body_bytes_max=limits.body_bytes_max,
        in_flight_max=limits.requests_in_flight_max,
    )
    return api
