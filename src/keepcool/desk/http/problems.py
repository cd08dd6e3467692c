"""Errors, as a page for people and as a problem document (RFC 9457) for programs.

What is said is the error's public text; what was sent is never repeated.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from keepcool.core.errors import Breach, KeepcoolError

MEDIA_TYPE = "application/problem+json"
_STATUS_OF_CODE = {
    "session.missing": HTTPStatus.UNAUTHORIZED,
    "request.too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "request.timeout": HTTPStatus.REQUEST_TIMEOUT,
    "request.rate": HTTPStatus.TOO_MANY_REQUESTS,
}
_STATUS_OF_KIND = {
    "refused": HTTPStatus.FORBIDDEN,
    "malformed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflict": HTTPStatus.CONFLICT,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "breach": HTTPStatus.INTERNAL_SERVER_ERROR,
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(error: KeepcoolError) -> int:
    special = _STATUS_OF_CODE.get(error.code)
    if special is None and error.code.endswith(".not_found"):
        special = HTTPStatus.NOT_FOUND
    return int(special or _STATUS_OF_KIND[error.kind])


def text_of(error: KeepcoolError) -> str:
    """A breach is told by its code alone: its text is for the operator's log."""
    return "the operator has been alarmed" if isinstance(error, Breach) else error.public


def document(status: int, code: str, detail: str, kind: str = "error") -> bytes:
    body = {
        "type": f"urn:keepcool:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "kind": kind,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
