"""A service looks around before it starts, and says what it will not live with."""

from __future__ import annotations

from pathlib import Path

import pytest
from nacl.bindings import crypto_scalarmult_base, crypto_sign_seed_keypair

from keepcool.adapters import guard
from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import Profile

COOLER_SEED = bytes(range(32))
COOLER = Peer(Service.COOLER, crypto_sign_seed_keypair(COOLER_SEED)[0], crypto_scalarmult_base(b"\x07" * 32))


def keeper_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keeper"
    folder.mkdir()
    secret = folder / "signing.key"
    secret.write_text("11" * 32)
    secret.chmod(0o600)
    return folder


def test_a_folder_in_order_has_no_findings(tmp_path: Path) -> None:
    """A private folder with only its own keys and no neighbour is accepted."""
    folder = keeper_folder(tmp_path)
    assert guard.survey(folder, Service.KEEPER, [COOLER], one_machine=False) == []


def test_refuses_a_key_that_others_can_read(tmp_path: Path) -> None:
    """A readable key stops the service, and is only a warning when everything is on one machine."""
    folder = keeper_folder(tmp_path)
    (folder / "signing.key").chmod(0o644)
    findings = guard.survey(folder, Service.KEEPER, [COOLER], one_machine=False)
    with pytest.raises(Refused, match="chmod 600"):
        guard.refuse_fatal(findings)
    warned = guard.refuse_fatal(guard.survey(folder, Service.KEEPER, [COOLER], one_machine=True))
    assert len(warned) == 1


@pytest.mark.parametrize("one_machine", [True, False])
def test_refuses_a_key_of_its_peer_in_its_own_folder(tmp_path: Path, one_machine: bool) -> None:
    """Cooler's key in Keeper's folder stops Keeper, one machine or not, whatever the file is called."""
    folder = keeper_folder(tmp_path)
    stray = folder / "notes.txt"
    stray.write_text(COOLER_SEED.hex() + "\n")
    stray.chmod(0o600)
    with pytest.raises(Refused, match="key of cooler"):
        guard.refuse_fatal(guard.survey(folder, Service.KEEPER, [COOLER], one_machine=one_machine))


def test_refuses_a_neighbour_with_the_second_key(tmp_path: Path) -> None:
    """The other signer's folder within reach stops a signer, and warns on one machine."""
    folder = keeper_folder(tmp_path)
    (tmp_path / "cooler").mkdir()
    (tmp_path / "cooler" / "signing.key").write_text("22" * 32)
    with pytest.raises(Refused, match="host of their own"):
        guard.refuse_fatal(guard.survey(folder, Service.KEEPER, [COOLER], one_machine=False))
    assert guard.refuse_fatal(guard.survey(folder, Service.KEEPER, [COOLER], one_machine=True))


@pytest.mark.parametrize("service", [Service.KEEPER, Service.COOLER])
def test_refuses_app_beside_a_signer(tmp_path: Path, service: Service) -> None:
    """App's files within a signer's reach stop it; the profile by name permits it to Keeper alone."""
    folder = tmp_path / service.value
    folder.mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.toml").write_text("")
    permitted = frozenset({Profile.KEEPER_WITH_APP})
    with pytest.raises(Refused, match="files of app"):
        guard.refuse_fatal(guard.survey(folder, service, [], one_machine=False))
    findings = guard.survey(folder, service, [], one_machine=False, profiles=permitted)
    assert [one.fatal for one in findings] == [service is Service.COOLER]
    other = guard.survey(folder, service, [], one_machine=False, profiles=frozenset({Profile.REQUEST_KEYS}))
    assert [one.fatal for one in other] == [True]
