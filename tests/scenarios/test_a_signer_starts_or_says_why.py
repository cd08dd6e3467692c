"""A signer starts only when all is in order, and says in one line what is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keepcool.core.parties import Service
from keepcool.local.layout import Layout
from keepcool.local.policies import signature
from keepcool.local.running import Installation
from tests.fixtures.red_app import signers_alone

pytestmark = pytest.mark.live
KEEPCOOL = Path(sys.executable).parent / "keepcool"


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    with signers_alone("100,1000,1000") as installation:
        installation.children["keeper"].terminate()
        yield installation


@pytest.fixture
def keeper(running: Installation, tmp_path: Path) -> Path:
    """Keeper's folder, carried to a host of its own: whole, stopped, with no neighbour."""
    host = tmp_path / "keeper"
    carried(running.places.service(Service.KEEPER), host)
    return host


def carried(folder: Path, to: Path) -> None:
    """A copy without the socket of the process that still runs there."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.sock"))


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    argv = [str(KEEPCOOL), "keeper", "run", "--config", str(folder / "keeper.toml"), *words]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def refused(folder: Path, *words: str) -> str:
    """The one line it ends with. Fails when it starts."""
    child = started(folder, *words)
    try:
        _, said = child.communicate(timeout=120)
    finally:
        child.kill()
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert (child.returncode, len(lines)) == (2, 1), said
    return lines[0]


def starts(folder: Path, *words: str) -> bool:
    """Whether it still runs once it says that it serves; it is ended then."""
    child = started(folder, *words)
    assert child.stderr is not None
    try:
        return any('"serving"' in line for line in child.stderr)
    finally:
        child.terminate()
        child.wait(60)


def rewritten(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def signed_anew(places: Layout, folder: Path, version: int) -> None:
    policy = folder / "policy.toml"
    rewritten(policy, "version = 1", f"version = {version}")
    seed = bytes.fromhex(places.root_key.read_text())
    (folder / "policy.toml.sig").write_bytes(signature(seed, policy.read_bytes()))


def readable(folder: Path) -> None:
    (folder / "identity" / "signing.key").chmod(0o644)


def with_coolers_key(places: Layout, folder: Path) -> None:
    shutil.copy(places.service(Service.COOLER) / "identity" / "journal.key", folder / "data" / "notes.txt")


def spoilt(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: rewritten(folder / file, old, new)


def unsigned(folder: Path) -> None:
    (folder / "policy.toml.sig").unlink()


def one_paper_key(folder: Path) -> None:
    lines = (folder / "keeper.toml").read_text().splitlines()
    cold = next(line for line in lines if line.startswith("cold_public_key")).split(" = ")[1]
    changed = [f"cool_public_key = {cold}" if line.startswith("cool_public_key") else line for line in lines]
    (folder / "keeper.toml").write_text("\n".join(changed) + "\n")


TOML = "keeper.toml"
CASES: list[tuple[str, Callable[[Path], None], str]] = [
    ("a key others can read", readable, "guard.surroundings"),
    ("an unknown setting", spoilt(TOML, "identity =", "identitty = 1\nidentity ="), "config.form"),
    ("a changed policy", spoilt("policy.toml", "version = 1", "version = 9"), "policy.signature"),
    ("no signature", unsigned, "policy.file"),
    ("no keystore", spoilt(TOML, 'url = "https://127.0.0.1:', 'url = "https://127.0.0.2:'), "keystore."),
    ("no cooler pinned", spoilt(TOML, "[peers.cooler]", "[peers.watchtower]"), "settings.peer"),
    ("one paper key twice", one_paper_key, "settings.pins"),
]


def test_in_order_it_starts(keeper: Path) -> None:
    """Carried to a host of its own, Keeper starts as it is."""
    assert starts(keeper)


@pytest.mark.parametrize(("name", "spoil", "code"), CASES, ids=[name for name, _, _ in CASES])
def test_refuses_to_start(keeper: Path, name: str, spoil: Callable[[Path], None], code: str) -> None:
    """One thing out of order keeps Keeper from starting, and the line names it."""
    spoil(keeper)
    assert f"[{code}" in refused(keeper), name


def test_refuses_the_other_signers_key_and_neighbourhood(running: Installation, keeper: Path) -> None:
    """Cooler's key in Keeper's folder stops it even on one machine; Cooler's folder beside it stops it
    unless it is told that everything is on one machine."""
    places = running.places
    carried(places.service(Service.COOLER), keeper.parent / "cooler")
    assert "host of their own" in refused(keeper)
    assert starts(keeper, "--one-machine")
    with_coolers_key(places, keeper)
    assert "a key of cooler" in refused(keeper, "--one-machine")


def test_refuses_yesterdays_policy(running: Installation, keeper: Path) -> None:
    """Once version 2 was in force, version 1 with its genuine signature is refused."""
    before = {name: (keeper / name).read_bytes() for name in ("policy.toml", "policy.toml.sig")}
    signed_anew(running.places, keeper, 2)
    assert starts(keeper)
    for name, content in before.items():
        (keeper / name).write_bytes(content)
    assert "[policy.rolled_back]" in refused(keeper)


def test_runs_once(keeper: Path) -> None:
    """A second Keeper on the same database is refused, and the first goes on."""
    first = started(keeper)
    assert first.stderr is not None
    try:
        assert any('"serving"' in line for line in first.stderr)
        assert "[journal.locked]" in refused(keeper)
        assert first.poll() is None
    finally:
        first.terminate()
        first.wait(60)
