"""A keystore's configuration and its service's policy say exactly what they must."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.adapters.openbao.capabilities import excess, questions
from keepcool.core.parties import Service
from keepcool.local.keystore import KeystorePlan, configuration, write_configuration
from keepcool.local.provision import policy


def test_the_configuration_is_closed_and_can_be_carried() -> None:
    """TLS 1.3 only, no web page, an audit file for its owner alone, and no absolute path."""
    text = configuration(KeystorePlan(Service.COOLER, 8484, 8485))
    assert 'tls_min_version = "tls13"' in text
    assert 'mode = "0600"' in text
    assert "ui = false" in text
    assert 'address = "127.0.0.1:8484"' in text
    assert ' = "/' not in text


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    """Folder 0700, file 0600."""
    write_configuration(tmp_path / "k", KeystorePlan(Service.COOLER, 1, 2))
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "k" / "openbao.hcl").stat().st_mode & 0o777 == 0o600


def test_a_service_may_use_its_own_key_and_is_denied_its_peers() -> None:
    """The policy names its own key for update and the peer's for deny."""
    text = policy(Service.KEEPER, [Service.COOLER])
    assert 'path "transit/decrypt/keeper-seeds" { capabilities = ["update"] }' in text
    assert 'path "transit/+/cooler-seeds" { capabilities = ["deny"] }' in text
    assert "export" not in text


def held(own: str, forbidden: list[str]) -> dict[str, list[str]]:
    paths = questions(own, forbidden)
    return {path: ["update"] if path.endswith(f"crypt/{own}") else ["deny"] for path in paths}


def test_exactly_the_right_power_is_no_excess() -> None:
    """Update on its own encrypt and decrypt, deny on everything else that is asked about."""
    assert excess("keeper-seeds", ["cooler-seeds"], held("keeper-seeds", ["cooler-seeds"])) == []


@pytest.mark.parametrize("capabilities", [["update"], ["root"], ["read", "list"], ["sudo"], []])
def test_any_power_over_the_peers_key_is_an_excess(capabilities: list[str]) -> None:
    """Whatever it is, and silence as well: only deny is deny."""
    for path in questions("keeper-seeds", ["cooler-seeds"])[2:]:
        powers = held("keeper-seeds", ["cooler-seeds"]) | {path: capabilities}
        found = excess("keeper-seeds", ["cooler-seeds"], powers)
        assert len(found) == 1
        assert path in found[0]


@pytest.mark.parametrize("capabilities", [["deny"], ["root"], ["create", "update"], []])
def test_other_power_over_its_own_key_is_wrong_too(capabilities: list[str]) -> None:
    """Too little and too much."""
    powers = held("keeper-seeds", []) | {"transit/decrypt/keeper-seeds": capabilities}
    assert excess("keeper-seeds", [], powers)
