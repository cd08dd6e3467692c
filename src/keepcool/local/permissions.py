"""Who may say what on the bus: the least that each service needs, from the table of messages.

A service may publish the requests it sends, subscribe to the ones it serves under its own queue group,
read its own inbox, and answer each request once. Nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core.parties import Service
from keepcool.wire.requests import REQUESTS

SERVED: Mapping[Service, tuple[str, ...]] = {
    Service.KEEPER: (
        "addresses.attest.v1",
        "approvals.v1",
        "freeze.v1",
        "orders.v1",
        "people.v1",
        "purse.sign.v1",
        "review.v1",
        "reviews.v1",
        "sign.v1",
        "signed.find.v1",
        "status.v1",
        "wallets.create.v1",
        "wallets.list.v1",
        "wallets.prove.v1",
        "wallets.register.v1",
        "wallets.rekey.v1",
        "wallets.renew.v1",
        "wallets.reseal.v1",
        "wallets.reserve.v1",
        "witness.v1",
    ),
    Service.COOLER: (
        "addresses.attest.v1",
        "approvals.v1",
        "freeze.v1",
        "orders.v1",
        "people.v1",
        "review.v1",
        "reviews.v1",
        "sign.v1",
        "signed.find.v1",
        "status.v1",
        "wallets.attest.v1",
        "wallets.list.v1",
        "wallets.rekey.v1",
        "wallets.renew.v1",
        "witness.v1",
    ),
}
ON_THE_BUS = (Service.APP, Service.KEEPER, Service.COOLER, Service.WATCHTOWER, Service.DESK)


@dataclass(frozen=True, slots=True)
class Permissions:
    """NATS subjects. A subscription "subject group" allows that queue group and no plain subscription."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool


def permissions_of(service: Service) -> Permissions:
    name = service.value
    publish = [
        f"rpc.{server.value}.{typ}"
        for server, types in SERVED.items()
        for typ in types
        if server is not service and name in REQUESTS[typ].senders
    ]
    served = SERVED.get(service, ())
    subscribe = [f"rpc.{name}.{typ} {name}" for typ in served] + [f"_INBOX_{name}.>"]
    return Permissions(tuple(sorted(publish)), tuple(subscribe), answers=bool(served))
