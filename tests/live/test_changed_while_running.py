"""A running installation gets a token, a network, and other keys, as the pages say: nobody falls silent."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from keepcool.cli.main import main
from keepcool.client import profile
from keepcool.client.api import Client, Wallet, awaited
from keepcool.client.attested import believed, parse_pins
from keepcool.client.models import WalletAnswer
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.registry import attested_bytes
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from tests.docs.pages import blocks as blocks_of
from tests.fixtures.chain import NPM
from tests.fixtures.installation import COIN, WAIT_S, House, blocks, eventually, setting, whole_house
from tests.fixtures.lostbooks import told

pytestmark = pytest.mark.live
SECOND_CHAIN = 1338
SECOND = f"eip155:{SECOND_CHAIN}"
PAGE = "docs/operate/key-rotation.md"
_NEXT = re.compile(r'^next_(signing|sealing)_key = "([0-9a-f]{64})"$', re.MULTILINE)


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

    def run_page(self, block: int, **values: str) -> str:
        """The commands of one block of the page on keys, in this installation; what they printed."""
        said = ""
        for line in blocks_of(PAGE, "sh")[block].splitlines():
            words = [self._placed(values.get(word, word)) for word in shlex.split(line)]
            if words[0] == "cp":
                shutil.copyfile(words[1], words[2])
                continue
            status, told = self.typed(*words[1:])
            assert status == 0, f"{line}: {told}"
            said += told
            for name, key in re.findall(
                r'^next_(signing|sealing)_key = "([0-9a-f]{64})"$', told, re.MULTILINE
            ):
                values[name.upper()] = key
            if words[1:3] == ["keys", "new-attestation"]:
                values["NEW"] = told.strip()
        return said

    def _placed(self, word: str) -> str:
        return str(self.house.places.folder / word[3:]) if word.startswith("kc/") else word

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


def test_api_keys_are_rotated_as_the_page_says(running: Running) -> None:
    """The text before goes on counting beside the new one."""
    said = running.run_page(0)
    assert "before: counts until" in said
    assert running.house.client.read.users()


def test_message_keys_are_rotated_as_the_page_says(running: Running) -> None:
    """Keeper's: pinned, switched, settled; payments go through before, between and after, and Keeper alone
    was restarted."""
    house = running.house
    wallet = house.wallet()
    before = pids(house)
    running.run_page(1)
    house.confirmed(house.client.withdraw(wallet.id, house.eth, COIN, house.outside()))
    house.restart("keeper")
    house.confirmed(house.client.withdraw(wallet.id, house.eth, COIN, house.outside()))
    running.run_page(2)
    house.confirmed(house.client.withdraw(wallet.id, house.eth, COIN, house.outside()))
    now = pids(house)
    assert [name for name in now if now[name] != before[name]] == ["keeper"]


def test_an_attestation_key_is_rotated_as_the_page_says_and_the_stolen_one_ended(running: Running) -> None:
    """Clients that pin the root key believe old and new wallets; once every record is attested anew the old
    key is ended, wallets still pay, what a thief attests by it is believed no more, and lost books would come
    back."""
    house, folder = running.house, running.house.places.folder
    old = house.wallet()
    stolen = SigningKey(bytes.fromhex((folder / "keeper" / "identity" / "attestation.key").read_text()))
    pinned = bytes(stolen.verify_key).hex()
    listed = setting('attestation_keys = ["keeper-keys.json"]')
    running.app.write_text(listed(running.app.read_text()))
    found = re.search(r"^[0-9a-f]{64}$", running.run_page(3, OLD=pinned), re.MULTILINE)
    assert found is not None
    new = found[0]
    house.restart("keeper")
    operator = house.places.operator / "operator.toml"
    with profile.connect(operator) as client:
        made = client.make_wallet(client.make_user().id, "eip155:31337")
        assert client.wallet(old.id).address == old.address
        eventually(lambda: _renewed(client, old.id, new), "the old record is not attested anew")
        running.run_page(4, NEW=new)
        house.confirmed(client.withdraw(old.id, house.eth, COIN, house.outside()))
        assert client.wallet(made.id).address == made.address
    with profile.connect(operator) as client:
        shown = client.wallet(old.id).told
        record = shown.record_bytes or b""
        forged = {**shown.attestations, "keeper": stolen.sign(attested_bytes(record)).signature}
        with pytest.raises(Breach):
            believed(client._pins, record, forged)
    cooler = next(one for one in operator.read_text().splitlines() if one.startswith("cooler ="))
    assert believed(parse_pins(pinned, cooler.split('"')[1]), record, forged)  # the twin: no root key pinned
    house.stop("app")
    assert told(house, "restore", "--from-signers")["refused"] == []
    with house.edited(Service.APP, lambda text: text.replace(listed(""), "")):  # the twin: without the list
        refused = told(house, "restore", "--from-signers", status=3)["refused"]
    assert {one["code"] for one in refused} == {"wallet.unattested"}
    house.start("app")


def _renewed(client: Client, wallet: str, key: str) -> bool:
    """Whether Keeper's attestation of its record is of this key."""
    told = client.api.get(f"/v1/wallets/{wallet}", WalletAnswer)
    try:
        message = attested_bytes(told.record_bytes or b"")
        VerifyKey(bytes.fromhex(key)).verify(message, told.attestations["keeper"])
    except BadSignatureError:
        return False
    return True
