"""One installation beside four chains, each with Safe contracts of another version or kind: what a wallet
lives through is the same on all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepcool.chains.evm.address import of_public_key
from keepcool.chains.evm.profiles import PROFILES, SafeProfile, profile_named
from keepcool.chains.evm.wallets import wallet_salt
from keepcool.chains.keccak import keccak256
from keepcool.client import profile as profiles
from keepcool.client.api import Client, Wallet, awaited
from keepcool.client.models import Withdrawal
from keepcool.core.ids import NetworkId
from keepcool.local import plan, start
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from keepcool.local.running import running
from tests.fixtures.chain import NPM, address_number
from tests.fixtures.installation import COIN, WAIT_S, blocks, refuse_missing
from tests.fixtures.processes import own_folder

pytestmark = pytest.mark.live
KEEPCOOL = Path(sys.executable).with_name("keepcool")
CHAINS = dict(zip((one.name for one in PROFILES), (31337, 137, 11155111, 1337), strict=True))
EMITTED = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes,bytes"
ALICE, BOB, CAROL = (address_number(number) for number in (71, 72, 73))


@dataclass
class Story:
    """One wallet on one chain."""

    profile: SafeProfile
    chain: DevChain
    token: str
    client: Client
    wallet: Wallet = field(init=False)
    paid: list[Withdrawal] = field(init=False)
    code_before: bool = True

    @property
    def network(self) -> NetworkId:
        return NetworkId(f"eip155:{self.chain.chain_id}")

    def lived(self) -> None:
        """Paid in before it stands, then paid out: coins, tokens, and several at once."""
        self.chain.fund(self.purse(), 2 * COIN)
        self.wallet = self.client.make_wallet(self.client.make_user().id, self.network)
        self.code_before = self.chain.has_code(self.wallet.address)
        eth, usd = f"{self.network}/slip44:60", f"{self.network}/erc20:{self.token}"
        self.chain.fund(self.wallet.address, COIN)
        self.chain.fund_token(self.token, self.wallet.address, COIN)
        for asset in (eth, usd):
            self.credited(asset)
        asked = [(eth, 5, ALICE), (usd, 6, ALICE), (eth, 7, BOB), (eth, 8, CAROL)]
        made = [self.client.withdraw(self.wallet.id, *one) for one in asked]
        self.paid = [self.client.settled(one.id, WAIT_S) for one in made]

    def purse(self) -> str:
        (own,) = [one for one in self.client.read.purses() if one.network == self.network]
        return own.address

    def credited(self, asset: str) -> None:
        awaited(
            lambda: self.client.read.balances(self.wallet.id),
            lambda told: any(one.asset == asset and int(one.available) == COIN for one in told),
            WAIT_S,
            f"{asset} is not credited",
        )


@pytest.fixture(scope="module")
def stories() -> Iterator[dict[str, Story]]:
    """All four lived side by side."""
    refuse_missing()
    with own_folder("every-safe") as folder, ExitStack() as stack:
        chains = {}
        for name, chain_id in CHAINS.items():
            (place := folder / name).mkdir()
            chains[name] = stack.enter_context(
                DevChain(NPM, place, mining=Mining(epoch_slots=1), chain_id=chain_id)
            )
            stack.enter_context(blocks(chains[name]))
        with ThreadPoolExecutor(len(chains)) as beside:
            tokens = dict(zip(chains, beside.map(prepared, chains.values()), strict=True))
            networks = tuple(planned(name, one, tokens[name]) for name, one in chains.items())
            whole = plan.Plan(folder=folder / "kc", networks=networks, ports=plan.Ports.following(0))
            places = start.install_here(whole, lambda _: None)
            stack.enter_context(running(places, lambda _: None))
            client = stack.enter_context(profiles.connect(places.operator / "operator.toml"))
            told = {
                name: Story(profile_named(name), one, tokens[name], client) for name, one in chains.items()
            }
            list(beside.map(Story.lived, told.values()))
            yield told


def prepared(chain: DevChain) -> str:
    deploy_safe_contracts(chain)
    return deploy_token(chain, "Test Dollar", "USDX", 10**6 * COIN)


def planned(name: str, chain: DevChain, token: str) -> plan.EvmPlan:
    network = f"eip155:{chain.chain_id}"
    found = plan.network_plan(
        network, [chain.url], [plan.token_plan(NetworkId(network), f"{token}:USDX:18")], name
    )
    return replace(found, poll_ms=300)


@pytest.fixture(params=CHAINS)
def story(stories: dict[str, Story], request: pytest.FixtureRequest) -> Story:
    return stories[request.param]


def test_the_address_was_known_before_anything_stood_there(story: Story) -> None:
    """Both signers attested it, anybody derives it from the record, and the chain deployed to it."""
    profile, record = story.profile, story.wallet.record
    _, version, flavour = profile.name.split("-")
    owners = [of_public_key(bytes.fromhex(one.public_key)) for one in record.owners]
    words = [
        "derive",
        "evm",
        "--profile",
        version,
        "--flavour",
        flavour,
        "--chain-id",
        str(story.chain.chain_id),
    ]
    words += [word for one in owners for word in ("--owner", one)]
    words += ["--threshold", "2", "--salt", str(wallet_salt(record.wallet))]
    told = subprocess.run([KEEPCOOL, *words], capture_output=True, text=True, check=True).stdout.strip()
    assert (told, story.code_before) == (story.wallet.address, False)
    assert record.profile == profile.name
    assert story.chain.has_code(story.wallet.address)
    stored = story.chain.ask("eth_getStorageAt", story.wallet.address, "0x0", "latest")
    assert stored[-40:] == profile.singleton.address[2:].lower()


def test_the_contracts_are_the_published_ones(story: Story) -> None:
    """Their code has the hashes that the profile pins, under mainnet's addresses."""
    for contract in story.profile.contracts():
        code = bytes.fromhex(story.chain.ask("eth_getCode", contract.address, "latest")[2:])
        assert keccak256(code) == contract.runtime_keccak


def test_coins_tokens_and_several_at_once_were_paid_exactly(story: Story) -> None:
    """Out of what had come before there was a contract."""
    assert [one.state for one in story.paid] == ["confirmed"] * 4
    balance = story.chain.balance
    assert (balance(ALICE), balance(ALICE, story.token)) == (5, 6)
    assert (balance(BOB), balance(CAROL)) == (7, 8)
    assert balance(story.wallet.address) == COIN - 20
    assert balance(story.wallet.address, story.token) == COIN - 6


def test_the_batch_went_through_the_versions_own_multisend(story: Story) -> None:
    """Payments that waited share one call of MultiSendCallOnly of the wallet's own profile; which of the four
    waited depends on when the first was drafted."""
    used = [one.transaction or "" for one in story.paid]
    shared = {one for one in used if used.count(one) > 1}
    assert shared
    for one in shared:
        transaction = story.chain.ask("eth_getTransactionByHash", one)
        assert story.profile.multisend_call_only.address[2:].lower() in transaction["input"]


def test_only_the_l2_kind_tells_indexers_what_it_did(story: Story) -> None:
    """SafeL2 emits each transaction with its fields, which indexers need where nodes trace nothing."""
    topic = "0x" + keccak256(f"SafeMultiSigTransaction({EMITTED})".encode()).hex()
    receipt = story.chain.ask("eth_getTransactionReceipt", story.paid[0].transaction)
    told = [one for one in receipt["logs"] if one["topics"][0] == topic]
    assert bool(told) is story.profile.name.endswith("-l2")
