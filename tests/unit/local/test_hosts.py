"""An installation taken apart: each folder has its own host's files, names the servers, and no other key."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.cli.main import main
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.local import broker, hosts, layout, rewriting
from keepcool.local.brokerhosts import Cluster
from keepcool.local.certificates import make_authority, write_authority
from keepcool.local.hosts import Hosts
from keepcool.local.keystore import CONFIG, KeystorePlan, configuration
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.rewriting import Address, address

NOW_S = 1_700_000_000
BUSES = (Address("bus-a", 4222), Address("bus-b", 4222), Address("bus-c", 4223))
KEYSTORES = {Service.KEEPER: Address("ks-k", 8200), Service.COOLER: Address("ks-c", 8300)}


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    """As `keepcool init` leaves it, with the least in each file."""
    made = Layout(tmp_path / "kc")
    made.make([Service.DESK])
    write_authority(make_authority("test", NOW_S), made.root / layout.CA, made.ca_key)
    nkeys = {one: broker.make_nkey(SystemEntropy()) for one in (*layout.SERVICES, Service.DESK)}
    users = {service: one.public for service, one in nkeys.items()}
    files = broker.BrokerFiles(*(Path(name) for name in ("nats.conf", "c", "s", "k", "j")))
    provision = broker.make_nkey(SystemEntropy()).public
    (made.broker / layout.NATS_CONFIG).write_text(broker.configuration(files, 4222, users, provision))
    for service, nkey in nkeys.items():
        (made.service(service) / layout.BUS / layout.NKEY).write_bytes(nkey.seed)
        table = '[bus]\nurl = "tls://127.0.0.1:4222"\n'
        if service in SIGNERS:
            table += '\n[keystore]\nurl = "https://127.0.0.1:8200"\n'
        made.config(service).write_text(f"# mine\n{table}\n")
    for signer in SIGNERS:
        text = configuration(KeystorePlan(signer, 8200, 8201))
        (made.keystore(signer) / CONFIG).write_text(text)
        (made.service(signer) / layout.DATA / f"{signer.value}.sock").touch()
    (made.operator / "operator.toml").write_text('url = "http://127.0.0.1:8480"\n')
    return made


def contents(folder: Path) -> Mapping[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def split(places: Layout, into: Path, *brokers: Address, url: str = "") -> list[str]:
    wanted = Hosts(Cluster(brokers or BUSES), KEYSTORES, url)
    return hosts.split(places, into, wanted, NOW_S, lambda _: None)


def test_each_host_has_its_own_files_and_no_other_hosts_key(places: Layout, tmp_path: Path) -> None:
    """Nothing of root leaves, nothing private lies in two folders, nothing of a process that ran goes."""
    made = split(places, tmp_path / "out")
    assert made == [
        *("broker-1", "broker-2", "broker-3", "keeper-keystore", "cooler-keystore"),
        *("keeper", "cooler", "app", "desk", "operator"),
    ]
    private = [
        raw
        for name in made
        for file, raw in contents(tmp_path / "out" / name).items()
        if file.endswith((".key", ".seed"))
    ]
    assert len(set(private)) == len(private)
    assert not set(private) & set(contents(places.root).values())
    assert not list((tmp_path / "out").rglob("*.sock"))


def test_services_are_told_where_the_servers_are(places: Layout, tmp_path: Path) -> None:
    """The line that named this machine names the hosts, and no other line is touched."""
    split(places, tmp_path / "out", url="https://api.example")
    keeper = (tmp_path / "out/keeper/keeper.toml").read_text()
    assert 'url = "tls://bus-a:4222,tls://bus-b:4222,tls://bus-c:4223"' in keeper
    assert 'url = "https://ks-k:8200"' in keeper
    assert keeper.startswith("# mine\n")
    assert 'api_addr = "https://ks-c:8300"' in (tmp_path / "out/cooler-keystore" / CONFIG).read_text()
    assert "https://api.example" in (tmp_path / "out/operator/operator.toml").read_text()


def test_a_folder_says_whether_it_arrived_whole(places: Layout, tmp_path: Path) -> None:
    """`sha256sum -c` agrees, and disagrees when a byte is another."""
    split(places, tmp_path / "out")
    folder = tmp_path / "out/keeper"
    check = ["sha256sum", "-c", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder, check=False).returncode == 0
    (folder / "keeper.toml").write_text("another")
    assert subprocess.run(check, cwd=folder, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("lacks", ["root/ca.key", "broker/nats.conf", "keeper/keeper.toml"])
def test_what_is_not_whole_is_not_taken_apart(places: Layout, tmp_path: Path, lacks: str) -> None:
    """Refused with the file that is missing, and nothing is left behind."""
    (places.folder / lacks).unlink()
    with pytest.raises(Refused):
        split(places, tmp_path / "out")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kc"]


def test_a_running_installation_is_not_taken_apart(places: Layout, tmp_path: Path) -> None:
    """`up` holds the folder: refused, and nothing is written."""
    with rewriting.at_rest(places), pytest.raises(Refused, match="runs"):
        split(places, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(places: Layout, tmp_path: Path) -> None:
    """Refused, and what lay there lies there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        split(places, tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine": b"mine"}


def test_a_line_that_is_not_there_is_not_guessed(places: Layout, tmp_path: Path) -> None:
    """A file whose servers are written otherwise than by us is refused and named."""
    places.config(Service.APP).write_text("[bus]\nurl = 'tls://127.0.0.1:4222'\n")
    with pytest.raises(Refused, match=r"app\.toml"):
        split(places, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_broker_keeps_and_three_do_not(places: Layout, tmp_path: Path) -> None:
    """One server alone: no routes, and its store. Three: each has routes to the two others, and no store."""
    split(places, tmp_path / "one", Address("bus", 4222))
    alone = (tmp_path / "one/broker/nats.conf").read_text()
    assert "jetstream {" in alone
    assert "cluster {" not in alone
    split(places, tmp_path / "three")
    for number, others in enumerate((("b", "c"), ("a", "c"), ("a", "b")), 1):
        text = (tmp_path / f"three/broker-{number}/nats.conf").read_text()
        routes = ", ".join(f'"nats-route://bus-{one}:6222"' for one in others)
        assert f"routes: [{routes}]" in text
        assert "jetstream {" not in text
        assert broker.users_in(text) == broker.users_in(alone)


def test_brokers_are_made_anew_without_any_services_folder(places: Layout, tmp_path: Path) -> None:
    """From root and a nats.conf alone, years later: the same services, the same authority of routes."""
    split(places, tmp_path / "out")
    later = Layout(tmp_path / "later")
    later.broker.mkdir(parents=True)
    places.root.rename(later.root)
    (tmp_path / "out/broker-2/nats.conf").rename(later.broker / layout.NATS_CONFIG)
    assert hosts.brokers(later, tmp_path / "new", Cluster(BUSES), NOW_S) == [
        "broker-1",
        "broker-2",
        "broker-3",
    ]
    old, new = (contents(tmp_path / name / "broker-1") for name in ("out", "new"))
    assert old["nats.conf"] == new["nats.conf"]
    assert old["routes-ca.pem"] == new["routes-ca.pem"]
    assert old["server.pem"] != new["server.pem"]


@pytest.mark.parametrize("text", ["", "bus:0", "bus:65536", 'b"us', "bus/x", "-bus", "bus:x", "b us"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing that would end up in a configuration as something else."""
    with pytest.raises(Malformed):
        address(text, 4222)


def test_an_address_has_a_port_of_its_kind() -> None:
    """The usual one, unless another is written."""
    assert address("bus.internal", 4222) == Address("bus.internal", 4222)
    assert address("10.0.0.1:99", 4222) == Address("10.0.0.1", 99)


def test_certificates_are_made_anew_from_root_alone(places: Layout, tmp_path: Path) -> None:
    """For a service and a keystore, by the same authority, each file where it lies in its part's folder, and
    nothing else."""
    later = Layout(tmp_path / "later")
    later.folder.mkdir()
    places.root.rename(later.root)
    words = ["certificates", str(later.folder), "--into", str(tmp_path / "new")]
    assert main(["hosts", *words, "--part", "keeper", "--part", "cooler-keystore=ks-c"]) == 0
    made = set(contents(tmp_path / "new"))
    assert made == {
        *(f"keeper/bus/{name}" for name in ("ca.pem", "client.key", "client.pem")),
        *(f"cooler-keystore/{name}" for name in ("ca.pem", "server.key", "server.pem")),
        *("keeper/SHA256SUMS", "cooler-keystore/SHA256SUMS"),
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(tmp_path / "new/keeper/bus/client.pem", tmp_path / "new/keeper/bus/client.key")


@pytest.mark.parametrize("part", ["keeper=host", "cooler-keystore", "cooler-keystore=a b", "broker", ""])
def test_a_part_without_its_host_is_no_part(places: Layout, tmp_path: Path, part: str) -> None:
    """Refused, and nothing is written."""
    words = ["certificates", str(places.folder), "--into", str(tmp_path / "new"), "--part", part]
    assert main(["hosts", *words]) == 2
    assert not (tmp_path / "new").exists()
