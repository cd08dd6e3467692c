"""The local keystore's file: its passphrase, its tries, its versions, and what a failed change leaves."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from keepcool.adapters.keystoredesk import KeystoreDesk
from keepcool.adapters.localkeystore import form
from keepcool.adapters.localkeystore.form import FLOOR, Cost
from keepcool.adapters.localkeystore.keystore import LocalKeystore, create
from keepcool.adapters.localkeystore.passphrase import CREDENTIAL, at_hand
from keepcool.adapters.localkeystore.tries import FREE, Tries, pause_s
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.ports.keystore import Bound
from keepcool.ports.settings import KeystoreSettings, LocalKeystoreSettings

WORDS, NOW_S = b"correct horse battery staple", 1_800_000_000
BOUND = Bound("keeper", "w-1", "eip155:1", "hot")


def words(text: bytes = WORDS) -> Secret:
    return Secret(bytearray(text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "keystore.json", words(), SystemEntropy(), FLOOR)
    return tmp_path / "keystore.json"


def opened(path: Path, text: bytes = WORDS, now_s: int = NOW_S) -> LocalKeystore:
    return LocalKeystore.opened(path, words(text), SystemEntropy(), now_s)


def refused(deed: Callable[[], object]) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        deed()
    return caught.value


def test_the_file_is_its_owners_alone_and_holds_no_key(path: Path) -> None:
    """Mode 0600, and what is in it opens nothing without the passphrase; a second one is never made there."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert WORDS not in path.read_bytes()
    before = path.read_bytes()
    error = refused(lambda: create(path, words(), SystemEntropy(), FLOOR))
    assert isinstance(error, Conflict)
    assert path.read_bytes() == before


def test_refuses_another_passphrase_and_nothing_changed(path: Path) -> None:
    """A wrong passphrase opens nothing; the right one does afterwards."""
    before = path.read_bytes()
    assert refused(lambda: opened(path, b"correct horse battery stapler")).code == "keystore.passphrase"
    assert path.read_bytes() == before
    asyncio.run(opened(path).check())


def test_refuses_a_short_passphrase(tmp_path: Path) -> None:
    """What can be guessed is refused before anything is written."""
    assert refused(lambda: create(tmp_path / "k", words(b"short"), SystemEntropy())).code == (
        "keystore.passphrase_short"
    )
    assert list(tmp_path.iterdir()) == []


def test_wrong_passphrases_wait_longer_each_time(path: Path) -> None:
    """After the free tries each wrong one doubles the wait, restarts or not; a right one in time forgets."""
    for _ in range(FREE):
        assert refused(lambda: opened(path, b"wrong" * 4)).code == "keystore.passphrase"
    error = refused(lambda: opened(path))
    assert error.code == "keystore.tries"
    assert refused(lambda: opened(path, b"wrong" * 4, NOW_S + 1)).code == "keystore.passphrase"
    assert refused(lambda: opened(path, now_s=NOW_S + 2)).code == "keystore.tries"
    opened(path, now_s=NOW_S + 3)
    assert not Tries.of(path).path.exists()
    assert [pause_s(n) for n in (1, FREE - 1, FREE, FREE + 3, 10_000)] == [0, 0, 1, 8, 3600]


def test_a_try_is_counted_before_it_is_made(path: Path) -> None:
    """A process that is killed while it tries has spent its try; a spoilt counter gives no fresh ones."""
    tries = Tries.of(path)
    tries.begin(NOW_S)
    assert tries.path.exists()
    tries.path.write_bytes(b"nonsense")
    tries.begin(NOW_S)
    assert refused(lambda: tries.begin(NOW_S)).code == "keystore.tries"


def test_a_clock_set_back_waits_an_hour_at_most(path: Path) -> None:
    """A counter from the future does not lock the keystore for ever."""
    Tries.of(path).path.write_bytes(b'{"wrong": 9, "next_s": 99999999999}')
    error = refused(lambda: opened(path))
    assert error.fields["wait_s"] == 3600


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:0],
        lambda raw: raw.replace(b'"form": 1', b'"form": 2'),
        lambda raw: raw.replace(b'"version": 1', b'"version": 0'),
        lambda raw: raw.replace(str(FLOOR.memory_bytes).encode(), b"8192"),
        lambda raw: raw.replace(f'"operations": {FLOOR.operations}'.encode(), b'"operations": 1'),
    ],
)
def test_refuses_a_file_that_is_none_or_makes_guessing_cheap(
    path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Another form, no key, or a cost below the floor: Malformed, before the passphrase is tried."""
    path.write_bytes(spoil(path.read_bytes()))
    assert isinstance(refused(lambda: opened(path)), Malformed)


def test_refuses_a_data_key_under_another_version(path: Path) -> None:
    """A data key moved to another version in the file does not open."""
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2'))
    assert refused(lambda: opened(path)).code == "keystore.passphrase"


def test_refuses_a_file_others_can_read(path: Path) -> None:
    """A keystore in everybody's sight is not opened."""
    path.chmod(0o644)
    assert refused(lambda: opened(path)).code == "keystore.readable"


def test_rotation_seals_anew_and_retirement_forgets(path: Path) -> None:
    """A rotated key opens what the old one sealed; rewrapped rows survive its retirement, others do not."""

    async def story() -> None:
        keystore = opened(path)
        (row,) = await keystore.seal([(BOUND, b"secret")])
        assert (keystore.version_of(row), await keystore.rotate(), await keystore.newest()) == (1, 2, 2)
        again = opened(path)
        assert await again.unseal([(BOUND, row)], "r") == [b"secret"]
        (fresh,) = await again.rewrap([(BOUND, row)])
        assert again.version_of(fresh) == 2
        with pytest.raises(Refused):
            await again.retire(3)
        await again.retire(2)
        for keystore in (again, opened(path)):
            assert await keystore.unseal([(BOUND, fresh)], "r") == [b"secret"]
            with pytest.raises(Breach):
                await keystore.unseal([(BOUND, row)], "r")

    asyncio.run(story())


def test_a_changed_passphrase_opens_and_the_old_one_does_not(path: Path) -> None:
    """The data keys stay: rows open after the change, with the new passphrase only."""
    new = b"another horse, another staple"

    async def story() -> None:
        keystore = opened(path)
        (row,) = await keystore.seal([(BOUND, b"secret")])
        await keystore.change_passphrase(words(new))
        await keystore.rotate()
        assert await opened(path, new).unseal([(BOUND, row)], "r") == [b"secret"]

    asyncio.run(story())
    assert refused(lambda: opened(path)).code == "keystore.passphrase"


def test_a_change_that_cannot_be_written_changes_nothing(path: Path) -> None:
    """When the folder is gone, rotation is refused, and the keystore goes on sealing with the key it has."""

    async def story() -> None:
        keystore = opened(path)
        (row,) = await keystore.seal([(BOUND, b"secret")])
        path.parent.rename(path.parent.with_name("away"))
        with pytest.raises(Refused):
            await keystore.rotate()
        assert await keystore.newest() == 1
        assert await keystore.unseal([(BOUND, row)], "r") == [b"secret"]

    asyncio.run(story())


def test_check_finds_another_file(path: Path) -> None:
    """A file exchanged under a running service is said to be another."""
    keystore = opened(path)
    form.replace(path, form.KeyFile(bytes(16), FLOOR, form.read(path).sealed))
    with pytest.raises(Refused, match=r"keystore\.changed"):
        asyncio.run(keystore.check())


@pytest.mark.slow
def test_the_usual_cost_is_high(tmp_path: Path) -> None:
    """Without a word of it a keystore costs 256 MiB a try."""
    create(tmp_path / "k", words(), SystemEntropy())
    assert form.read(tmp_path / "k").cost == Cost(3, 2**28)


def test_the_passphrase_at_hand_is_systemds_or_a_files(tmp_path: Path) -> None:
    """A credential comes first, then the file, without their last line end; neither: nobody knows it."""
    settings = LocalKeystoreSettings(file="k", passphrase_file=str(tmp_path / "words"))
    (tmp_path / "words").write_bytes(b"of the file\n")
    (tmp_path / CREDENTIAL).write_bytes(b"of systemd\r\n")
    for file in (tmp_path / "words", tmp_path / CREDENTIAL):
        file.chmod(0o600)
    for environment, wanted in (
        ({"CREDENTIALS_DIRECTORY": str(tmp_path)}, b"of systemd"),
        ({}, b"of the file"),
        ({"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}, b"of the file"),
    ):
        found = at_hand(settings, environment)
        assert found is not None
        with found.opened() as raw:
            assert raw == wanted
    assert at_hand(LocalKeystoreSettings(file="k"), {}) is None


@pytest.mark.parametrize(("content", "mode"), [(b"words\n", 0o640), (b"\n", 0o600), (b"x" * 1026, 0o600)])
def test_refuses_a_passphrase_file_that_is_none(tmp_path: Path, content: bytes, mode: int) -> None:
    """Readable by others, empty or endless: refused, and its content is in no error."""
    file = tmp_path / "words"
    file.write_bytes(content)
    file.chmod(mode)
    settings = LocalKeystoreSettings(file="k", passphrase_file=str(file))
    error = refused(lambda: at_hand(settings, {}))
    assert isinstance(error, Refused)
    assert "words\n" not in error.public


def test_an_operator_changes_the_passphrase_of_a_stopped_service(path: Path) -> None:
    """Stopped: the new passphrase opens it. Running, with a wrong or a short one, or where there is no
    passphrase: refused, and nothing has changed."""
    settings, new = KeystoreSettings(local=LocalKeystoreSettings(str(path))), b"another horse, another staple"
    desk = KeystoreDesk(settings, Service.KEEPER, path.with_name("keeper.sock"))
    before = path.read_bytes()

    def change(old: bytes, wanted: bytes) -> KeepcoolError:
        return refused(lambda: desk.set_passphrase(bytearray(old), bytearray(wanted)))

    assert change(WORDS, b"short").code == "keystore.passphrase_short"
    assert change(b"wrong" * 5, new).code == "keystore.passphrase"
    with socket.socket(socket.AF_UNIX) as running:
        running.bind(str(desk.socket))
        running.listen()
        assert change(WORDS, new).code == "keystore.running"
    bao = KeystoreSettings("https://k", "ca", "role", "secret", "keeper-seeds")
    none = KeystoreDesk(bao, Service.KEEPER, desk.socket)
    assert refused(lambda: none.set_passphrase(bytearray(WORDS), bytearray(new))).code == (
        "keystore.no_passphrase"
    )
    assert path.read_bytes() == before
    assert desk.set_passphrase(bytearray(WORDS), bytearray(new)) == path
    assert path.read_bytes() != before
    opened(path, new)


def test_what_openbao_alone_can_do_is_refused_elsewhere(path: Path, tmp_path: Path) -> None:
    """A local keystore has no operator's role and no secret ids: said so, before any file is read."""
    settings = KeystoreSettings(local=LocalKeystoreSettings(str(path)))
    desk = KeystoreDesk(settings, Service.KEEPER, path.with_name("keeper.sock"))
    assert refused(lambda: desk.rotate(tmp_path)).code == "keystore.operator"
    assert refused(lambda: desk.enroll(tmp_path / "none")).code == "keystore.enroll"
