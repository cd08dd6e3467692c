"""Who asks: the session behind the cookie, the person behind the session, the language of the pages.

Laws: a session counts only while the person's key still stands in Cooler's policy; whatever changes something
comes from one of our own pages (Origin) and, with a session, carries its token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

from keepcool.core.errors import Refused
from keepcool.desk import people
from keepcool.desk.http.parts import Given, Parts
from keepcool.desk.pages.words import language_of
from keepcool.desk.people import Holder
from keepcool.desk.sessions import Session

TOKEN_HEADER, LANGUAGE_COOKIE = "x-desk-token", "desk-language"
_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in."""

    identifier: str
    session: Session
    holder: Holder
    language: str


def cookie_name(parts: Parts) -> str:
    """`__Host-`: bound to this host, to TLS and to the whole site (RFC 6265bis)."""
    return "__Host-desk" if parts.settings.secure else "desk"


def set_session(response: Response, parts: Parts, identifier: str) -> None:
    response.set_cookie(
        cookie_name(parts),
        identifier,
        path="/",
        secure=parts.settings.secure,
        httponly=True,
        samesite="strict",
    )


def drop_session(response: Response, parts: Parts) -> None:
    response.delete_cookie(
        cookie_name(parts), path="/", secure=parts.settings.secure, httponly=True, samesite="strict"
    )


def set_language(response: Response, parts: Parts, language: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=_YEAR_S,
        path="/",
        secure=parts.settings.secure,
        httponly=True,
        samesite="strict",
    )


def spoken(request: Request) -> str:
    """The language asked for: by cookie, else by the browser."""
    return language_of(request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", ""))


async def visitor(request: Request, given: Given) -> Visitor:
    """Raises Refused `session.missing` when nobody is signed in any more."""
    found = await perhaps(request, given)
    if found is None:
        raise Refused("session.missing", "sign in first")
    return found


async def perhaps(request: Request, given: Given) -> Visitor | None:
    identifier = request.cookies.get(cookie_name(given), "")
    session = given.sessions.seen(identifier) if identifier else None
    if session is None:
        return None
    try:
        holder = await people.found(given.signers, key=session.key)
    except Refused:
        given.sessions.end_all_of(session.key)  # no longer in the policy
        return None
    request.scope["keepcool.caller"] = holder.name[:64]
    return Visitor(identifier, session, holder, spoken(request))


async def own_page(request: Request, given: Given) -> None:
    """Raises Refused unless the request comes from a page of this site."""
    if request.headers.get("origin", "") != given.settings.origin:
        raise Refused(
            "request.origin",
            "this request comes from another site: use the address that desk.toml calls origin",
        )


async def posted(request: Request) -> dict[str, str]:
    """The fields of a plain form; nothing for other bodies."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=20))


async def acting(request: Request, given: Given) -> Visitor:
    """A visitor who changes something. Raises Refused unless his own page asks."""
    await own_page(request, given)
    found = await visitor(request, given)
    token = request.headers.get(TOKEN_HEADER, "")
    if not token:
        token = (await posted(request)).get("token", "")
    found.session.check_token(token)
    return found


Signed = Annotated[Visitor, Depends(visitor)]
Acting = Annotated[Visitor, Depends(acting)]
Maybe = Annotated[Visitor | None, Depends(perhaps)]
OwnPage = Annotated[None, Depends(own_page)]
