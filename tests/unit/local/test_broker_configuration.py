"""The broker's permissions: what the table of messages needs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local.broker import MAX_PAYLOAD_BYTES, BrokerFiles, configuration, make_nkey, outdated
from keepcool.local.permissions import ON_THE_BUS, SERVED, permissions_of
from keepcool.wire.requests import REQUESTS

FILES = BrokerFiles(*(Path(name) for name in ("nats.conf", "ca.pem", "server.pem", "server.key", "js")))


def test_every_request_has_somebody_who_serves_it() -> None:
    """Each type of the messages is served, and nothing is served that is no message."""
    assert {typ for types in SERVED.values() for typ in types} == set(REQUESTS)


@pytest.mark.parametrize("service", ON_THE_BUS)
def test_a_service_publishes_only_what_it_may_send(service: Service) -> None:
    """Every subject is a request this service is a sender of; no wildcard, and nothing to itself."""
    for subject in permissions_of(service).publish:
        _, server, typ = subject.split(".", 2)
        assert service.value in REQUESTS[typ].senders
        assert server != service.value
        assert ">" not in subject
        assert "*" not in subject


@pytest.mark.parametrize("service", ON_THE_BUS)
def test_a_service_hears_only_itself(service: Service) -> None:
    """Subscriptions are its own inbox, and its own requests under its own queue group."""
    for subject in permissions_of(service).subscribe:
        name = service.value
        assert subject == f"_INBOX_{name}.>" or (
            subject.startswith(f"rpc.{name}.") and subject.endswith(f" {name}")
        )


def test_every_frame_fits_under_what_the_broker_carries() -> None:
    """The largest request and its headers pass; nats-server advises against more than 8 MiB."""
    largest = max(kind.frame_bytes_max for kind in REQUESTS.values())
    assert largest + 64 * 1024 <= MAX_PAYLOAD_BYTES <= 8 * 1024 * 1024


def test_app_serves_nothing_and_the_desk_only_asks() -> None:
    """App answers nobody; the desk may read what waits, carry what people signed and freeze, at both signers,
    and nothing more."""
    assert not permissions_of(Service.APP).answers
    asked = ("approvals.v1", "freeze.v1", "orders.v1", "people.v1", "review.v1", "reviews.v1")
    wanted = tuple(f"rpc.{signer}.{one}" for signer in ("cooler", "keeper") for one in asked)
    assert permissions_of(Service.DESK).publish == wanted
    assert not permissions_of(Service.DESK).answers


def test_the_signers_witness_each_other() -> None:
    """Keeper may ask Cooler for one thing, and Cooler Keeper: to witness."""
    assert permissions_of(Service.KEEPER).publish == ("rpc.cooler.witness.v1",)
    assert permissions_of(Service.COOLER).publish == ("rpc.keeper.witness.v1",)


def test_the_configuration_holds_no_seed_and_one_key_per_service() -> None:
    """nats.conf names public nkeys only; a key given twice is refused."""
    nkeys = {service: make_nkey(SystemEntropy()) for service in ON_THE_BUS}
    provision = make_nkey(SystemEntropy()).public
    text = configuration(FILES, 4222, {service: one.public for service, one in nkeys.items()}, provision)
    for nkey in nkeys.values():
        assert nkey.public in text
        assert nkey.seed.decode() not in text + repr(nkey)
    with pytest.raises(Refused):
        configuration(FILES, 4222, {Service.APP: provision}, provision)


def test_a_configuration_of_an_older_release_is_told_from_todays() -> None:
    """What it lacks is named line by line; today's lacks nothing, also without a watchtower."""
    users = {service: make_nkey(SystemEntropy()).public for service in ON_THE_BUS}
    users.pop(Service.WATCHTOWER)
    text = configuration(FILES, 4222, users, make_nkey(SystemEntropy()).public)
    assert outdated(text) == []
    old = text.replace(f"max_payload: {MAX_PAYLOAD_BYTES}", "max_payload: 1114112")
    old = old.replace('"rpc.keeper.addresses.attest.v1", ', "")
    assert outdated(old) == [
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        'app: publish "rpc.keeper.addresses.attest.v1"',
    ]
