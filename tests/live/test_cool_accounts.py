"""An installation from before accounts gains the cool key's account from paper, with real keystores."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.toml import load
from keepcool.cooler.config import CoolerSettings
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.local import commands
from keepcool.local.install import install
from keepcool.local.keystore import KeystoreProcess, server_program
from keepcool.local.layout import Layout, read_shares
from keepcool.local.plan import Plan, Ports, network_plan
from keepcool.local.reach import reach_of
from tests.fixtures.processes import missing, own_folder
from tests.unit.cold.test_cold_key import words_on

pytestmark = pytest.mark.live
ROW = "SELECT network, purpose, public_key FROM sealed_key ORDER BY network"


@dataclass(frozen=True)
class Place:
    """An installation at rest, and what its Cooler pins."""

    layout: Layout

    @property
    def config(self) -> Path:
        return self.layout.config(Service.COOLER)

    def rows(self, statement: str = ROW) -> list[tuple[str, str, str]]:
        file = self.layout.service(Service.COOLER) / "data" / "cooler.sqlite"
        with closing(sqlite3.connect(file)) as connection, connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def keystore(self) -> Iterator[None]:
        """Cooler's keystore runs, unsealed, for the length of the block."""
        [plan] = [one for one in reach_of(self.layout).keystores if one.service is Service.COOLER]
        folder = self.layout.keystore(Service.COOLER)
        process = KeystoreProcess(folder, plan, folder / "log" / "test.log")
        process.start()
        try:
            process.unseal(read_shares(self.layout.shares(Service.COOLER)))
            yield
        finally:
            process.stop()

    def add(self, words: str) -> subprocess.CompletedProcess[str]:
        line = ("cooler", "add-accounts", "--config", str(self.config), "--one-machine", "--json")
        return subprocess.run(
            commands.argv(*line), input=words, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="module")
def made() -> Iterator[Layout]:
    try:
        server_program()
    except Unavailable as error:
        missing("OpenBao", error.public)
    with own_folder("accounts") as folder:
        networks = (network_plan("eip155:31337", ["http://127.0.0.1:1"]),)
        plan = Plan(folder / "kc", networks, Ports.following(0))
        yield install(plan, print, SystemClock(), SystemEntropy())


@pytest.fixture
def place(made: Layout, tmp_path: Path) -> Place:
    shutil.copytree(made.folder, tmp_path / "kc", copy_function=shutil.copy2)
    return Place(Layout(tmp_path / "kc"))


def test_an_older_cooler_gains_its_account_from_paper(place: Place) -> None:
    """Without its row Cooler's paper gives the account back, sealed anew, as the very pin it had; other
    words give nothing, and what is there already is left alone."""
    before = place.rows()
    assert [row[:2] for row in before] == [
        ("*", "cool"),
        ("bitcoin", "cool-account"),
        ("minter", "cool-account"),
    ]
    place.rows("DELETE FROM sealed_key WHERE purpose = 'cool-account'")
    sheets = place.layout.paper
    with place.keystore():
        refused = place.add(words_on(sheets / "cold" / "cold.paper.txt"))
        assert refused.returncode != 0
        assert "cooler.other_words" in refused.stderr
        assert len(place.rows()) == 1
        for _ in range(2):
            added = place.add(words_on(sheets / "cool" / "cool.paper.txt"))
            assert added.returncode == 0, added.stderr
            assert place.rows() == before
    pins = load(place.config, CoolerSettings).cool_accounts
    assert [pin.family for pin in pins] == ["minter", "bitcoin"]
    assert msgspec.json.decode(added.stdout) == {"accounts": msgspec.to_builtins(pins)}


def test_a_signer_does_not_start_on_accounts_it_cannot_serve(place: Place) -> None:
    """A pin of a family nobody knows is refused by name before anything is served; without any pin the
    configuration is read as that of an older release."""
    text = place.config.read_text(encoding="utf-8")
    account = text[text.index("[[cool_accounts]]") : text.index("[[cold_accounts]]")]
    broken = text.replace(account, account.replace('family = "minter"', 'family = "minster"'))
    place.config.write_text(broken, encoding="utf-8")
    for verb in (("check-config",), ("run", "--one-machine")):
        command = commands.argv("cooler", verb[0], "--config", str(place.config), *verb[1:])
        with place.keystore():
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert run.returncode != 0
        assert "minster" in run.stderr
    place.config.write_text(text[: text.index("[[cool_accounts]]")], encoding="utf-8")
    assert load(place.config, CoolerSettings).cool_accounts == []
