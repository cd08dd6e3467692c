"""App as its own process, started by the console script against a real broker."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.parties import Service
from keepcool.local.identities import make_identity
from tests.fixtures.broker import LiveBroker, running_broker
from tests.unit.app.http.test_config import GOOD, KEY

pytestmark = pytest.mark.live
TOOL = Path(sys.executable).parent / "keepcool"
FORBIDDEN = ("keepcool.hazmat", "eth_account", "mnemonic")
START_TIMEOUT_S, STOP_TIMEOUT_S = 60, 30


@pytest.fixture(scope="module")
def broker() -> Iterator[LiveBroker]:
    with running_broker() as made:
        yield made


@dataclass
class Place:
    """App's own folder, and the processes a test started in it."""

    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "app.toml"

    @property
    def log(self) -> Path:
        return self.folder / "app.log"

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, *options, str(TOOL), "app", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.started.append(subprocess.Popen([*words, "--one-machine"], stderr=log))
        return self.started[-1]

    def url(self) -> str:
        """Where it listens. Fails when it ends or does not say so in time."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            for line in self.told():
                if line.get("event") == "listening":
                    return str(line["url"])
            assert self.started[-1].poll() is None, self.log.read_text()[-2000:]
            time.sleep(0.05)
        pytest.fail(f"App does not listen: {self.log.read_text()[-2000:]}")

    def told(self) -> list[dict[str, object]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ended(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(STOP_TIMEOUT_S)


@pytest.fixture
def place(tmp_path: Path, broker: LiveBroker) -> Iterator[Place]:
    folder = tmp_path / "app"
    make_identity(folder / "identity", Service.APP, SystemEntropy())
    address = broker.address(Service.APP)
    text = GOOD.replace("[bus]", "[http]\nport = 0\n\n[bus]")
    changes = {
        "tls://127.0.0.1:4222": address.url,
        '"app.nk"': f'"{address.nkey_seed}"',
        '"ca.pem"': f'"{address.ca}"',
        '"app.pem"': f'"{address.certificate}"',
        '"app.key"': f'"{address.certificate_key}"',
        "http://127.0.0.1:8545": "http://127.0.0.1:9",
    }
    for number, peer in enumerate(("[peers.keeper]", "[peers.cooler]"), 1):
        head, _, tail = text.partition(peer)
        text = head + peer + tail.replace(KEY, f"{number:02x}" * 32, 3)
    for old, new in changes.items():
        text = text.replace(old, new)
    made = Place(folder)
    made.config.write_text(text, encoding="utf-8")
    made.config.chmod(0o600)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_TIMEOUT_S)


def test_a_running_app_has_loaded_no_key_library(place: Place) -> None:
    """Started through the console script, serving, asked everything open, ended: no import of hazmat or
    of a library that holds private keys."""
    process = place.start("-X", "importtime")
    url = place.url()
    assert httpx.get(f"{url}/docs").status_code == 200
    assert httpx.get(f"{url}/openapi.json").json()["info"]["title"] == "keepcool"
    assert place.ended(process) == 0
    imports = [line for line in place.log.read_text().splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip() for line in imports}
    assert "keepcool.app.main" in names
    found = {name for name in names for bad in FORBIDDEN if name == bad or name.startswith(bad + ".")}
    assert not found


def test_it_serves_while_signers_and_nodes_are_away(place: Place) -> None:
    """Health names what is missing by its code; the rest answers; SIGTERM ends it cleanly."""
    process = place.start()
    url = place.url()
    answer = httpx.get(f"{url}/health", timeout=20)
    parts = answer.json()["parts"]
    assert answer.status_code == 503
    assert (parts["database"], parts["keeper"], parts["cooler"]) == ("ok", "bus.nobody", "bus.nobody")
    assert parts["node eip155:31337"] != "ok"
    assert httpx.get(f"{url}/metrics").status_code == 200
    assert place.ended(process) == 0
    assert place.told()[-1]["event"] == "stopped"


def test_a_second_app_on_the_same_database_says_why(place: Place) -> None:
    """The second process ends with one clear line, and the first goes on."""
    process = place.start()
    url = place.url()
    words = [str(TOOL), "app", "run", "--config", str(place.config), "--one-machine"]
    second = subprocess.run(words, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    assert second.returncode == 2
    assert "another App process has app.sqlite open" in second.stderr
    assert httpx.get(f"{url}/openapi.json").status_code == 200
    assert place.ended(process, signal.SIGINT) == 0


def test_a_taken_port_is_told(place: Place) -> None:
    """When something else listens there, App names the address and does not start."""
    process = place.start()
    port = place.url().rpartition(":")[2]
    other = place.config.read_text().replace("port = 0", f"port = {port}")
    place.config.write_text(other.replace("app.sqlite", "other.sqlite"))
    words = [str(TOOL), "app", "run", "--config", str(place.config), "--one-machine"]
    second = subprocess.run(words, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    assert second.returncode == 2
    assert f"port {port}" in second.stderr
    assert place.ended(process) == 0


def test_an_api_key_made_beside_a_running_app_works_at_once(place: Place) -> None:
    """The command needs no restart; a revoked key stops working as promptly."""
    process = place.start()
    url = place.url()
    config = ("--config", str(place.config), "--name", "shop")
    words = [str(TOOL), "app", "api-key"]
    made = subprocess.run(
        [*words, "new", *config, "--scopes", "read"], capture_output=True, text=True, check=True
    )
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert httpx.get(f"{url}/v1/users", headers=headers).status_code == 200
    subprocess.run([*words, "revoke", *config], capture_output=True, check=True)
    assert httpx.get(f"{url}/v1/users", headers=headers).status_code == 401
    assert made.stdout.strip() not in place.log.read_text()
    assert place.ended(process) == 0


def test_a_killed_app_starts_again(place: Place) -> None:
    """After kill -9 the lock is free and the same database serves."""
    process = place.start()
    place.url()
    assert place.ended(process, signal.SIGKILL) == -signal.SIGKILL
    place.log.unlink()
    again = place.start()
    assert httpx.get(f"{place.url()}/openapi.json").status_code == 200
    assert place.ended(again) == 0


def test_edited_books_keep_it_from_starting(place: Place) -> None:
    """A balance changed behind App's back is found before anything is served."""
    process = place.start()
    place.url()
    assert place.ended(process) == 0
    with sqlite3.connect(place.folder / "app.sqlite") as books:
        books.execute("INSERT INTO balance VALUES ('owed:mallory', 'eip155:31337/slip44:60', '9')")
    books.close()
    words = [str(TOOL), "app", "run", "--config", str(place.config), "--one-machine"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    assert run.returncode == 2
    assert "owed:mallory" in run.stderr
    assert "books.differ" in run.stderr


def test_keys_readable_by_others_keep_it_from_starting(place: Place) -> None:
    """Without --one-machine a readable key file is refused with the mend."""
    os.chmod(place.folder / "identity" / "signing.key", 0o644)  # noqa: PTH101
    words = [str(TOOL), "app", "run", "--config", str(place.config)]
    run = subprocess.run(words, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    assert run.returncode == 2
    assert "chmod 600" in run.stderr
