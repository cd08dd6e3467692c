"""The desk put together from what its composition root found outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge

from keepcool.chains.families import Families
from keepcool.desk.bounds import Rate
from keepcool.desk.deciding import Deciding
from keepcool.desk.http.parts import Parts
from keepcool.desk.item import Items
from keepcool.desk.mirror import Mirror
from keepcool.desk.naming import Names
from keepcool.desk.ordering import Ordering
from keepcool.desk.pages.rendering import Renderer
from keepcool.desk.sessions import Sessions
from keepcool.desk.settings import DeskSettings
from keepcool.desk.signers import Asking, Signers
from keepcool.desk.signing_in import SigningIn
from keepcool.desk.telling import Receiver, Telling
from keepcool.ports.mail import Marks
from keepcool.ports.system import Clock, Entropy
from keepcool.wire.webauthn import Site


@dataclass(frozen=True, slots=True)
class Outside:
    """What the desk is built on."""

    settings: DeskSettings
    exchange: Asking
    clock: Clock
    entropy: Entropy
    families: Families
    metrics: CollectorRegistry


def assembled(outside: Outside) -> Parts:
    settings, clock, entropy = outside.settings, outside.clock, outside.entropy
    site = Site(settings.rp_id, frozenset({settings.origin}))
    signers = Signers(outside.exchange, clock, settings.signer_timeout_s)
    items, names = Items(signers, outside.families), Names(settings.assets)
    parts = Parts(
        settings=settings,
        clock=clock,
        families=outside.families,
        names=names,
        renderer=Renderer(settings.title, names, clock, origin=settings.origin, rp_id=settings.rp_id),
        signers=signers,
        items=items,
        mirror=Mirror(signers, clock),
        sessions=Sessions(settings.sessions, clock, entropy),
        signing_in=SigningIn(signers, site, settings.origin, clock, entropy),
        deciding=Deciding(items, signers, clock, site, settings.approval_lives_s_max),
        ordering=Ordering(signers, clock, entropy, site),
        sign_in_rate=Rate(clock, settings.http.sign_ins_per_minute_max),
        request_rate=Rate(clock, settings.http.requests_per_minute_max),
        metrics=outside.metrics,
    )
    _numbers(parts)
    return parts


def telling(parts: Parts, receivers: Sequence[Receiver], marks: Marks) -> Telling:
    return Telling(parts.mirror, receivers, marks, parts.clock, parts.settings.notify.tries_max)


def _numbers(parts: Parts) -> None:
    found: dict[str, tuple[str, Callable[[], float]]] = {
        "keepcool_desk_waiting": ("Intents that wait for people.", lambda: parts.mirror.news.waiting),
        "keepcool_desk_sessions": ("Sessions not ended.", lambda: len(parts.sessions)),
        "keepcool_desk_streams": ("Pages that listen.", lambda: parts.streams),
    }
    for name, (about, reading) in found.items():
        Gauge(name, about, registry=parts.metrics).set_function(reading)
