"""App, Keeper, Cooler, desk, brokers and keystores: each on a host of its own, behind its unit's walls."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fixtures.cluster import linked_to
from tests.fixtures.installation import eventually
from tests.fixtures.monitoring import ALERTS, DASHBOARD, used
from tests.fixtures.separate import BUS_PORT, PARTS, SERVICES, Separate, paid, separate_hosts
from tests.fixtures.softkey import ORIGIN

pytestmark = pytest.mark.live
HOST = urlsplit(ORIGIN).netloc


@pytest.fixture(scope="module")
def hosts() -> Iterator[Separate]:
    with separate_hosts() as made:
        yield made


def test_they_pay(hosts: Separate) -> None:
    """With nothing but its own files and what the wire brings, behind its walls, each does its part."""
    paid(hosts.client, hosts.chain, 20_001)
    assert all(hosts.children[part].alive for part in PARTS)


def test_the_desk_answers_on_its_own_host(hosts: Separate) -> None:
    """Its page, from its own host alone; its log says that it is on the bus."""
    eventually(lambda: linked_to(hosts.log("desk")).startswith("tls://"), "the desk is not on the bus")
    config = tomllib.loads((hosts.folders / "desk/desk.toml").read_text())
    address = f"http://127.0.0.1:{config['http']['port']}/"
    code = f"import urllib.request as r; r.urlopen(r.Request({address!r}, headers={{'Host': {HOST!r}}}))"
    asked = ("python3", "-c", code)
    assert (
        "URLError"
        not in subprocess.run(
            hosts.net.inside("desk", *asked), check=False, capture_output=True, text=True
        ).stderr
    )
    elsewhere = subprocess.run(hosts.net.inside("app", *asked), check=False, capture_output=True, text=True)
    assert "Connection refused" in elsewhere.stderr


def told(hosts: Separate) -> set[str]:
    """Names of the numbers that App, signers and desk really tell."""
    texts = [hosts.told("/metrics")]
    files = [hosts.folders / part / "data" / f"{part}.prom" for part in ("keeper", "cooler", "desk")]
    texts += [file.read_text() for file in files]
    return {re.sub("_total$", "", one) for text in texts for one in re.findall(r"# TYPE (\w+) ", text)}


def test_dashboard_and_alerts_ask_for_numbers_that_are_told(hosts: Separate) -> None:
    """Each number of keepcool in them is one that a running service exposes."""
    wanted = {one for file in (DASHBOARD, ALERTS) for one in used(file) if one.startswith("keepcool_")}
    eventually(lambda: wanted <= told(hosts), f"not told: {sorted(wanted - told(hosts))}")


def status(hosts: Separate, part: str) -> dict[str, str]:
    lines = Path(f"/proc/{hosts.children[part].pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("part", SERVICES)
def test_it_tells_its_manager_that_it_is_ready_and_alive(hosts: Separate, part: str) -> None:
    """What its unit (Type=notify, WatchdogSec) has systemd wait for, through the walls."""
    assert [hosts.managers[part].recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]


@pytest.mark.parametrize("part", PARTS)
def test_the_walls_stand(hosts: Separate, part: str) -> None:
    """As its unit orders: a user of its own, no capability, no new privileges, a system call filter."""
    found = status(hosts, part)
    assert found["Uid"].split() == [str(hosts.net.uids[part])] * 4
    assert {int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("part", PARTS)
def test_each_sees_its_own_folder_and_no_other(hosts: Separate, part: str) -> None:
    """In its own view of the file system there is one folder of keepcool, and nothing is writable but that
    folder's data and an empty /tmp."""
    own = f"/proc/{hosts.children[part].pid}/root"
    name = "broker" if part.startswith("broker") else part
    assert [one.name for one in Path(f"{own}/var/lib/keepcool").iterdir()] == [name]
    assert not Path(own + str(hosts.folders)).exists()
    mounts = Path(f"/proc/{hosts.children[part].pid}/mounts").read_text().splitlines()
    writable = {line.split()[1] for line in mounts if line.split()[3].split(",")[0] == "rw"}
    states = {one for one in writable if one.startswith(f"/var/lib/keepcool/{name}")}
    assert states
    assert writable - states <= {"/tmp", "/var/tmp"}  # noqa: S108


def knocked(hosts: Separate, part: str, to: str, port: int) -> bool:
    """Whether that host answers this one at the port."""
    code = f"import socket; socket.create_connection(({to!r}, {port}), 3)"
    argv = hosts.net.inside(part, "python3", "-c", code)
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def test_a_signer_listens_nowhere(hosts: Separate) -> None:
    """No TCP socket listens on the hosts of Keeper and Cooler; those of a broker do."""
    for part, expected in (("keeper", False), ("cooler", False), ("broker-1", True)):
        argv = hosts.net.inside(part, "cat", "/proc/net/tcp", "/proc/net/tcp6")
        rows = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
        listening = [row for row in rows if len(row.split()) > 3 and row.split()[3] == "0A"]
        assert bool(listening) is expected, part


def test_a_broker_is_killed_and_they_pay(hosts: Separate) -> None:
    """kill -9 of the broker App hangs on: linked to another, it pays."""
    victim = linked_to(hosts.log("app")).removeprefix("tls://").partition(":")[0]
    part = next(name for name, address in hosts.net.hosts.items() if address == victim)
    hosts.children[part].kill9()
    paid(hosts.client, hosts.chain, 20_002)
    hosts.children[part].start()
    eventually(lambda: knocked(hosts, "keeper", victim, BUS_PORT), "the broker is not back")
