"""All services at `debug`, a whole payment, a webhook: no log has a secret, and every line has its fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.adapters.system.logs import LEVELS
from keepcool.core.parties import Service
from tests.fixtures.installation import COIN, House
from tests.fixtures.secretsearch import leaks, secrets_of, spellings

pytestmark = pytest.mark.live
# The last words of a process that did not start, when a test before had stopped what it needs.
REFUSAL = re.compile(r"keepcool: .+ \[keystore\.unreachable\]")
DEBUG = {"KEEPCOOL_LOG": "debug"}
SERVICES = ("keeper", "cooler", "app")


@pytest.fixture(scope="module")
def secrets(house: House) -> Iterator[dict[str, set[str]]]:
    """What must not be found, after a flow in which all of it was used."""
    with house.edited(Service.APP, lambda text: text + '\n[events]\nwebhook_networks = ["127.0.0.0/8"]\n'):
        house.restart(*SERVICES, env=DEBUG)
    webhook = house.client.webhooks.add("http://127.0.0.1:9/nobody", ["withdrawal.*"])
    house.paid_once(
        house.client.withdraw(house.deployed().id, house.eth, COIN, to := house.outside()), to, COIN
    )
    known = secrets_of(house.places) | {"webhook": spellings(webhook.secret)}
    yield known
    house.client.webhooks.remove(webhook.webhook.id)
    house.restart(*SERVICES)


def logs(house: House) -> list[Path]:
    return sorted(house.places.folder.glob("*/log/*"))


def test_no_log_has_a_secret(house: House, secrets: dict[str, set[str]]) -> None:
    """Of broker, keystores, signers and App; keys, seeds, shares, AppRole, API key, webhook secret, paper."""
    assert len(secrets) > 25
    assert len(logs(house)) >= len(house.installation.parts)
    found = {str(log): leaks(secrets, log.read_text(errors="replace")) for log in logs(house)}
    assert not {log: names for log, names in found.items() if names}


def test_a_secret_that_is_planted_is_found(secrets: dict[str, set[str]]) -> None:
    """The search has teeth: each secret in each spelling, among other text and in capitals."""
    for name, forms in secrets.items():
        for form in forms:
            assert name in leaks(secrets, f'{{"event": "x", "note": "got {form.upper()}!"}}')


def test_every_line_of_a_service_has_its_fields(house: House, secrets: dict[str, set[str]]) -> None:
    """One object a line, with the fields of docs/reference/logs.md; each step of a withdrawal names it."""
    for name in SERVICES:
        lines = house.child(name).log.read_text().splitlines()
        for line in [json.loads(one) for one in lines if one.startswith("{")]:
            assert list(line)[:6] == ["time", "at_ms", "level", "service", "logger", "event"]
            assert (line["service"], line["level"] in LEVELS) == (name, True)
            assert line["event"] != "withdrawal" or line["withdrawal"]
        assert not [one for one in lines if not one.startswith("{") and not REFUSAL.fullmatch(one)]
