"""The desk as one ASGI application."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from keepcool.core.errors import Conflict, KeepcoolError, Malformed
from keepcool.desk.http import api, entering, items, live, ordering_page, queueing
from keepcool.desk.http.gate import Gate, answer
from keepcool.desk.http.parts import Parts, parts_of


def make_site(parts: Parts) -> FastAPI:
    """Without a reference of its own: it is not an API for strangers."""
    site = FastAPI(title=parts.settings.title, docs_url=None, redoc_url=None, openapi_url=None)
    site.state.parts = parts
    for module in (entering, queueing, items, ordering_page, api, live):
        site.include_router(module.router)
    site.add_exception_handler(KeepcoolError, _on_our_error)
    site.add_exception_handler(RequestValidationError, _on_invalid)
    site.add_exception_handler(HTTPException, _on_http_error)
    site.add_middleware(Gate, parts=parts)
    return site


async def _on_our_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, KeepcoolError):
        raise error
    return answer(request.scope, parts_of(request), error)


async def _on_invalid(request: Request, _: Exception) -> Response:
    """What was sent is not repeated."""
    text = "this address or one of its fields is not in the form expected here"
    return answer(request.scope, parts_of(request), Malformed("request.invalid", text))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """No such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    return answer(request.scope, parts_of(request), Conflict("page.not_found", "there is nothing here"))
