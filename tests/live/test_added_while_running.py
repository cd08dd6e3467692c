"""A token, then a whole network, added to a running installation: every process stays the one it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from keepcool.cli.main import main
from keepcool.client.api import Wallet, awaited
from keepcool.core.parties import Service
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from tests.fixtures.chain import NPM
from tests.fixtures.installation import COIN, WAIT_S, House, blocks, whole_house

pytestmark = pytest.mark.live
SECOND_CHAIN = 1338
SECOND = f"eip155:{SECOND_CHAIN}"


@dataclass(frozen=True)
class Running:
    """The house, and the processes as they were when it began."""

    house: House
    folder: Path
    pids: dict[str, int]

    @property
    def app(self) -> Path:
        return self.house.places.config(Service.APP)

    def typed(self, *words: str) -> tuple[int, str]:
        said = StringIO()
        with redirect_stdout(said):
            return main(words), said.getvalue()

    def pids_now(self) -> dict[str, int]:
        return pids(self.house)


def pids(house: House) -> dict[str, int]:
    return {name: house.child(name).pid for name in ("app", "keeper", "cooler")}


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    failed_before = request.session.testsfailed
    with whole_house(lambda: request.session.testsfailed > failed_before) as house:
        yield Running(house, tmp_path_factory.mktemp("second"), pids(house))


def paid(house: House, chain: DevChain, wallet: Wallet, asset: str, token: str | None) -> None:
    """Deposited, credited, withdrawn, and the chain agrees."""
    if token is None:
        chain.fund(wallet.address, 5 * COIN)
    else:
        chain.fund_token(token, wallet.address, 5 * COIN)
    house.until_available(wallet, asset, 5 * COIN)
    to = house.outside()
    house.confirmed(house.client.withdraw(wallet.id, asset, COIN, to))
    assert chain.balance(to, token) == COIN


def test_a_token_is_added_while_everything_runs(running: Running) -> None:
    """Shown first; with --yes policies and App take it up; a deposit of it is credited and paid out again, in
    the same processes."""
    house = running.house
    folder, before = str(house.places.folder), running.app.read_text()
    token = deploy_token(house.chain, "Late Dollar", "LATE", 10**9 * COIN)
    words = ("token", "add", folder, token, "--network", "eip155:31337")
    status, said = running.typed(*words)
    assert status == 0
    assert '+symbol = "LATE"' in said
    assert running.app.read_text() == before
    assert running.typed(*words, "--symbol", "USDX", "--yes")[0] == 2
    assert running.app.read_text() == before
    status, said = running.typed(*words, "--yes")
    assert (status, "added: eip155:31337/erc20" in said) == (0, True), said
    paid(house, house.chain, house.wallet(), f"eip155:31337/erc20:{token}", token)
    assert running.pids_now() == running.pids


def test_a_wrong_file_is_refused_and_nothing_is_lost(running: Running) -> None:
    """Not TOML, other decimals, another chain's node, an unknown key: each refused, and what ran goes on."""
    house, good = running.house, running.app.read_text()
    wallet = house.wallet()
    stranger = good.replace("eip155:31337", "eip155:4242")
    for bad in (
        "[",
        good.replace("decimals = 18", "decimals = 8", 1),
        stranger,
        good.replace("poll_ms", "pol"),
    ):
        running.app.write_text(bad)
        status, _ = running.typed("app", "reload", "--config", str(running.app))
        assert status == 2, bad[:200]
    running.app.write_text(good)
    assert running.typed("app", "reload", "--config", str(running.app)) == (0, "nothing has changed\n")
    assert house.available(wallet, house.eth) == 10 * COIN
    to = house.outside()
    house.confirmed(house.client.withdraw(wallet.id, house.eth, COIN, to))
    assert running.pids_now() == running.pids


def test_a_signer_takes_no_policy_that_the_root_key_did_not_sign(running: Running) -> None:
    """A policy whose signature is not the root key's is refused while it runs, as at start; the one in force
    stays."""
    house = running.house
    file, config = house.places.folder / "keeper" / "policy.toml", house.places.config(Service.KEEPER)
    good = file.read_text()
    in_force = json.loads(running.typed("keeper", "status", "--config", str(config), "--json")[1])["policy"]
    file.write_text(good.replace("version = ", "version = 9"))
    assert running.typed("keeper", "reload", "--config", str(config))[0] == 2
    file.write_text(good)
    assert running.typed("keeper", "reload", "--config", str(config))[0] == 0
    after = json.loads(running.typed("keeper", "status", "--config", str(config), "--json")[1])["policy"]
    assert after == in_force


@contextmanager
def second_chain(folder: Path) -> Iterator[DevChain]:
    with DevChain(NPM, folder, mining=Mining(epoch_slots=1), chain_id=SECOND_CHAIN) as chain, blocks(chain):
        deploy_safe_contracts(chain)
        yield chain


def test_a_network_is_added_while_everything_runs(running: Running) -> None:
    """A second chain: Keeper makes its purse, App follows it from its block on, a deposit is credited
    and paid out again, in the same processes; while somebody owns coins there it cannot go."""
    house = running.house
    with second_chain(running.folder) as chain:
        words = (
            "networks",
            "add",
            str(house.places.folder),
            SECOND,
            "--node-url",
            chain.url,
            "--poll-ms",
            "200",
        )
        status, said = running.typed(*words, "--cap", "ETH=1000,100000,100000", "--yes")
        assert (status, f"added: {SECOND}" in said) == (0, True), said
        purse = awaited(
            lambda: [one for one in house.client.read.purses() if one.network == SECOND],
            bool,
            WAIT_S,
            "the new network has no purse",
        )[0]
        chain.fund(purse.address, 10 * COIN)
        wallet = house.client.make_wallet(house.client.make_user().id, SECOND)
        paid(house, chain, wallet, f"{SECOND}/slip44:60", None)
        good = running.app.read_text()
        running.app.write_text(good[: good.index(f'[networks."{SECOND}"]')])
        assert running.typed("app", "reload", "--config", str(running.app))[0] == 2
        running.app.write_text(good)
        assert running.typed("app", "reload", "--config", str(running.app))[0] == 0
        assert running.pids_now() == running.pids
