"""doctor on Minter's nodes, asked of the simulator: what is well is not told, what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.local import doctor_minter, doctor_servers
from keepcool.local.findings import Finding, Weight
from keepcool.local.layout import Layout
from keepcool.local.minterchain import DevMinter, Pace
from keepcool.local.process import free_port
from keepcool.ports.minternode import Status
from tests.fixtures.minterchain import running_minter

pytestmark = pytest.mark.live
SECRET = "s3cret"


@dataclass(frozen=True)
class Places:
    """The files of an App and of a Cooler that name nodes."""

    layout: Layout

    def app(self, url: str, network: str = "minter:2", more: str = "") -> list[Finding]:
        return self._asked("app", f'[networks."{network}"]\nfamily = "minter"\nnode_urls = ["{url}"]\n{more}')

    def cooler(self, url: str) -> list[Finding]:
        return self._asked("cooler", f'[minter."minter:2"]\nnodes = ["{url}"]\n')

    def _asked(self, service: str, text: str) -> list[Finding]:
        folder = self.layout.folder / service
        folder.mkdir(exist_ok=True)
        (folder / f"{service}.toml").write_text(text)
        return list(doctor_servers.nodes(self.layout))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(Layout(tmp_path))


@pytest.fixture(scope="module")
def chain() -> Iterator[DevMinter]:
    with running_minter(Pace(block_ms=500)) as simulator:
        yield simulator


@pytest.fixture
def faulty(chain: DevMinter) -> Iterator[DevMinter]:
    yield chain
    chain.mend()


def codes(findings: list[Finding]) -> list[tuple[str, Weight]]:
    return [(one.code, one.weight) for one in findings]


def test_a_node_that_is_well_is_not_told(places: Places, chain: DevMinter) -> None:
    """App's node and Cooler's own, both on the right chain and at its end: no finding."""
    assert places.app(chain.url) == []
    assert places.cooler(chain.url + "/v2") == []


def test_a_node_that_is_away_is_told_without_its_url(places: Places) -> None:
    """It is a warning that names the file and the number, and not the URL, which may hold a key."""
    found = places.cooler(f"http://127.0.0.1:{free_port()}/{SECRET}")
    assert codes(found) == [("doctor.node", Weight.WARNING)]
    assert "node 1 of minter:2" in found[0].text
    assert "cooler.toml" in found[0].text
    assert SECRET not in found[0].text + found[0].mend


def test_another_chain_is_wrong(places: Places, chain: DevMinter) -> None:
    """A node of the test network in the place of one of the main network is an error, not a warning."""
    (found,) = places.app(chain.url, "minter:1")
    assert (found.code, found.weight) == ("doctor.chain", Weight.WRONG)
    assert "minter:1" in found.text


def test_a_chain_of_another_name_is_wrong(places: Places, chain: DevMinter) -> None:
    """Where App's settings give a chain's name, its node must bear it; with its own name nothing is told."""
    name = chain.ask("/status")["network"]
    assert places.app(chain.url, more=f'chain_name = "{name}"\n') == []
    (found,) = places.app(chain.url, more='chain_name = "another"\n')
    assert found.code == "doctor.chain"


def test_a_node_that_catches_up_is_told(places: Places, faulty: DevMinter) -> None:
    """While a node reads old blocks it is a warning that says so; afterwards there is none."""
    faulty.faults(catching_up=True)
    assert codes(places.app(faulty.url)) == [("doctor.catching_up", Weight.WARNING)]
    faulty.mend()
    assert places.app(faulty.url) == []


def test_nonsense_is_told(places: Places, faulty: DevMinter) -> None:
    """A server that answers something else is a warning, and doctor does not fall over it."""
    faulty.faults(nonsense={"/status": "<html>"})
    assert codes(places.app(faulty.url)) == [("doctor.node", Weight.WARNING)]


def test_a_chain_that_stands_still_is_told() -> None:
    """A newest block older than the bound is a warning that says how old, and what to compare; one of an age
    that is usual is nothing to tell."""
    block_ms = 1_700_000_000_000
    status = Status("minter-mainnet-4", 20_000_000, bytes(32), block_ms, catching_up=False)
    bound_ms = doctor_minter.BLOCK_AGE_S_MAX * 1000
    assert list(doctor_minter.at_the_end("node 1", status, block_ms + bound_ms)) == []
    (found,) = doctor_minter.at_the_end("node 1", status, block_ms + bound_ms + 1000)
    assert (found.code, found.weight) == ("doctor.block_age", Weight.WARNING)
    assert "20000000, is 61 s old" in found.text
    assert "halted" in found.mend
