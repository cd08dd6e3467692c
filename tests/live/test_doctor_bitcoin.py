"""doctor on nodes of the Bitcoin family, asked of litecoind: what is wrong is named, what is well is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.network_table import LITECOIN, LITECOIN_REGTEST
from keepcool.core.ids import NetworkId
from keepcool.local import doctor_bitcoin, doctor_servers
from keepcool.local.bitcoinchain import DevLitecoin
from keepcool.local.findings import Finding, Weight
from keepcool.local.layout import Layout
from keepcool.local.process import free_port
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Condition
from tests.fixtures.bitcoinchain import running_litecoin

pytestmark = pytest.mark.live
SECRET = "s3cret"
WELL = Condition(BlockId(800_000, "ab" * 32), 800_000, False, 8, None, "/Satoshi:28.0.0/")
ABLE = Capabilities(
    tests_acceptance=True,
    estimates_fees=True,
    tells_spent_outputs=True,
    makes_blocks=False,
    filters=False,
    transaction_index=False,
)


@dataclass(frozen=True)
class Places:
    """The file of an App that names a node."""

    layout: Layout

    def app(self, url: str, cookie: Path | None, network: NetworkId = LITECOIN_REGTEST.id) -> list[Finding]:
        cookies = "" if cookie is None else f'node_cookies = ["{cookie}"]\n'
        folder = self.layout.folder / "app"
        folder.mkdir(exist_ok=True)
        text = f'[networks."{network}"]\nfamily = "bitcoin"\nnode_urls = ["{url}"]\n{cookies}'
        (folder / "app.toml").write_text(text)
        return list(doctor_servers.nodes(self.layout))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(Layout(tmp_path))


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin() as node:
        yield node


def codes(findings: list[Finding]) -> list[tuple[str, Weight]]:
    return [(one.code, one.weight) for one in findings]


def test_a_node_that_is_well_is_not_told(places: Places, chain: DevLitecoin) -> None:
    """On the right chain, at its end, with its cookie: no finding."""
    assert places.app(chain.url, chain.credentials) == []


def test_a_node_that_is_away_is_told_without_its_password(places: Places) -> None:
    """It is a warning that names the file and the number, and not the URL, which may hold a password."""
    (found,) = places.app(f"http://me:{SECRET}@127.0.0.1:{free_port()}", None)
    assert codes([found]) == [("doctor.node", Weight.WARNING)]
    assert "node 1 of bip122:" in found.text
    assert SECRET not in found.text + found.mend


def test_a_password_that_is_missing_or_wrong_is_told_with_its_mend(
    places: Places, chain: DevLitecoin, tmp_path: Path
) -> None:
    """Without a password, with a wrong one in the URL, and with a file that is none, each mend is another."""
    wrong = tmp_path / "other.cookie"
    wrong.write_text(f"__cookie__:{SECRET}")
    address = chain.url.removeprefix("http://")
    (without,) = places.app(chain.url, None)
    (in_url,) = places.app(f"http://me:{SECRET}@{address}", None)
    (in_file,) = places.app(chain.url, wrong)
    (no_file,) = places.app(chain.url, tmp_path / "absent")
    assert "name its cookie file" in without.text
    assert "of its URL; correct them" in in_url.text
    assert str(wrong) in in_file.text
    assert "is the node running?" in no_file.text
    assert not any(SECRET in one.text + one.mend for one in (without, in_url, in_file, no_file))


def test_another_chain_is_wrong(places: Places, chain: DevLitecoin) -> None:
    """A regtest node in the place of one of the main network is an error, not a warning."""
    (found,) = places.app(chain.url, chain.credentials, LITECOIN.id)
    assert codes([found]) == [("doctor.chain", Weight.WRONG)]


def test_what_a_node_lacks_is_told_in_sentences() -> None:
    """Catching up, pruned, lonely, without tests of transactions, without fees: each one finding."""
    lame = Condition(BlockId(10, "ab" * 32), 900, True, 0, 500, "")
    assert list(doctor_bitcoin.state("n", WELL, LITECOIN)) == []
    assert list(doctor_bitcoin.abilities("n", ABLE)) == []
    assert [one.code for one in doctor_bitcoin.state("n", lame, LITECOIN)] == [
        "doctor.catching_up",
        "doctor.pruned",
        "doctor.peers",
    ]
    unable = replace(ABLE, tests_acceptance=False, estimates_fees=False)
    assert [one.code for one in doctor_bitcoin.abilities("n", unable)] == ["doctor.untested", "doctor.fees"]
