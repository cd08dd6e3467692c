"""What every route of the desk is given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from keepcool.chains.families import Families
from keepcool.desk.bounds import Rate
from keepcool.desk.deciding import Deciding
from keepcool.desk.item import Items
from keepcool.desk.mirror import Mirror
from keepcool.desk.naming import Names
from keepcool.desk.ordering import Ordering
from keepcool.desk.pages.rendering import Renderer
from keepcool.desk.sessions import Sessions
from keepcool.desk.settings import DeskSettings
from keepcool.desk.signers import Signers
from keepcool.desk.signing_in import SigningIn
from keepcool.ports.system import Clock


@dataclass(slots=True)
class Parts:
    """`stop` ends what has no end of its own (streams); `streams` counts them."""

    settings: DeskSettings
    clock: Clock
    families: Families
    names: Names
    renderer: Renderer
    signers: Signers
    items: Items
    mirror: Mirror
    sessions: Sessions
    signing_in: SigningIn
    deciding: Deciding
    ordering: Ordering
    sign_in_rate: Rate
    request_rate: Rate
    metrics: CollectorRegistry
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Given = Annotated[Parts, Depends(parts_of)]
