"""Deposits at forwarders of a pool, and what becomes of them on the way to its treasury, whatever a token
does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.books import registry
from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.deposits import passages
from keepcool.app.pools import books, rows
from keepcool.app.pools.rows import Marks
from keepcool.chains.evm import abi
from keepcool.chains.evm.forwarders import Item, forwarder_address
from keepcool.chains.keccak import keccak256
from keepcool.core.ids import AssetId, WalletId
from keepcool.local.devchain import DevChain
from tests.fixtures.chain import NATIVE, NETWORK, address_number, safe_chain
from tests.fixtures.forwarders import Deployed, flush
from tests.unit.app.deposits.office import Office, catch_up

pytestmark = pytest.mark.live
ETHER, UNITS = 10**18, 10**6


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    with safe_chain() as one:
        yield one


@dataclass
class Scene:
    """A pool with a treasury of its own, one listed token, and members with a forwarder each."""

    chain: DevChain
    office: Office
    token: Deployed
    treasury: str
    members: list[WalletId] = field(default_factory=list)

    @property
    def asset(self) -> AssetId:
        return AssetId(f"{NETWORK}/erc20:{self.token.address}")

    def member(self) -> tuple[WalletId, str]:
        """A new one, and its address."""
        index = len(self.members) + 1
        name = self.office.issue(f"m{index}", None)
        at = forwarder_address(self.treasury, index)
        pool = WalletId("pool")
        self.office.store.transact(lambda tx: rows.add_member(tx, name, pool))
        self.office.store.transact(lambda tx: registry.give_address(tx, name, at, 1))
        one = Address(
            network=NETWORK,
            script=bytes.fromhex(at[2:]),
            source=pool,
            wallet=name,
            cosigner=0,
            change=0,
            index=index,
        )
        self.office.store.transact(lambda tx: addresses.add_addresses(tx, [one]))
        self.members.append(name)
        return name, at

    def settle(self) -> None:
        """What has happened until now is deep enough, and followed."""
        self.chain.mine(3)

        async def life() -> None:
            node = HttpEvmNode(NETWORK, self.chain.url, SystemClock())
            try:
                await catch_up(self.office.follower([node]))
            finally:
                await node.close()

        asyncio.run(life())

    def sweep(self, *indices: int, token: bool = True) -> None:
        contract = self.token.address if token else None
        flush(self.chain, self.treasury, *(Item(one, contract) for one in indices))

    def balanced(self, asset: AssetId) -> bool:
        """What the pool's books say lies on chain does."""
        stands = self.office.store.transact(lambda tx: books.standing(tx, WalletId("pool"), asset))
        contract = None if asset == NATIVE else self.token.address
        places = [self.treasury, *(forwarder_address(self.treasury, n + 1) for n in range(len(self.members)))]
        return stands.booked == sum(self.chain.balance(one, contract) for one in places)


@contextmanager
def scene(chain: DevChain, folder: Path, kind: str = "TestToken") -> Iterator[Scene]:
    token = Deployed.named(chain, kind)
    asset = AssetId(f"{NETWORK}/erc20:{token.address}")
    office = Office(folder, tokens={token.address: asset}, start_block=chain.height() + 1)
    treasury = address_number(int.from_bytes(keccak256(token.address.encode())[:4], "big"))
    pool = office.issue("pool", treasury)
    office.store.transact(lambda tx: rows.insert_pool(tx, pool, NETWORK, Marks(), 1))
    try:
        yield Scene(chain, office, token, treasury)
    finally:
        office.close()


def test_what_is_swept_is_credited_once_and_to_its_owner(chain: DevChain, tmp_path: Path) -> None:
    """Coins and tokens are credited before, while and after they go to the treasury; the pool itself gets
    nothing, and the books are what lies at all addresses together."""
    with scene(chain, tmp_path) as at:
        (first, one), (second, two) = at.member(), at.member()
        at.token.mint(one, UNITS)
        chain.fund(one, ETHER)
        at.settle()
        assert (at.office.owed(first, at.asset), at.office.owed(first)) == (UNITS, ETHER)
        at.token.mint(two, 2 * UNITS)
        chain.fund(two, 2 * ETHER)
        at.sweep(1, 2)
        at.sweep(1, 2, token=False)
        at.token.mint(one, UNITS)
        at.settle()
        assert (at.office.owed(second, at.asset), at.office.owed(second)) == (2 * UNITS, 2 * ETHER)
        assert at.office.owed(first, at.asset) == 2 * UNITS
        assert chain.balance(at.treasury) == 3 * ETHER
        assert at.office.owed(WalletId("pool")) == at.office.owed(WalletId("pool"), at.asset) == 0
        assert at.balanced(NATIVE)
        assert at.balanced(at.asset)
        assert not at.office.events()
        assert at.office.is_balanced()


def test_a_fee_on_the_way_is_the_pools_cost(chain: DevChain, tmp_path: Path) -> None:
    """A token that keeps a hundredth takes it from the pool, not from who was credited; the books say so."""
    with scene(chain, tmp_path, "FeeToken") as at:
        name, address = at.member()
        at.token.mint(address, UNITS)
        at.settle()
        at.sweep(1)
        at.settle()
        assert at.office.owed(name, at.asset) == UNITS
        assert at.token.held(at.treasury) == UNITS - UNITS // 100
        assert at.balanced(at.asset)
        assert not at.office.events()


@pytest.mark.parametrize("kind", ["FalseToken", "RevertingToken", "BurningToken"])
def test_a_token_that_cannot_be_swept_takes_nothing_from_anybody(
    chain: DevChain, tmp_path: Path, kind: str
) -> None:
    """It stays credited and lies where it came in; coins beside it are swept."""
    with scene(chain, tmp_path, kind) as at:
        name, address = at.member()
        at.token.mint(address, UNITS)
        chain.fund(address, ETHER)
        flush(chain, at.treasury, Item(1, at.token.address), Item(1))
        at.settle()
        assert (at.office.owed(name, at.asset), at.office.owed(name)) == (UNITS, ETHER)
        assert (at.token.held(address), chain.balance(at.treasury)) == (UNITS, ETHER)
        assert at.balanced(at.asset)
        assert at.balanced(NATIVE)


def pretended(at: Scene) -> WalletId:
    """A token tells of a deposit, and of its way to the treasury; neither was."""
    name, address = at.member()
    stranger = address_number(1)
    for source, target in ((stranger, address), (address, at.treasury)):
        words = (abi.address(source), abi.address(target), abi.uint(UNITS))
        at.token.send("pretend(address,address,uint256)", *words)
    at.settle()
    return name


def test_transfers_that_never_were_credit_nobody(chain: DevChain, tmp_path: Path) -> None:
    """The treasury has not got what the token says it got: nothing is credited, and everybody is told."""
    with scene(chain, tmp_path, "PretendingToken") as at:
        name = pretended(at)
        assert at.office.owed(name, at.asset) == at.office.owed(WalletId("pool"), at.asset) == 0
        assert at.office.frozen(name) == "pool.not_arrived"
        assert at.office.frozen(WalletId("pool")) == "wallet.spent_without_us"


def test_twin_without_the_treasurys_word_they_would(
    chain: DevChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With that control off the same token's word is money."""
    monkeypatch.setattr(passages, "unproven", lambda *_: False)
    with scene(chain, tmp_path, "PretendingToken") as at:
        assert at.office.owed(pretended(at), at.asset) == UNITS


def test_a_sweep_that_leaves_the_chain_is_forgotten(chain: DevChain, tmp_path: Path) -> None:
    """Its block replaced, the coins lie at the forwarder again, and are still credited once."""
    with scene(chain, tmp_path) as at:
        name, address = at.member()
        chain.fund(address, ETHER)
        at.settle()
        at.sweep(1, token=False)
        at.settle()
        assert chain.balance(at.treasury) == ETHER
        chain.reorganise(4)
        chain.mine(4)
        at.settle()
        assert (chain.balance(address), chain.balance(at.treasury)) == (ETHER, 0)
        assert at.office.owed(name) == ETHER
        assert at.balanced(NATIVE)


def test_other_tokens_are_nobodys_deposit(chain: DevChain, tmp_path: Path) -> None:
    """An unlisted one is neither credited nor an obstacle, whatever it says of balances."""
    with scene(chain, tmp_path) as at:
        name, address = at.member()
        other = Deployed.named(chain, "LyingToken")
        other.mint(address, UNITS)
        flush(chain, at.treasury, Item(1, other.address))
        chain.fund(address, ETHER)
        at.settle()
        assert (at.office.owed(name), len(at.office.deposits())) == (ETHER, 1)
        assert not at.office.events()


def test_an_address_that_was_given_to_nobody_is_the_pools_own(chain: DevChain, tmp_path: Path) -> None:
    """What a lost App may have handed out is watched: coins that come in there are seen, and swept they are
    still the pool's own, once."""
    with scene(chain, tmp_path) as at:
        pool, address = WalletId("pool"), forwarder_address(at.treasury, 900)
        burnt = Address(
            network=NETWORK,
            script=bytes.fromhex(address[2:]),
            source=pool,
            wallet=None,
            cosigner=0,
            change=0,
            index=900,
        )
        at.office.store.transact(lambda tx: addresses.add_addresses(tx, [burnt]))
        chain.fund(address, ETHER)
        at.settle()
        assert at.office.owed(pool) == ETHER
        at.sweep(900, token=False)
        at.settle()
        assert (at.office.owed(pool), chain.balance(at.treasury)) == (ETHER, ETHER)
        assert not at.office.events()
