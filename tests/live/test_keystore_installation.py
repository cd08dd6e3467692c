"""`keepcool init` makes everything or nothing, and `keepcool doctor` finds whatever is broken afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.errors import KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.parties import Service
from keepcool.local import configs
from keepcool.local.certificates import issue_client, make_authority
from keepcool.local.doctor import examine
from keepcool.local.doctor_files import certificates
from keepcool.local.findings import Weight
from keepcool.local.install import install
from keepcool.local.keystore import KeystoreProcess, server_program
from keepcool.local.layout import SIGNERS, Layout, read_shares
from keepcool.local.plan import Plan, Ports, network_plan
from keepcool.local.reach import reach_of
from tests.fixtures.processes import missing, own_folder

pytestmark = pytest.mark.live
Break = Callable[[Layout], None]


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Layout, Plan]]:
    try:
        server_program()
    except Unavailable as error:
        missing("OpenBao", error.public)
    with own_folder("install") as folder:
        plan = Plan(
            folder / "first", (network_plan("eip155:31337", ["http://127.0.0.1:1"]),), Ports.following(0)
        )
        yield install(plan, print, SystemClock(), SystemEntropy()), plan


@pytest.fixture
def copied(made: tuple[Layout, Plan], tmp_path: Path) -> Layout:
    """The installation in another place: nothing in it may know where it lay."""
    shutil.copytree(made[0].folder, tmp_path / "copy", copy_function=shutil.copy2)
    return Layout(tmp_path / "copy")


def wrong(places: Layout, now: datetime | None = None) -> list[str]:
    findings = examine(places, now or datetime.now(UTC), offline=True)
    return [one.code for one in findings if one.weight is Weight.WRONG]


def test_an_installation_is_whole_closed_and_can_be_carried(copied: Layout) -> None:
    """In another folder nothing is wrong with it, nobody else can read it, no file names its old place."""
    assert wrong(copied) == []
    for path in copied.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
        if path.suffix in (".toml", ".hcl", ".conf"):
            assert "/tmp" not in path.read_text()  # noqa: S108 - a search, not a place


def test_secrets_lie_where_they_belong(made: tuple[Layout, Plan]) -> None:
    """Shares, paper and the root and CA keys lie in the root folder alone; no two hosts share a secret."""
    places, plan = made
    for signer in SIGNERS:
        assert len(read_shares(places.shares(signer))) == plan.shares
    offline = [path for path in places.root.rglob("*") if path.is_file() and path.suffix in (".key", ".txt")]
    secrets = {path.read_bytes().strip() for path in offline}
    for host in places.hosts():
        for path in host.rglob("*"):
            if path.is_file() and path.stat().st_size < 100_000:
                held = path.read_bytes()
                assert not [secret for secret in secrets if secret in held], path


def test_refuses_a_folder_that_holds_something(made: tuple[Layout, Plan]) -> None:
    """An installation is never overwritten."""
    places, plan = made
    before = sorted(path.name for path in places.folder.rglob("*"))
    with pytest.raises(Refused, match=r"init\.exists"):
        install(plan, print, SystemClock(), SystemEntropy())
    assert sorted(path.name for path in places.folder.rglob("*")) == before


@pytest.mark.parametrize("half", ["", "{}", '{"public_key": "02ff"}', '{"public_key": 7}'])
def test_a_failed_init_leaves_nothing(made: tuple[Layout, Plan], tmp_path: Path, half: str) -> None:
    """With a cold key that is none there is an error, no folder, and no process."""
    cold = tmp_path / "cold.pub.json"
    cold.write_text(half)
    plan = replace(made[1], folder=tmp_path / "new", cold=cold)
    with pytest.raises(Malformed):
        install(plan, print, SystemClock(), SystemEntropy())
    assert [path.name for path in tmp_path.iterdir()] == ["cold.pub.json"]


def test_a_failure_while_keystores_run_leaves_nothing(made: tuple[Layout, Plan], tmp_path: Path) -> None:
    """A step that fails late ends the keystores and removes what was made."""
    plan = replace(made[1], folder=tmp_path / "new", threshold=4)
    with pytest.raises(Refused, match=r"keystore\.shares"):
        install(plan, print, SystemClock(), SystemEntropy())
    assert list(tmp_path.iterdir()) == []


def test_a_cold_key_made_elsewhere_is_pinned_and_no_paper_is_here(
    made: tuple[Layout, Plan], tmp_path: Path
) -> None:
    """With --cold both signers pin that key and the installation never saw its words; with keystores in files
    nothing is wrong with it, and no passphrase lies beside the file it opens."""
    half = (made[0].paper / "cold" / "cold.pub.json").read_bytes()
    (tmp_path / "cold.pub.json").write_bytes(half)
    plan = replace(made[1], folder=tmp_path / "new", cold=tmp_path / "cold.pub.json", keystore="local")
    places = install(plan, print, SystemClock(), SystemEntropy())
    assert wrong(places) == []
    for signer in SIGNERS:
        (word,) = [file.read_bytes().strip() for file in places.shares(signer).iterdir()]
        held = [file.read_bytes() for file in places.service(signer).rglob("*") if file.is_file()]
        assert not places.keystore(signer).exists()
        assert not [raw for raw in held if word in raw]
    key: str = msgspec.json.decode(half)["public_key"]
    assert not (places.paper / "cold").exists()
    assert all(key in places.config(signer).read_text() for signer in SIGNERS)


def test_doctor_works_on_one_host_of_many(copied: Layout) -> None:
    """Keeper's folder alone, carried to its host, is examined by itself."""
    for host in [copied.root, *copied.hosts()]:
        if host != copied.service(Service.KEEPER):
            shutil.rmtree(host)
    assert wrong(copied) == []
    (copied.service(Service.KEEPER) / "inner.key").unlink()
    assert "doctor.missing" in wrong(copied)


def edited(name: str, old: str, new: str) -> Break:
    def change(places: Layout) -> None:
        file = places.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return change


def copy(source: str, target: str) -> Break:
    return lambda places: _copy(places.folder / source, places.folder / target)


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target)


def pins_cold_as_cool(places: Layout) -> None:
    for signer in SIGNERS:
        file = places.config(signer)
        lines = file.read_text().splitlines()
        cold = next(line for line in lines if line.startswith("cold_public_key"))
        same = [cold.replace("cold", "cool", 1) if line.startswith("cool_") else line for line in lines]
        file.write_text("\n".join(same) + "\n")


def certified_by_a_stranger(places: Layout) -> None:
    folder = places.service(Service.APP) / "bus"
    (folder / "client.key").unlink()
    stranger = make_authority("stranger", int(datetime.now(UTC).timestamp()))
    now_s = int(datetime.now(UTC).timestamp())
    issue_client(stranger, "app", folder / "client.pem", folder / "client.key", now_s)
    (folder / "client.pem").chmod(0o600)


APP_PIN = "[peers.app]\nsigning_key = "
SHARE = "root/keeper-keystore/share-1.txt"
# What is broken together does not hide one another: each stands with its code and a word of what is said.
BREAKS: list[list[tuple[str, Break, str, str]]] = [
    [
        (
            "a file is gone",
            lambda places: (places.broker / "server.pem").unlink(),
            "doctor.missing",
            "server.pem",
        ),
        ("others can read", lambda places: (places.root / "ca.key").chmod(0o644), "doctor.rights", "ca.key"),
        ("an unknown key", edited("app/app.toml", "[http]", "colour = 1\n[http]"), "doctor.config", "colour"),
        (
            "another's TLS key",
            copy("app/bus/client.key", "keeper/bus/client.key"),
            "doctor.certificate",
            "keeper/bus",
        ),
        ("a policy edited", edited("cooler/policy.toml", "ETH", "ETX"), "policy.signature", ""),
        ("another's inner key", copy("keeper/inner.key", "cooler/inner.key"), "doctor.shared", "inner.key"),
        ("a share beside keys", copy(SHARE, "keeper/share-1.txt"), "doctor.root_file", "share-1.txt"),
    ],
    [
        ("a stranger's certificate", certified_by_a_stranger, "doctor.certificate", "app/bus"),
        ("no signature", edited("keeper/policy.toml.sig", "0", "x"), "policy.signature_form", ""),
        (
            "another's identity",
            copy("cooler/identity/journal.key", "keeper/data/x.key"),
            "guard.foreign_key",
            "x.key",
        ),
        ("one paper key", pins_cold_as_cool, "doctor.paper", "one key"),
        (
            "another account",
            edited("keeper/keeper.toml", "/44h/60h/1h", "/44h/60h/2h"),
            "doctor.paper",
            "accounts",
        ),
        (
            "a broken broker file",
            edited("broker/nats.conf", "jetstream {", "jetstream {{"),
            "doctor.broker",
            "",
        ),
    ],
    [
        ("another root key", copy("operator/api.key", "root/root.pub"), "doctor.root_key", "root.pub"),
        (
            "a pin that is none",
            edited("cooler/cooler.toml", f'{APP_PIN}"', f'{APP_PIN}"00'),
            "settings.peer",
            "",
        ),
        ("one audit device", edited("keeper-keystore/openbao.hcl", 'audit "file" "to-s', '#"'), "", ""),
    ],
]


@pytest.mark.parametrize("together", BREAKS, ids=["first", "second", "third"])
def test_doctor_finds_what_is_broken(copied: Layout, together: list[tuple[str, Break, str, str]]) -> None:
    """Each break is found under its code, with a mend; unbroken, nothing is found (see above)."""
    for _, spoil, _, _ in together:
        spoil(copied)
    findings = examine(copied, datetime.now(UTC), offline=True)
    for name, _, code, word in together:
        weight = Weight.WRONG if code else Weight.WARNING
        wanted = code or "doctor.one_audit"
        assert [
            one for one in findings if one.code == wanted and one.weight is weight and word in one.text
        ], (name, findings)
    assert all(one.mend for one in findings)


def test_doctor_finds_a_pin_that_is_another_key(copied: Layout) -> None:
    """A pinned key that is not what the peer has is found, and the mend gives the right one."""
    places = copied
    own = (places.operator / "operator.toml").read_text()
    keeper = next(line for line in own.splitlines() if line.startswith("keeper")).split('"')[1]
    edited("cooler/cooler.toml", keeper, "ab" * 32)(places)
    edited("operator/operator.toml", keeper, "cd" * 32)(places)
    findings = [one for one in examine(places, datetime.now(UTC), offline=True) if one.code == "doctor.pin"]
    assert len(findings) == 2
    assert all(keeper in one.mend for one in findings)


@pytest.mark.parametrize(
    ("days", "code"), [(810, "doctor.expires"), (830, "doctor.expired"), (-3, "doctor.expired")]
)
def test_doctor_reads_the_calendar(made: tuple[Layout, Plan], days: int, code: str) -> None:
    """Certificates about to end, ended, or not yet begun are found."""
    findings = certificates(made[0], datetime.now(UTC) + timedelta(days=days))
    assert {one.code for one in findings} == {code}


def test_doctor_tells_a_sealed_keystore_from_a_quiet_one(made: tuple[Layout, Plan]) -> None:
    """With only Keeper's keystore up and sealed: sealed is said of it, quiet of the rest."""
    places, plan = made
    folder = places.keystore(Service.KEEPER)
    process = KeystoreProcess(
        folder, configs.keystore_plan(Service.KEEPER, plan.ports), folder / "log" / "t.log"
    )
    process.start()
    try:
        codes = [one.code for one in examine(places, datetime.now(UTC))]
        assert "keystore.sealed" in codes
        assert codes.count("doctor.quiet") == len(reach_of(places).ports()) - 1
        process.unseal(read_shares(places.shares(Service.KEEPER))[1:])
        assert "keystore.sealed" not in [one.code for one in examine(places, datetime.now(UTC))]
    finally:
        process.stop()


def test_doctor_refuses_a_folder_that_is_none(tmp_path: Path) -> None:
    """A wrong folder is said to be one."""
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(KeepcoolError, match=r"doctor\.folder"):
            examine(Layout(folder), datetime.now(UTC))
