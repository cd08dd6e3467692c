"""Administrators govern a real Keeper by its commands alone: a policy by quorum and delay, a freeze with the
bus down, a thaw with a report. Whoever has the host and not their keys changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, SeenHead
from keepcool.local.policies import signature
from keepcool.local.running import Installation
from tests.fixtures.red_app import signers_alone

pytestmark = pytest.mark.live
KEEPCOOL = Path(sys.executable).parent / "keepcool"
WORDS = "four words nobody guesses"
WAIT_S = 90.0
GOVERNED = """
[administrators.anna]
key = "{anna}"

[administrators.boris]
key = "{boris}"

[governance]
quorum = 2
delay_s = 3
root_delay_s = 86400
thaw_quorum = 2
thaw_delay_s = 3
rekey_delay_s = 86400
"""


@dataclass
class Host:
    """Keeper's folder on a host of its own, without a broker, and the administrators' keys."""

    folder: Path
    people: Path
    seed: bytes
    child: subprocess.Popen[str] | None = None

    @property
    def config(self) -> str:
        return str(self.folder / "keeper.toml")

    def start(self) -> None:
        argv = [str(KEEPCOOL), "keeper", "run", "--config", self.config]
        self.child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        until(lambda: (self.folder / "data" / "keeper.sock").exists() and self.status() is not None)

    def stop(self) -> None:
        if self.child is not None:
            self.child.terminate()
            self.child.wait(WAIT_S)
            self.child = None

    def status(self) -> dict[str, Any]:
        run = self.run("keeper", "status", "--config", self.config, "--json")
        return dict(json.loads(run.stdout)) if run.returncode == 0 else {}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(KEEPCOOL), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=WAIT_S)

    def done(self, *words: str) -> str:
        run = self.run(*words)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def ordered(self, *words: str) -> Path:
        """An order's file, unsigned."""
        out, status = self.folder / f"order-{time.monotonic_ns()}.json", self.folder / "status.json"
        status.write_text(json.dumps(self.status()))
        self.done("admin", "order", *words, "--status", str(status), "--out", str(out))
        return out

    def sign(self, order: Path, *names: str) -> None:
        for name in names:
            key, words = str(self.people / f"{name}.key"), str(self.people / "words")
            self.done(
                "admin", "sign", str(order), "--key", key, "--name", name, "--yes",
                "--passphrase-file", words,
            )  # fmt: skip

    def submit(self, order: Path) -> subprocess.CompletedProcess[str]:
        return self.run("admin", "submit", str(order), "--signer", "keeper", "--config", self.config)

    def policy(self, change: Callable[[str], str]) -> Path:
        """The next policy as a file of its own."""
        made = self.folder.parent / f"policy-{time.monotonic_ns()}.toml"
        made.write_text(change((self.folder / "policy.toml").read_text()))
        return made

    def in_place(self, policy: Path) -> None:
        """Put it on disk, genuinely signed by the root key."""
        shutil.copy(policy, self.folder / "policy.toml")
        (self.folder / "policy.toml").chmod(0o600)
        (self.folder / "policy.toml.sig").write_bytes(signature(self.seed, policy.read_bytes()))


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, "it never happens"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def installed() -> Iterator[Installation]:
    with signers_alone("100,1000,1000") as installation:
        for name in ("keeper", "cooler", "broker"):
            installation.children[name].terminate()
        yield installation


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The administrators' key files, and their public halves."""
    folder, made = tmp_path_factory.mktemp("people"), {}
    (folder / "words").write_text(WORDS + "\n")
    for name in ("anna", "boris"):
        words = ["admin", "new-key", str(folder / f"{name}.key"), "--passphrase-file", str(folder / "words")]
        run = subprocess.run([str(KEEPCOOL), *words], capture_output=True, text=True, check=True)
        made[name] = run.stdout.strip()
    return folder, made


@pytest.fixture
def host(installed: Installation, tmp_path: Path, keys: tuple[Path, dict[str, str]]) -> Iterator[Host]:
    seed = bytes.fromhex(installed.places.root_key.read_text())
    made = Host(tmp_path / "keeper", keys[0], seed)
    shutil.copytree(installed.places.service(Service.KEEPER), made.folder)
    made.in_place(made.policy(lambda text: next_version(text, 50) + GOVERNED.format(**keys[1])))
    made.start()
    yield made
    made.stop()


def next_version(text: str, version: int) -> str:
    lines = [f"version = {version}" if one.startswith("version = ") else one for one in text.splitlines()]
    return "\n".join(lines) + "\n"


def test_a_policy_comes_by_two_signatures_and_never_by_a_file(host: Host) -> None:
    """One signature waits; the second brings it after the delay, over the control socket with no broker; a
    genuinely signed file that nobody ordered keeps Keeper from starting, and the old file starts it under the
    new policy."""
    new = host.policy(lambda text: next_version(text, 51))
    order = host.ordered("policy", str(new))
    assert "order.unsigned" in host.submit(order).stderr
    host.sign(order, "anna")
    assert "collecting" in host.submit(order).stdout
    host.sign(order, "boris")
    assert "pending" in host.submit(order).stdout
    until(lambda: host.status()["policy_version"] == 51)
    assert "policy_version=51" in host.done("keeper", "journal", "--config", host.config)
    host.stop()
    before = {name: (host.folder / name).read_bytes() for name in ("policy.toml", "policy.toml.sig")}
    host.in_place(host.policy(lambda text: next_version(text, 52)))
    assert "policy.governed" in host.run("keeper", "run", "--config", host.config).stderr
    for name, content in before.items():
        (host.folder / name).write_bytes(content)
    host.start()
    assert host.status()["policy_version"] == 51


def test_what_the_root_key_proposes_alone_is_cancelled_by_one(host: Host) -> None:
    """It waits long, and any administrator ends it before."""
    new, root = host.policy(lambda text: next_version(text, 51)), host.folder.parent / "root.key"
    root.write_text(host.seed.hex())
    root.chmod(0o600)
    order = host.ordered("policy", str(new))
    host.done("admin", "sign", str(order), "--root-key", str(root), "--yes")
    assert "pending" in host.submit(order).stdout
    cancel = host.ordered("cancel", str(order))
    host.sign(cancel, "boris")
    assert "done" in host.submit(cancel).stdout
    states = [one["state"] for one in host.status()["orders"] if one["action"] == "policy.propose"]
    assert states == ["cancelled"]


def test_a_freeze_needs_nobody_and_a_thaw_two_and_a_report(host: Host) -> None:
    """The host freezes at once, and again when Keeper is stopped; it cannot thaw; two administrators can,
    with a clean report that is younger than the freeze."""
    old = head(host)
    said = host.done("keeper", "freeze", "--config", host.config, "--level", "all", "--reason", "drill")
    assert "everything is frozen by local command: drill" in said
    assert host.run("keeper", "health", "--config", host.config).returncode == 1
    thaws = ("thaw", "--level", "all", "--reason", "over")
    early, late = report(host, old), report(host, head(host))
    for made, code in ((early, "thaw.old_report"), (late, "")):
        order = host.ordered(*thaws, "--report", str(made))
        host.sign(order, "anna", "boris")
        assert code in host.submit(order).stderr
    until(lambda: not host.status()["frozen"])
    host.stop()
    host.done("keeper", "freeze", "--config", host.config, "--level", "harbor", "--reason", "move")
    local = host.run("keeper", "thaw", "--config", host.config, "--level", "harbor", "--reason", "no")
    assert "freeze.governed" in local.stderr
    host.start()
    assert host.status()["frozen"] == [
        "everything but the way to the harbor is frozen by local command: move"
    ]


def head(host: Host) -> SeenHead:
    sequence, _, digest = str(host.status()["journal_head"]).partition(":")
    return SeenHead(int(sequence), digest)


def report(host: Host, seen: SeenHead) -> Path:
    """Clean, of all networks, as App would make it with this head."""
    policy = (host.folder / "policy.toml").read_text()
    names = [line.split('"')[1] for line in policy.splitlines() if line.startswith('[networks."')]
    made = host.folder.parent / f"report-{seen.sequence}.json"
    heads = {"keeper": seen, "cooler": SeenHead(1, "00" * 32)}
    networks = dict.fromkeys(names, "1")
    made.write_bytes(Report(int(time.time()) + 1, networks, heads, (), ()).encoded())
    return made
