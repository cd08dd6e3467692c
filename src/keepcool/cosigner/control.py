"""What a signer's own host may tell it while it runs, the bus up or down: freeze, an order, how it stands.

Laws: an order is judged as on the bus, so the host thaws nothing and brings no policy by itself; a freeze is
durable when it is answered; a command is one byte, what it speaks of JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import TypeVar

import msgspec

from keepcool.core.errors import Breach, KeepcoolError, Malformed, rebuild
from keepcool.core.secret import Secret
from keepcool.cosigner import hosting
from keepcool.cosigner.freezes import place_of
from keepcool.cosigner.policies import governed
from keepcool.cosigner.service import Signer
from keepcool.ports.signer_store import LOST
from keepcool.wire.reviews import SubmitOrder

FRAME_BYTES_MAX = 1024 * 1024
BY = "local command"
_Body = TypeVar("_Body", bound=msgspec.Struct)
Deed = Callable[[bytearray], Awaitable[str]]
Answer = Callable[[bytearray], Awaitable[bytes]]
_log = logging.getLogger("keepcool.signer")


class Verb(IntEnum):
    """Those of both signers; Keeper's lock has its own below them."""

    FREEZE, ORDER, STATUS, JOURNAL = 16, 17, 18, 19


class FreezeCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: str
    target: str
    reason: str


class JournalCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of entries beyond `after`."""

    after: int


class _Told(msgspec.Struct, frozen=True):
    """What came of it, or an error: its kind, code and text."""

    state: str = ""
    kind: str = ""
    code: str = ""
    text: str = ""


def frame(verb: Verb, body: bytes = b"") -> Secret:
    """The command as it is sent."""
    return Secret(bytearray(bytes([verb]) + body))


def freeze_frame(level: str, target: str, reason: str) -> Secret:
    return frame(Verb.FREEZE, msgspec.json.encode(FreezeCommand(level, target, reason)))


def journal_frame(after: int) -> Secret:
    return frame(Verb.JOURNAL, msgspec.json.encode(JournalCommand(after)))


def deeds(signer: Signer) -> dict[int, Deed]:
    """What every signer does, by command."""

    async def freeze(body: bytearray) -> str:
        told = _decoded(body, FreezeCommand)
        place = place_of(told.level, told.target)
        await signer.ordering.freeze(place, told.reason, BY)
        _log.warning("frozen by a local command", extra={"freeze": told.level, "target": told.target})
        return _json({"frozen": signer.freezes.all()})

    async def order(body: bytearray) -> str:
        pending = await signer.ordering.submit(_decoded(body, SubmitOrder))
        _log.warning("an order came", extra={"order": pending.order, "state": pending.state})
        return _json({"order": _shown(pending), "frozen": signer.freezes.all()})

    async def status(_: bytearray) -> str:
        return _json(standing(signer))

    async def journal(body: bytearray) -> str:
        return _json({"entries": hosting.page(signer.foundation.store, _decoded(body, JournalCommand).after)})

    known = (freeze, order, status, journal)
    return {one: _watched(signer, deed) for one, deed in zip(Verb, known, strict=True)}


def standing(signer: Signer) -> dict[str, object]:
    """How a signer stands, for the people of its host."""
    return {
        **signer.health(),
        "service": signer.foundation.own.service.value,
        "installation": signer.foundation.installation,
        "governed": governed(signer.policy),
        "administrators": sorted(signer.policy.administrators),
        "orders": [_shown(one) for one in signer.ordering.shown()],
    }


async def answer(known: Mapping[int, Deed], raw: bytearray) -> bytes:
    """Does what the frame says and tells what came of it. Never raises."""
    try:
        deed = known.get(raw[0])
        if deed is None:
            raise Malformed(
                "control.verb", "the service does not know this command; is the tool of another release?"
            )
        body = raw[1:]
        with Secret(body):
            return msgspec.json.encode(_Told(state=await deed(body)))
    except KeepcoolError as error:
        _log.warning("a local command was refused", extra={"code": error.code})
        return msgspec.json.encode(_Told(kind=error.kind, code=error.code, text=error.public))


def understood(told: bytes) -> str:
    """What came of it. Raises what the service reported."""
    try:
        found = msgspec.json.decode(told, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            "control.answer", "the service's answer is not understood; is it of this release?"
        ) from error
    if found.code:
        raise rebuild(found.kind, found.code, found.text)
    return found.state


def _watched(signer: Signer, deed: Deed) -> Deed:
    """A disk that lost what it confirmed ends the process, whoever found out."""

    async def watched(body: bytearray) -> str:
        try:
            return await deed(body)
        except Breach as error:
            if error.code == LOST:
                signer.lost.set()
            raise

    return watched


def _shown(pending: msgspec.Struct) -> object:
    return msgspec.to_builtins(pending)


def _json(plain: Mapping[str, object]) -> str:
    return json.dumps(plain)


def _decoded(body: bytearray, form: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("control.body", "what the command speaks of is not understood") from error
