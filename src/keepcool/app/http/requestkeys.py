"""/v1/wallets/{wallet}/request-key: the key that opens its hot key at Keeper, lent or changed.

Law: a key is in no answer, no log and no error.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field, SecretStr

from keepcool.app.http.fields import In, Out, Time
from keepcool.app.http.parts import Given, Payer, WalletMaker
from keepcool.app.requestkeys.office import KeyOffice
from keepcool.core.errors import Malformed, Refused

router = APIRouter(prefix="/v1", tags=["wallets"])
WalletPath = Annotated[str, Path(max_length=64)]
KeyText = Annotated[SecretStr, Field(min_length=64, max_length=64, description="32 bytes, hex.")]


class LendIn(In):
    """`key`: what `keepcool wallet key` derives from the user's password."""

    key: KeyText


class LentOut(Out):
    until_ms: Time


class ChangeIn(In):
    """`before`: the key that opens it now, where the user alone has it. `key`: the user's from now on; left
    out, App draws one and keeps it."""

    key: KeyText | None = None
    before: KeyText | None = None


class ChangedOut(Out):
    kept_by: Annotated[str, Field(description="app | user")]


@router.post("/wallets/{wallet}/request-key", summary="Lend a wallet's own key for a while")
async def lend_key(given: Given, _: Payer, wallet: WalletPath, body: LendIn) -> LentOut:
    """Payments out of the wallet are signed as long as it is lent (15 minutes), in memory alone."""
    return LentOut(until_ms=_office(given).lend(wallet, _bytes(body.key)))


@router.put("/wallets/{wallet}/request-key", summary="Another key of its own for a wallet")
async def change_key(given: Given, caller: WalletMaker, wallet: WalletPath, body: ChangeIn) -> ChangedOut:
    """A changed password, or a wallet handed over to its user. Keeper proves the key that opens it now."""
    before = None if body.before is None else _bytes(body.before)
    after = None if body.key is None else _bytes(body.key)
    await _office(given).change(wallet, before, after, by=caller.name)
    return ChangedOut(kept_by="app" if after is None else "user")


def _office(given: Given) -> KeyOffice:
    if given.request_keys is None:
        raise Refused("request_key.off", 'no wallet has a key of its own here: profiles = ["request-keys"]')
    return given.request_keys


def _bytes(text: SecretStr) -> bytes:
    try:
        return bytes.fromhex(text.get_secret_value())
    except ValueError as error:
        raise Malformed("request_key.form", "a wallet's own key is 64 hex digits") from error
