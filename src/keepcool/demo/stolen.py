"""App in a thief's hands: its identity files and its place on the bus, all that it has and nothing else."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from keepcool.app import config
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.parties import Service
from keepcool.local import busplace
from keepcool.local.layout import Layout
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    Declined,
    Failure,
    Message,
    SignAnswer,
    StatusAnswer,
    StatusRequest,
    WalletsAnswer,
)
from keepcool.wire.reviews import ApprovalsAnswer

_TIMEOUT_S = 20.0
_PLAINEST = "hazards"  # the rule whose words tell the most


@dataclass(frozen=True, slots=True)
class StolenApp:
    """Asks a signer for anything."""

    exchange: Exchange

    async def refused(self, signer: Service, typ: str, body: Message) -> str:
        """Why the signer will not; "" when it does."""
        try:
            answer = await self.exchange.ask(signer, typ, body, _TIMEOUT_S)
        except KeepcoolError as error:
            return error.public
        if not isinstance(answer, SignAnswer | ApprovalsAnswer | WalletsAnswer):
            return ""
        [item] = answer.items
        match item:
            case Failure():
                return item.problem.text
            case Declined():
                return _objection(item)
        return ""

    async def frozen(self, signer: Service) -> list[str]:
        answer = await self.exchange.ask(signer, "status.v1", StatusRequest(), _TIMEOUT_S)
        if not isinstance(answer, StatusAnswer):
            raise Malformed("demo.status", f"{signer} does not say how it stands")
        return list(answer.frozen)


@contextlib.asynccontextmanager
async def taken_over(places: Layout) -> AsyncIterator[StolenApp]:
    """On the bus in App's place, which must have ended."""
    settings, folder = config.load(places.config(Service.APP)), places.service(Service.APP)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the broker ends a connection
    identity = folder / settings.identity
    async with busplace.taken(Service.APP, identity, settings.bus, settings.peers, beside=folder) as exchange:
        yield StolenApp(exchange)


def _objection(said: Declined) -> str:
    """The plainest no; what is missing where there is none."""
    spoken = [one for one in said.verdicts if one.outcome != "approved"]
    denied = [one for one in spoken if one.outcome == "denied"]
    return min(denied or spoken, key=lambda one: one.rule != _PLAINEST).reason
