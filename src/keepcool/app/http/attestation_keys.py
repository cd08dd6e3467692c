"""The root key's lists of attestation keys, handed on as they were signed."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from keepcool.app.http.fields import Out
from keepcool.app.http.parts import Given, Reader
from keepcool.core.succession import parse_succession

router = APIRouter(prefix="/v1", tags=["wallets"])


class KeyListOut(Out):
    """Which attestation keys of a signer count. Verify the signature under the root key you pinned."""

    service: str
    statement: Annotated[str, Field(description="Canonical bytes, base64.")]
    signature: Annotated[str, Field(description="Of the installation's root key (Ed25519), base64.")]


class KeyListsOut(Out):
    items: list[KeyListOut]


@router.get("/attestation-keys", summary="Attestation keys that follow the pinned ones")
async def attestation_keys(given: Given, _: Reader) -> KeyListsOut:
    items = [
        KeyListOut(
            service=parse_succession(one.statement).service.value,
            statement=base64.b64encode(one.statement).decode("ascii"),
            signature=base64.b64encode(one.signature).decode("ascii"),
        )
        for one in given.attesters.listed.signed
    ]
    return KeyListsOut(items=items)
