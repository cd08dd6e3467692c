"""What owners sign: handed in with an API key, or through a signing link by the page that asks them."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.http.fields import In, Out, PersonKeyText, Time
from keepcool.app.http.money import PayoutPath
from keepcool.app.http.parts import Credentials, Given, Parts, Payer
from keepcool.app.http.payouts_shown import ReviewOut, WithdrawalOut, whole
from keepcool.app.http.service import AssetOut, listed_assets
from keepcool.app.payouts import links
from keepcool.core.approvals import USER_KIND
from keepcool.core.errors import Malformed, Refused
from keepcool.core.intent import Evidence

router = APIRouter(prefix="/v1", tags=["owners' signatures"])
_LINK_LIFETIME_S = 86_400


class EvidenceIn(In):
    """`proof`: base64 of the JSON of a proof, `{"type":"ed25519","signature":...}` or `{"type":"passkey",
    "authenticator_data":...,"client_data":...,"signature":...}`, each field base64."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,32}$")] = USER_KIND
    key: PersonKeyText
    proof: Annotated[str, StringConstraints(min_length=1, max_length=32_768)]


class LinkIn(In):
    lifetime_s: Annotated[int, Field(ge=60, le=links.LIFETIME_S_MAX)] = _LINK_LIFETIME_S


class LinkOut(Out):
    """`path` belongs behind the origin of the page; what follows # is sent to no server."""

    path: str
    token: str
    expires_at_ms: Time


class SigningOut(Out):
    """What the page shows and has signed. `rp_id`: of passkeys; empty: none are taken here. `assets` are
    App's word: what counts are the base units of the intent."""

    withdrawal: str
    wallet: str
    address: str
    state: str
    reason: str
    rp_id: str
    review: ReviewOut | None
    assets: list[AssetOut]


@router.post("/withdrawals/{withdrawal}/evidence", summary="Hand in the owner's signature")
async def hand_in(given: Given, _: Payer, withdrawal: PayoutPath, body: EvidenceIn) -> WithdrawalOut:
    """Checked against the key in the wallet's attested record, kept for the intent as it is now, and shown to
    both signers at once. Sent again it changes nothing."""
    return await _handed_in(given, withdrawal, body)


@router.post("/withdrawals/{withdrawal}/link", status_code=201, summary="A link for its owner to sign by")
async def make_link(given: Given, _: Payer, withdrawal: PayoutPath, body: LinkIn) -> LinkOut:
    """Whoever has it may read this one intent and hand in the owner's signature, nothing else."""

    def work(tx: Connection) -> links.Link:
        one, now_ms = given.payouts.get(tx, withdrawal), given.clock.now_ms()
        return links.make(tx, one.id, lifetime_s=body.lifetime_s, now_ms=now_ms, entropy=given.entropy)

    made = await given.store.run(work)
    return LinkOut(path=f"/sign#{made.text}", token=made.text, expires_at_ms=made.expires_at_ms)


async def linked(request: Request, given: Given, credentials: Credentials) -> str:
    """The withdrawal of the link this call bears."""
    if credentials is None:
        raise Refused("auth.missing", "send Authorization: Bearer <what follows # in the link>")
    now_ms, text = given.clock.now_ms(), credentials.credentials
    found = await given.store.read(lambda tx: links.opened(tx, text, now_ms))
    request.scope["keepcool.caller"] = f"link of {found}"
    return found


Linked = Annotated[str, Depends(linked)]


@router.get("/signing", summary="What a link asks to sign")
async def signing(given: Given, withdrawal: Linked) -> SigningOut:
    """Bears the link in place of an API key."""

    def work(tx: Connection) -> SigningOut:
        one = given.payouts.get(tx, withdrawal)
        told = whole(tx, given.attesters, one)
        return SigningOut(
            withdrawal=one.id,
            wallet=one.wallet,
            address=given.attesters.wallet(tx, one.wallet).address,
            state=told.state,
            reason=told.reason,
            rp_id=given.settings.users.rp_id,
            review=told.review,
            assets=[asset for asset in listed_assets(given.settings) if asset.network == one.network],
        )

    return await given.store.read(work)


@router.post("/signing", summary="Hand in the owner's signature by a link")
async def sign(given: Given, withdrawal: Linked, body: EvidenceIn) -> SigningOut:
    """As `POST /v1/withdrawals/{withdrawal}/evidence`."""
    await _handed_in(given, withdrawal, body)
    return await signing(given, withdrawal)


async def _handed_in(given: Parts, withdrawal: str, body: EvidenceIn) -> WithdrawalOut:
    try:
        proof = Evidence(body.kind, body.key, base64.b64decode(body.proof, validate=True))
    except ValueError as error:
        raise Malformed("evidence.proof", "proof is base64 of a proof's JSON") from error

    def work(tx: Connection) -> WithdrawalOut:
        one = given.payouts.consent(tx, withdrawal, proof, given.settings.users.site)
        return whole(tx, given.attesters, one)

    answer = await given.store.run(work)
    given.engine.wake()
    return answer
