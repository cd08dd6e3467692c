"""Coming in and going out: pages for everybody, the end of sessions, the language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keepcool.core.errors import Conflict
from keepcool.desk.http import visitors
from keepcool.desk.http.gate import NEXT
from keepcool.desk.http.parts import Given
from keepcool.desk.http.visitors import Acting, Maybe, OwnPage, Signed, spoken
from keepcool.desk.identicon import TEXT_MAX, svg
from keepcool.desk.pages.assets import read_assets
from keepcool.desk.pages.words import CATALOGUES

router = APIRouter()
_ASSETS = read_assets()
After = Annotated[str, Query(alias="next", max_length=100)]
_KEPT = "private, max-age=86400"


@router.get("/sign-in")
async def sign_in(request: Request, given: Given, who: Maybe, after: After = "") -> Response:
    """A link from elsewhere comes without the cookie, which is strict: then one more click continues."""
    place = after if NEXT.fullmatch(after) else "/"
    if who is not None:
        return RedirectResponse(place, 303)
    return HTMLResponse(given.renderer.page("sign_in.html", spoken(request), section="", after=place))


@router.get("/enrol")
async def enrol(request: Request, given: Given) -> Response:
    return HTMLResponse(given.renderer.page("enrol.html", spoken(request), section=""))


@router.get("/help")
async def explain(given: Given, who: Signed) -> Response:
    return HTMLResponse(given.renderer.page("help.html", who.language, section="help", visitor=who))


@router.post("/sign-out")
async def sign_out(given: Given, who: Acting) -> Response:
    given.sessions.end(who.identifier)
    return _left(given)


@router.post("/sign-out-everywhere")
async def sign_out_everywhere(given: Given, who: Acting) -> Response:
    given.sessions.end_all_of(who.session.key)
    return _left(given)


@router.post("/language")
async def choose_language(request: Request, given: Given, _: OwnPage) -> Response:
    chosen = (await visitors.posted(request)).get("language", "")
    answer = RedirectResponse("/", 303)
    if chosen in CATALOGUES:
        visitors.set_language(answer, given, chosen)
    return answer


@router.get("/static/{name}")
async def static(name: str, request: Request) -> Response:
    asset = _ASSETS.get(name)
    if asset is None:
        raise Conflict("static.not_found", "there is no such file")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@router.get("/identicon.svg")
async def identicon(of: str, _: Signed) -> Response:
    drawn = svg(of[:TEXT_MAX])
    return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": _KEPT})


@router.get("/health")
async def health(given: Given) -> Response:
    """For whoever watches the process: nothing about what waits."""
    well = given.mirror.filled and given.mirror.failing is None
    said = b'{"status":"ok"}' if well else b'{"status":"cooler does not answer"}'
    return Response(said, 200 if well else 503, media_type="application/json")


@router.get("/metrics")
async def metrics(given: Given, _: Signed) -> Response:
    return Response(generate_latest(given.metrics), media_type=CONTENT_TYPE_LATEST)


def _left(given: Given) -> Response:
    answer = RedirectResponse("/sign-in", 303)
    visitors.drop_session(answer, given)
    return answer
