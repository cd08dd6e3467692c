"""The OpenAPI document as it is true of this API: errors are problem documents, and which a call gives.

Law: what is described here is what `problems` and `gate` answer; nothing is promised that they do not keep.
OpenAPI 3.1, RFC 9457.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from keepcool.app.http.problems import MEDIA_TYPE

PROBLEM = {
    "title": "Problem",
    "description": "What is wrong, and what to do (RFC 9457). `code` is stable.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "urn:keepcool:problem: and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people."},
        "code": {"type": "string", "description": "For programs: area.reason."},
        "kind": {
            "enum": ["refused", "malformed", "conflict", "unavailable", "breach", "error"],
            "description": "What the caller must do; left out where there is no such path or method.",
        },
        "errors": {
            "type": "array",
            "description": "Of a request that does not fit: each place, and what is wrong there.",
            "items": {
                "type": "object",
                "properties": {"at": {"type": "string"}, "text": {"type": "string"}},
                "required": ["at", "text"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
_ANY = {"default": "Any other problem."}
_SECURED = {
    "401": "No API key, or none that is known.",
    "403": "Refused: a scope, a rule or a bound says no.",
}
_SENT = {"409": "Not possible in the present state.", "413": "The body is too large."}
_READ = {"422": "The request does not fit.", "503": "Something outside is down: try again."}
_NAMED = {"404": "There is no such object."}
_STALE = ("HTTPValidationError", "ValidationError")


class Described(FastAPI):
    """Serves the document below."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = with_problems(super().openapi())
        return self.openapi_schema


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every call's problems in place of the framework's own."""
    schemas = document["components"]["schemas"]
    for name in _STALE:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            call["responses"].pop("422", None)
            call["responses"] |= dict(_problems(path, method, secured=bool(call.get("security"))))
    return document


def _problems(path: str, method: str, *, secured: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    told = _ANY | _READ | (_SECURED if secured else {})
    told |= (_SENT if method == "post" else {}) | (_NAMED if "{" in path else {})
    schema = {"$ref": "#/components/schemas/Problem"}
    for status, about in sorted(told.items()):
        yield status, {"description": about, "content": {MEDIA_TYPE: {"schema": schema}}}
