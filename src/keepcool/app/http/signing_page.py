"""The page where owners enrol a passkey and sign: files as they lie here, nothing fetched from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from fastapi import APIRouter, Response

from keepcool.app.http.parts import Given

router = APIRouter(prefix="/sign", tags=["owners' signatures"], include_in_schema=False)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "X-Frame-Options": "DENY",
}
_HTML, _CSS, _JS = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"


@router.get("")
async def page() -> Response:
    return _file("sign.html", _HTML)


@router.get("/sign.css")
async def style() -> Response:
    return _file("sign.css", _CSS)


@router.get("/sign.js")
async def script() -> Response:
    return _file("sign.js", _JS)


@router.get("/keepcool-passkey.js")
async def module() -> Response:
    """Without dependencies, to be copied to a site of one's own."""
    return _file("keepcool-passkey.js", _JS)


@router.get("/site.json")
async def site(given: Given) -> Response:
    """Where passkeys are made and touched; "" where none are taken."""
    return Response(json.dumps({"rp_id": given.settings.users.rp_id}), media_type="application/json")


def _file(name: str, media_type: str) -> Response:
    return Response(_content(name), media_type=media_type, headers=HEADERS)


@cache
def _content(name: str) -> bytes:
    return (resources.files("keepcool.app.http") / "static" / name).read_bytes()
