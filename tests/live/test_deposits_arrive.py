"""Deposits on a real chain: seen, confirmed by balances, credited once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.deposits.follower import Follower
from keepcool.core.ids import AssetId
from keepcool.local.devchain import DevChain, deploy_token
from tests.fixtures.chain import NATIVE, NETWORK, address_number, running_chain
from tests.unit.app.deposits.office import Office, catch_up

pytestmark = pytest.mark.live
ETHER = 10**18
T = TypeVar("T")


@dataclass
class Scene:
    chain: DevChain
    office: Office
    token: str
    asset: AssetId

    def follow(self, work: Callable[[Follower], Awaitable[T]] | None = None) -> None:
        """One life of the follower: until it comes to rest, or until `work` is done."""

        async def life() -> None:
            node = HttpEvmNode(NETWORK, self.chain.url, SystemClock())
            try:
                follower = self.office.follower([node])
                await (catch_up(follower) if work is None else work(follower))
            finally:
                await node.close()

        asyncio.run(life())

    def deepen(self, blocks: int = 2) -> None:
        self.chain.mine(blocks)
        self.follow()


@contextmanager
def scene(tmp_path: Path, depth_blocks: int | None = 1) -> Iterator[Scene]:
    with running_chain() as chain:
        token = deploy_token(chain, "Coin", "COIN", 10**27)
        asset = AssetId(f"{NETWORK}/erc20:{token}")
        office = Office(tmp_path, tokens={token: asset}, depth_blocks=depth_blocks)
        try:
            yield Scene(chain, office, token, asset)
        finally:
            office.close()


def test_coins_at_an_address_without_code_are_pending_then_credited(tmp_path: Path) -> None:
    """ETH and tokens sent to a wallet not yet deployed are pending in a block and credited at depth."""
    with scene(tmp_path, depth_blocks=3) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        at.chain.fund(address, 2 * ETHER)
        at.chain.fund_token(at.token, address, 7)
        at.follow()
        assert at.office.told() == [("transaction", "pending", 2 * ETHER, 0), ("transfer", "pending", 7, 0)]
        assert at.office.owed(wallet) == 0
        at.deepen(3)
        at.deepen(3)
        assert [row[1] for row in at.office.told()] == ["credited", "credited"]
        assert (at.office.owed(wallet), at.office.owed(wallet, at.asset)) == (2 * ETHER, 7)
        assert at.office.coins(wallet) == at.chain.balance(address)
        assert at.office.is_balanced()


def test_finalized_blocks_are_credited(tmp_path: Path) -> None:
    """With crediting at finality, a deposit waits for the block the node calls finalized."""
    with scene(tmp_path, depth_blocks=None) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        at.chain.fund(address, ETHER)
        at.deepen(1)
        assert at.office.owed(wallet) == 0
        at.deepen(1)
        assert at.office.owed(wallet) == ETHER


def test_two_deposits_in_one_block_are_two(tmp_path: Path) -> None:
    """Two transactions of one block, equal in everything but their place, are each credited."""
    with scene(tmp_path) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        at.chain.ask("evm_setAutomine", False)
        sender = at.chain.accounts()[0]
        for _ in range(2):
            at.chain.ask("eth_sendTransaction", {"from": sender, "to": address, "value": hex(5)})
        at.chain.mine()
        at.chain.ask("evm_setAutomine", True)
        at.deepen()
        assert at.office.told() == [("transaction", "credited", 5, 5)] * 2
        assert at.office.owed(wallet) == 10


def test_a_restart_in_the_middle_neither_loses_nor_doubles(tmp_path: Path) -> None:
    """The follower stops after every single step and starts again: each deposit is credited once."""
    with scene(tmp_path) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        for _ in range(3):
            at.chain.fund(address, ETHER)
            at.chain.mine(40)

        async def one_step(follower: Follower) -> None:
            await follower.step()

        for _ in range(12):
            at.follow(one_step)
            at.office.reopen()
        at.follow()
        assert at.office.owed(wallet) == 3 * ETHER == at.chain.balance(address)
        assert len(at.office.deposits()) == 3


def test_spam_and_unlisted_tokens_are_nobodys_deposit(tmp_path: Path) -> None:
    """Zero-value transfers by strangers and tokens not listed leave no row and no credit."""
    with scene(tmp_path) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        unlisted = deploy_token(at.chain, "Fake", "COIN", 10**27)
        at.chain.fund_token(unlisted, address, 10**20)
        at.chain.fund_token(at.token, address, 0)
        at.chain.fund(address, 0)
        at.deepen()
        assert at.office.deposits() == []
        assert at.office.owed(wallet, at.asset) == 0


def test_a_node_that_goes_away_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    """While the node is down a step says so and changes nothing; afterwards everything is credited once."""
    with scene(tmp_path) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        at.chain.fund(address, ETHER)
        at.follow()
        before = at.office.told()
        at.chain.stop()
        with pytest.raises(Exception, match=r"node\.unreachable"):
            at.follow()
        assert at.office.told() == before
        at.chain.start()
        at.chain.fund(address, ETHER)
        at.deepen()
        assert at.office.owed(wallet) == 2 * ETHER
        assert at.office.deposits()[0].claim.asset == NATIVE


def test_coins_from_inside_a_contract_are_found_by_the_balance(tmp_path: Path) -> None:
    """ETH that a contract sends while it runs leaves no trace at an address without code: the sweep of
    balances finds it, and credits exactly it."""
    with scene(tmp_path) as at:
        address = address_number(1)
        wallet = at.office.issue("w1", address)
        at.follow()
        # PUSH20 address, SELFDESTRUCT: the creation itself sends its value on
        at.chain.send(None, value=ETHER, data=b"\x73" + bytes.fromhex(address[2:]) + b"\xff")
        at.deepen()
        assert at.office.told() == [("balance", "credited", ETHER, ETHER)]
        at.deepen()
        assert at.office.owed(wallet) == ETHER
