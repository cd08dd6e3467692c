"""Deposits and payouts of real Safes: the official contracts deployed, signed for, and watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.evm import abi
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.evm.wallets import create_proxy_with_nonce, derive_address, setup_of
from keepcool.chains.keccak import keccak256
from keepcool.core.effects import Payment
from keepcool.core.ids import WalletId
from keepcool.core.money import Amount
from keepcool.local.devchain import DevChain
from tests.fixtures.chain import NATIVE, NETWORK, address_number, safe_chain
from tests.unit.app.deposits.office import Office, catch_up

pytestmark = pytest.mark.live
ETHER = 10**18
PROFILE = profile_named("safe-1.5.0-l1")
EXECUTE = keccak256(
    b"execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
)[:4]


@dataclass
class LiveSafe:
    """A 2-of-3 Safe whose keys were made for this test alone."""

    chain: DevChain
    keys: list[Any]
    wallet: WalletId
    address: str
    nonce: int = 0

    def deploy(self) -> None:
        owners = tuple(key.address for key in self.keys)
        setup = setup_of(PROFILE, owners, 2).initializer()
        self.chain.send(PROFILE.factory.address, data=create_proxy_with_nonce(PROFILE, setup, 1))

    def pay(self, to: str, wei: int) -> bytes:
        """Executes a payment signed by two owners; the SafeTx's hash."""
        tx = SafeTx(self.address, self.chain.chain_id, to, wei, b"", 0, self.nonce)
        digest = safe_tx_hash(tx)
        two = sorted(self.keys[:2], key=lambda key: int(key.address, 16))
        signatures = b"".join(bytes(key.unsafe_sign_hash(digest).signature) for key in two)
        nothing = abi.address("0x" + "00" * 20)
        arguments = abi.encode(
            abi.address(to),
            abi.uint(wei),
            abi.dynamic_bytes(b""),
            *[abi.uint(0)] * 4,
            nothing,
            nothing,
            abi.dynamic_bytes(signatures),
        )
        self.chain.send(self.address, data=EXECUTE + arguments)
        self.nonce += 1
        return digest


@dataclass
class Bank:
    chain: DevChain
    office: Office

    def open(self, name: str) -> LiveSafe:
        keys = [Account.create() for _ in range(3)]
        address = derive_address(PROFILE, tuple(key.address for key in keys), 2, 1)
        return LiveSafe(self.chain, keys, self.office.issue(name, address), address)

    def settle(self) -> None:
        self.chain.mine(2)

        async def life() -> None:
            node = HttpEvmNode(NETWORK, self.chain.url, SystemClock())
            try:
                await catch_up(self.office.follower([node]))
            finally:
                await node.close()

        asyncio.run(life())


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with safe_chain() as chain:
        office = Office(tmp_path)
        yield Bank(chain, office)
        office.close()


def test_a_deployed_safe_is_credited_once_for_a_plain_payment(bank: Bank) -> None:
    """A plain payment to a deployed Safe leaves two traces, transaction and log, and is one deposit."""
    safe = bank.open("a")
    safe.deploy()
    bank.chain.fund(safe.address, ETHER)
    bank.settle()
    assert bank.office.told() == [("transaction", "credited", ETHER, ETHER)]


def test_coins_from_inside_another_contract_are_told_by_the_safe(bank: Bank) -> None:
    """A deployed Safe logs what a stranger's Safe pays it: a deposit with its transaction."""
    safe, keys = bank.open("a"), [Account.create() for _ in range(3)]
    safe.deploy()
    stranger = LiveSafe(
        bank.chain,
        keys,
        WalletId("nobody"),
        derive_address(PROFILE, tuple(key.address for key in keys), 2, 1),
    )
    stranger.deploy()
    bank.chain.fund(stranger.address, ETHER)
    stranger.pay(safe.address, 5)
    bank.settle()
    assert bank.office.told() == [("safe_received", "credited", 5, 5)]
    assert bank.office.deposits()[0].claim.sender == stranger.address


@pytest.mark.parametrize("deployed", [False, True])
def test_a_transfer_between_our_safes_moves_exactly_its_amount(bank: Bank, *, deployed: bool) -> None:
    """From one wallet of ours to another, deployed or not: the receiver is credited once, nobody alarmed."""
    giver, taker = bank.open("a"), bank.open("b")
    giver.deploy()
    if deployed:
        taker.deploy()
    bank.chain.fund(giver.address, ETHER)
    bank.settle()
    digest = giver.pay(taker.address, 7)
    bank.office.payments[digest] = (Payment(taker.address, Amount(NATIVE, 7)),)
    bank.settle()
    assert bank.office.told()[1] == ("safe_received" if deployed else "payout", "credited", 7, 7)
    assert bank.office.owed(taker.wallet) == 7 == bank.chain.balance(taker.address)
    assert bank.office.events() == []


def test_a_theft_with_two_stolen_keys_is_dated_to_its_block(bank: Bank) -> None:
    """Two owners' keys pay out what App never asked for: the wallet freezes with the SafeTx's hash named."""
    safe = bank.open("a")
    safe.deploy()
    bank.chain.fund(safe.address, ETHER)
    bank.settle()
    digest = safe.pay(address_number(66), ETHER)
    bank.settle()
    found = bank.office.events()
    assert [one.code for one in found] == ["wallet.unknown_execution", "wallet.spent_without_us"]
    assert digest.hex() in found[0].text
    assert bank.office.frozen(safe.wallet) == "wallet.unknown_execution"
