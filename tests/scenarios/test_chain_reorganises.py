"""A real chain replaces its newest blocks: what was pending vanishes, what was credited is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.books import accounts, ledger
from keepcool.app.deposits import events
from keepcool.core.ids import AssetId, WalletId
from keepcool.local.devchain import DevChain, deploy_token
from tests.fixtures.chain import NATIVE, NETWORK, address_number, running_chain
from tests.unit.app.deposits.office import Office, catch_up

pytestmark = pytest.mark.live
ETHER = 10**18
ADDRESS = address_number(1)


@dataclass
class Story:
    chain: DevChain
    office: Office
    wallet: WalletId
    token: str

    def follow(self) -> None:
        async def life() -> None:
            node = HttpEvmNode(NETWORK, self.chain.url, SystemClock())
            try:
                await catch_up(self.office.follower([node]))
            finally:
                await node.close()

        asyncio.run(life())

    def states(self) -> list[str]:
        return [one.state.value for one in self.office.deposits()]


@contextmanager
def story(tmp_path: Path, depth_blocks: int) -> Iterator[Story]:
    with running_chain() as chain:
        token = deploy_token(chain, "Coin", "COIN", 10**27)
        tokens = {token: AssetId(f"{NETWORK}/erc20:{token}")}
        office = Office(tmp_path, tokens=tokens, depth_blocks=depth_blocks)
        try:
            yield Story(chain, office, office.issue("w1", ADDRESS), token)
        finally:
            office.close()


def test_a_shallow_reorganisation_makes_pending_deposits_vanish(tmp_path: Path) -> None:
    """Blocks above the crediting depth are replaced: their deposits are orphaned, the ledger never moved."""
    with story(tmp_path, depth_blocks=5) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(6)
        at.chain.fund(ADDRESS, 2 * ETHER)
        at.chain.fund_token(at.token, ADDRESS, 7)
        at.follow()
        assert at.states() == ["credited", "pending", "pending"]
        at.chain.reorganise(2)
        at.follow()
        assert at.states() == ["credited", "orphaned", "orphaned"]
        assert at.office.owed(at.wallet) == ETHER == at.chain.balance(ADDRESS)
        assert at.office.events() == []


def test_a_transaction_mined_again_in_another_block_is_credited_once(tmp_path: Path) -> None:
    """The same payment comes back in the new branch: the old row stays orphaned, the new one is credited."""
    with story(tmp_path, depth_blocks=5) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.follow()
        at.chain.reorganise(1)
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(6)
        at.follow()
        assert at.states() == ["orphaned", "credited"]
        assert at.office.owed(at.wallet) == ETHER == at.chain.balance(ADDRESS)


def test_a_reorganisation_below_the_credited_depth_takes_the_credit_back(tmp_path: Path) -> None:
    """A credited deposit vanishes: it is reversed, wallet and network freeze, and events say so."""
    with story(tmp_path, depth_blocks=1) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(1)
        at.chain.fund_token(at.token, ADDRESS, 7)
        at.chain.mine(2)
        at.follow()
        assert at.states() == ["credited", "credited"]
        at.chain.reorganise(3)
        at.follow()
        assert at.states() == ["credited", "reversed"]
        token = AssetId(f"{NETWORK}/erc20:{at.token}")
        assert (at.office.owed(at.wallet), at.office.owed(at.wallet, token)) == (ETHER, 0)
        assert at.office.coins(at.wallet) == at.chain.balance(ADDRESS)
        assert {one.code for one in at.office.events()} == {"deposit.reversed", "chain.reorganised_deep"}
        assert at.office.frozen(at.wallet) is not None
        assert at.office.is_balanced()


def test_following_goes_on_after_a_deep_reorganisation(tmp_path: Path) -> None:
    """After credits were taken back, the wallet's later deposits are credited to the unit."""
    with story(tmp_path, depth_blocks=1) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(2)
        at.follow()
        at.chain.reorganise(3)
        at.chain.fund(ADDRESS, 3 * ETHER)
        at.chain.mine(2)
        at.follow()
        assert at.states() == ["reversed", "credited"]
        assert at.office.owed(at.wallet) == 3 * ETHER == at.chain.balance(ADDRESS)


def test_credit_already_spent_leaves_the_wallet_short(tmp_path: Path) -> None:
    """The owner held the credit for a withdrawal before it vanished: the shortfall is booked, not hidden."""
    with story(tmp_path, depth_blocks=1) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(2)
        at.follow()
        at.office.store.transact(
            lambda tx: ledger.hold(tx, withdrawal="wd", wallet=at.wallet, asset=NATIVE, units=ETHER, at_ms=1)
        )
        at.chain.reorganise(3)
        at.follow()
        short = at.office.store.transact(lambda tx: ledger.balance(tx, accounts.short(at.wallet), NATIVE))
        assert short == ETHER
        assert at.office.is_balanced()


def test_a_person_thaws_what_the_reorganisation_froze(tmp_path: Path) -> None:
    """Freezes stay over restarts until each was thawed."""
    with story(tmp_path, depth_blocks=1) as at:
        at.chain.fund(ADDRESS, ETHER)
        at.chain.mine(2)
        at.follow()
        at.chain.reorganise(3)
        at.follow()
        at.office.reopen()
        assert at.office.frozen(at.wallet) is not None
        at.office.store.transact(
            lambda tx: [events.thaw(tx, one.number, 1) for one in events.list_events(tx, limit=9)]
        )
        assert at.office.frozen(at.wallet) is None
