"""The desk as a process of its own: on a real broker with least rights, reached over HTTP and by commands."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.cli import main as cli
from keepcool.cli.desk_keys import file_key
from keepcool.cli.desk_site import DeskSite
from keepcool.core.parties import Peer, Service
from keepcool.local import adminkeys
from keepcool.local.identities import make_identity, pinned
from keepcool.local.process import ChildProcess, free_port
from keepcool.local.tomltext import rendered
from keepcool.wire.exchange import Exchange
from tests.fixtures.broker import LiveBroker, running_broker
from tests.fixtures.processes import own_folder
from tests.unit.desk import samples
from tests.unit.desk.house import PlaySigner
from tests.unit.wire import cast as c

pytestmark = pytest.mark.live
PASSPHRASE = "a long enough passphrase"
_READY_S = 90


@dataclass
class Desk:
    folder: Path
    origin: str
    cooler: PlaySigner
    keeper: PlaySigner
    key: Path

    def command(self, *words: str) -> int:
        own = ("--url", self.origin, "--key", str(self.key), "--passphrase-file", str(self.folder / "words"))
        return cli.main(["desk", *words, *own])

    def wait(self, name: str, **lie: object) -> str:
        """Both signers put this to wait; Cooler may lie about it."""
        of = samples.intent(name)
        honest = samples.review("keeper", of=of)
        self.keeper.reviews[of.hash()] = honest
        said = msgspec.structs.replace(honest, policy=self.cooler.policy, **lie)
        self.cooler.reviews[of.hash()] = said
        return of.hash()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with running_broker() as broker, own_folder("desk") as folder:
        names = (Service.DESK, Service.COOLER, Service.KEEPER)
        peers = {one: make_identity(folder / one.value, one, SystemEntropy()) for one in names}
        origin = f"http://localhost:{(port := free_port())}"
        (folder / "words").write_text(PASSPHRASE)
        key = folder / "clerk.key"
        clerk = adminkeys.new_key(key, PASSPHRASE.encode())
        cooler, keeper = PlaySigner(Service.COOLER), PlaySigner(Service.KEEPER)
        for one in (cooler, keeper):
            one.people = [
                msgspec.structs.replace(who, key=clerk) if who.name == "clerk" else who for who in one.people
            ]
        config = folder / "desk" / "desk.toml"
        config.write_text(rendered(settings(broker, peers, origin, port)))
        config.chmod(0o600)
        words = [sys.executable, "-m", "keepcool.desk", "--config", str(config)]
        child = ChildProcess("desk", words, folder, folder / "desk.log")
        child.start()
        try:
            with signing(broker, folder, peers, (cooler, keeper)):
                child.wait_ready(lambda: healthy(origin), _READY_S)
                yield Desk(folder, origin, cooler, keeper, key)
        finally:
            ended = child.terminate()
        assert ended == 0, child.log_tail()


def settings(broker: LiveBroker, peers: dict[Service, Peer], origin: str, port: int) -> dict[str, object]:
    address = broker.address(Service.DESK)
    return {
        "identity": ".",
        "origin": origin,
        "rp_id": "localhost",
        "poll_s": 0.2,
        "http": {"port": port},
        "bus": {
            "url": address.url,
            "nkey_seed": str(address.nkey_seed),
            "ca": str(address.ca),
            "certificate": str(address.certificate),
            "certificate_key": str(address.certificate_key),
        },
        "peers": {
            one.value: msgspec.to_builtins(pinned(peers[one])) for one in (Service.COOLER, Service.KEEPER)
        },
    }


@contextmanager
def signing(
    broker: LiveBroker, folder: Path, peers: dict[Service, Peer], signers: tuple[PlaySigner, ...]
) -> Iterator[None]:
    """Both signers' places on the bus, in a thread of their own."""
    ready, ending = threading.Event(), list[Callable[[], object]]()

    async def serve() -> None:
        buses = []
        for one in signers:
            bus, _ = await broker.bus(one.service)
            buses.append(bus)
            identity = FileIdentity.load(folder / one.service.value, one.service)
            exchange = Exchange(identity, peers.values(), bus, SystemClock(), c.Dice(one.service.value))
            await one.serve(exchange)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ending.append(partial(loop.call_soon_threadsafe, stop.set))
        ready.set()
        await stop.wait()
        for bus in buses:
            await bus.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(_READY_S)
        yield
    finally:
        for end in ending:
            end()
        thread.join(_READY_S)


def healthy(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_command_reads_and_approves(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Over broker and HTTP a person reads what the bytes do, and approves with a key from a file."""
    hashed = desk.wait("cli-1")
    assert desk.command("show", hashed) == 0
    told = capsys.readouterr().out
    assert f"Pays           {5 * 10**18} of {samples.ETH} to {samples.ALICE}" in told
    assert "DIFFERS" not in told
    assert desk.command("approve", hashed, "--reason", "seen", "--yes") == 0
    assert desk.cooler.taken[-1] == desk.keeper.taken[-1] == f"approve {hashed} clerk"


def test_a_command_believes_no_summary(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Where what the desk passes on is not what its bytes do, the command says so and signs nothing; a
    rejection is carried."""
    hashed = desk.wait("cli-2", effects_hash="00" * 32)
    before = list(desk.cooler.taken)
    assert desk.command("show", hashed) == 2
    assert "DIFFERS" in capsys.readouterr().out
    assert desk.command("approve", hashed, "--reason", "seen", "--yes") == 2
    assert "nothing was signed" in capsys.readouterr().err
    assert desk.cooler.taken == before


def test_drafts_are_saved_for_inspection(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The saved draft is what `keepcool inspect` reads, and it tells the same payment."""
    hashed = desk.wait("cli-3")
    folder = desk.folder / "saved"
    assert desk.command("show", hashed, "--save", str(folder)) == 0
    capsys.readouterr()
    (file,) = folder.iterdir()
    assert cli.main(["inspect", "evm", str(file), "--profile", samples.PROFILE, "--json"]) == 0
    effects = json.loads(capsys.readouterr().out)["effects"]
    assert effects["payments"][0]["recipient"] == samples.ALICE


def test_the_list_follows_what_waits(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """What begins to wait is listed without anybody asking the signers again."""
    hashed = desk.wait("cli-4")
    for _ in range(_READY_S):
        assert desk.command("list") == 0
        if hashed in capsys.readouterr().out:
            return
    pytest.fail("the desk never listed it")


def test_a_page_hears_what_begins_to_wait(desk: Desk) -> None:
    """The stream tells of an item that begins to wait; without a session there is none."""
    site = DeskSite(desk.origin)
    try:
        assert site._http.get("/live").status_code == 401
        site.sign_in(file_key(desk.key, desk.folder / "words"))
        with site._http.stream("GET", "/live", headers=site._own(), timeout=_READY_S) as stream:
            told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
            before = next(told)
            desk.wait("live-1")
            after = next(told)
            assert after["version"] != before["version"]
            assert after["waiting"] == before["waiting"] + 1
    finally:
        site.close()
