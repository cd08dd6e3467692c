"""Errors as problem documents (RFC 9457): type, title, status, detail, our kind and stable code.

What is said is the error's public text; what was sent is never repeated, it may hold a secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from keepcool.core.errors import Breach, KeepcoolError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_STATUS_OF_CODE = {
    "auth.missing": HTTPStatus.UNAUTHORIZED,
    "auth.key": HTTPStatus.UNAUTHORIZED,
    "request.too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "request.timeout": HTTPStatus.REQUEST_TIMEOUT,
    "idempotency.missing": HTTPStatus.BAD_REQUEST,
    "auth.forwarded": HTTPStatus.BAD_REQUEST,
    "rate.requests": HTTPStatus.TOO_MANY_REQUESTS,
    "rate.withdrawals": HTTPStatus.TOO_MANY_REQUESTS,
}
_STATUS_OF_KIND = {
    "refused": HTTPStatus.FORBIDDEN,
    "malformed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflict": HTTPStatus.CONFLICT,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "breach": HTTPStatus.INTERNAL_SERVER_ERROR,
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
}
_TITLES = {
    "refused": "Refused",
    "malformed": "The request is not valid",
    "conflict": "Not possible in the present state",
    "unavailable": "Temporarily unavailable",
    "breach": "Stopped: something is not as it was proved to be",
    "error": "Failed",
}
_CODE_OF_FIELD = {
    "missing": "request.missing_field",
    "extra_forbidden": "request.unknown_field",
    "json_invalid": "request.json",
}
_ERRORS_MAX = 20


def status_of(error: KeepcoolError) -> int:
    special = _STATUS_OF_CODE.get(error.code)
    if special is None and error.code.endswith(".not_found"):
        special = HTTPStatus.NOT_FOUND
    return special or _STATUS_OF_KIND[error.kind]


def document(status: int, code: str, title: str, detail: str, **more: object) -> bytes:
    body: dict[str, object] = {
        "type": f"urn:keepcool:problem:{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": code,
        **more,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def told(error: KeepcoolError) -> tuple[int, bytes]:
    """Status and problem document of one of our errors."""
    status = status_of(error)
    # a breach is told by its code alone: its text is for the operator's log
    detail = "the operator has been alarmed" if isinstance(error, Breach) else error.public
    return status, document(status, error.code, _TITLES[error.kind], detail, kind=error.kind)


def response(error: KeepcoolError) -> Response:
    status, body = told(error)
    headers: dict[str, str] = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(error.fields.get("retry_after_s", 1))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status, headers, MEDIA_TYPE)


async def on_our_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, KeepcoolError):
        raise error
    return response(error)


async def on_invalid(_: Request, error: Exception) -> Response:
    """What did not fit the request's schema, field by field; the first one gives the code."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told_fields = [{"at": _place(one), "text": str(one.get("msg", ""))[:300]} for one in found[:_ERRORS_MAX]]
    code = _field_code(str(found[0].get("type", ""))) if found else "request.invalid"
    detail = "; ".join(f"{one['at']}: {one['text']}" for one in told_fields) or "the request is not valid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    body = document(status, code, _TITLES["malformed"], detail, kind="malformed", errors=told_fields)
    return Response(body, status, media_type=MEDIA_TYPE)


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such path, no such method: then it says which there are."""
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    code = "http." + title.lower().replace(" ", "_").replace("-", "_")
    body = document(error.status_code, code, title, str(error.detail)[:300])
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request.app.routes, request.url.path)))
    return Response(body, error.status_code, headers, MEDIA_TYPE)


def _allowed(routes: Sequence[BaseRoute], path: str) -> set[str]:
    """By the routes that name this path, or else by those that it fits."""
    fitting = [one for one in _flat(routes) if one.path_regex.match(path)]
    named = [one for one in fitting if one.path == path]
    return {method for one in named or fitting for method in one.methods or ()}


def _flat(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    """Those of included routers too."""
    for one in routes:
        if isinstance(one, Route):
            yield one
        yield from _flat(getattr(getattr(one, "original_router", None), "routes", ()))


def _field_code(kind: str) -> str:
    return kind if "." in kind else _CODE_OF_FIELD.get(kind, "request.invalid")


def _place(error: Mapping[str, object]) -> str:
    where = error.get("loc", ())
    steps: Sequence[object] = where if isinstance(where, list | tuple) else ()
    return ".".join(str(step)[:64] for step in steps)
