"""Identity keys in files: made once, one per purpose, readable by nobody else."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local.identities import make_identity, pinned
from keepcool.ports.settings import PeerSettings

ENTROPY = SystemEntropy()


def made(folder: Path, service: Service = Service.KEEPER) -> FileIdentity:
    make_identity(folder, service, ENTROPY)
    return FileIdentity.load(folder, service)


def test_a_signer_has_four_keys_and_app_two(tmp_path: Path) -> None:
    """Each purpose has its own file of mode 0600, and its own public key."""
    keeper, app = made(tmp_path / "k").peer(), made(tmp_path / "a", Service.APP).peer()
    keys = {keeper.signing_key, keeper.sealing_key, keeper.attestation_key, keeper.journal_key}
    assert len(keys) == 4
    assert None not in keys
    assert (app.attestation_key, app.journal_key) == (None, None)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "k").iterdir()} == {0o600}


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    """Making an identity where one stands is refused, and the old keys remain."""
    before = made(tmp_path).peer()
    with pytest.raises(FileExistsError):
        make_identity(tmp_path, Service.KEEPER, ENTROPY)
    assert FileIdentity.load(tmp_path, Service.KEEPER).peer() == before


def test_each_signature_verifies_under_its_own_key_alone(tmp_path: Path) -> None:
    """Messages, attestations and heads are signed by different keys."""
    keeper = made(tmp_path)
    peer = keeper.peer()
    assert peer.attestation_key is not None
    assert peer.journal_key is not None
    VerifyKey(peer.signing_key).verify(b"m", keeper.sign(b"m"))
    VerifyKey(peer.attestation_key).verify(b"m", keeper.attest(b"m"))
    VerifyKey(peer.journal_key).verify(b"m", keeper.state_head(b"m"))
    with pytest.raises(BadSignatureError):
        VerifyKey(peer.attestation_key).verify(b"m", keeper.sign(b"m"))


def test_a_service_without_the_duty_refuses_it(tmp_path: Path) -> None:
    """App attests nothing and keeps no journal."""
    app = made(tmp_path, Service.APP)
    for act in (app.attest, app.state_head):
        with pytest.raises(Refused):
            act(b"m")


def test_a_box_opens_for_its_two_ends_alone(tmp_path: Path) -> None:
    """Sealed to Cooler by Keeper: Cooler opens it as Keeper's, App does not, and nothing altered opens."""
    keeper, cooler = made(tmp_path / "k"), made(tmp_path / "c", Service.COOLER)
    app = made(tmp_path / "a", Service.APP)
    sealed = keeper.seal(cooler.peer().sealing_key, b"hello", ENTROPY(24))
    assert cooler.open(keeper.peer().sealing_key, sealed) == b"hello"
    for identity, sender, box in [
        (app, keeper, sealed),
        (cooler, app, sealed),
        (cooler, keeper, sealed[:-1]),
        (cooler, keeper, b""),
    ]:
        with pytest.raises(Malformed):
            identity.open(sender.peer().sealing_key, box)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A readable key stops the service; on one machine for everything it is a warning with the mend."""
    assert made(tmp_path).warnings == ()
    (tmp_path / "journal.key").chmod(0o640)
    with pytest.raises(Refused) as caught:
        FileIdentity.load(tmp_path, Service.KEEPER)
    assert caught.value.code == "identity.readable"
    (warning,) = FileIdentity.load(tmp_path, Service.KEEPER, one_machine=True).warnings
    assert "chmod 600" in warning


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31, "00" * 33, "é", "0" * 9000])
def test_a_malformed_key_is_refused_unspoken(tmp_path: Path, content: str) -> None:
    """Anything but 64 hex digits is refused, and the file's text is not in the error."""
    made(tmp_path)
    (tmp_path / "sealing.key").write_text(content)
    with pytest.raises(Refused) as caught:
        FileIdentity.load(tmp_path, Service.KEEPER)
    assert not content or content not in str(caught.value)


def test_a_missing_or_linked_key_is_not_followed(tmp_path: Path) -> None:
    """A missing file and a symbolic link are both refused."""
    made(tmp_path)
    (tmp_path / "sealing.key").rename(tmp_path / "moved")
    with pytest.raises(Unavailable):
        FileIdentity.load(tmp_path, Service.KEEPER)
    (tmp_path / "sealing.key").symlink_to(tmp_path / "moved")
    with pytest.raises(Unavailable):
        FileIdentity.load(tmp_path, Service.KEEPER)


def test_one_key_for_two_purposes_is_refused(tmp_path: Path) -> None:
    """A key file copied over another stops the service."""
    made(tmp_path)
    (tmp_path / "journal.key").write_bytes((tmp_path / "signing.key").read_bytes())
    with pytest.raises(Refused) as caught:
        FileIdentity.load(tmp_path, Service.KEEPER)
    assert caught.value.code == "identity.shared"


def test_an_identity_does_not_leave_its_process(tmp_path: Path) -> None:
    """No copy, no pickle, and no private byte in its repr."""
    keeper = made(tmp_path)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(keeper)
    assert (tmp_path / "signing.key").read_text().strip() not in repr(keeper)


def test_peers_come_from_the_settings(tmp_path: Path) -> None:
    """What make_identity pins in a TOML file is read back as the same peer; bad keys are refused."""
    peer = make_identity(tmp_path, Service.COOLER, ENTROPY)
    assert peers_of({"cooler": pinned(peer)}) == (peer,)
    good = pinned(peer)
    for name, settings in [
        ("nobody", good),
        ("cooler", PeerSettings(signing_key="00", sealing_key=good.sealing_key)),
        ("cooler", PeerSettings(signing_key=good.signing_key, sealing_key="")),
        ("cooler", PeerSettings(signing_key=good.signing_key, sealing_key="x" * 64)),
    ]:
        with pytest.raises(Refused):
            peers_of({name: settings})
