"""Our node client beside web3.py on a real chain: the same facts, the same words for what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
from eth_account import Account
from web3 import Web3

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.evm.address import raw_of, to_checksum
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import NetworkId
from keepcool.local.devchain import DevChain, deploy_token
from keepcool.ports.evmnode import Call, Holding, Sending, Tag
from tests.fixtures.chain import NETWORK, address_number, running_chain

pytestmark = pytest.mark.live
ETHER = 10**18
TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
SOMEBODY = address_number(7)
T = TypeVar("T")


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    with running_chain() as running:
        yield running


@pytest.fixture(scope="module")
def token(chain: DevChain) -> str:
    return deploy_token(chain, "Coin", "COIN", 10**27)


def asked(chain: DevChain, question: Callable[[HttpEvmNode], Awaitable[T]], network: str = NETWORK) -> T:
    async def ask() -> T:
        node = HttpEvmNode(NetworkId(network), chain.url, SystemClock(), timeout_s=5)
        try:
            return await question(node)
        finally:
            await node.close()

    return asyncio.run(ask())


def code_of(chain: DevChain, question: Callable[[HttpEvmNode], Awaitable[T]], network: str = NETWORK) -> str:
    with pytest.raises(KeepcoolError) as caught:
        asked(chain, question, network)
    return f"{caught.value.kind} {caught.value.code}"


def test_a_block_is_the_same_as_web3_reads_it(chain: DevChain) -> None:
    """Header and transactions by height and by hash equal web3.py's."""
    receipt = chain.fund(SOMEBODY, 5)
    number = int(receipt["blockNumber"], 16)
    theirs = Web3(Web3.HTTPProvider(chain.url)).eth.get_block(number, full_transactions=True)
    ours = asked(chain, lambda node: node.block(number))
    assert ours is not None
    assert ours == asked(chain, lambda node: node.block(ours.header.hash))
    assert (ours.header.hash, ours.header.parent_hash) == (bytes(theirs["hash"]), bytes(theirs["parentHash"]))
    assert ours.header.timestamp_s == theirs["timestamp"]
    assert ours.header.base_fee_per_gas == theirs["baseFeePerGas"]
    (sent,) = ours.transactions
    assert (sent.to, sent.value, sent.index) == (raw_of(SOMEBODY), 5, 0)
    assert sent == asked(chain, lambda node: node.transaction(sent.hash))


def test_logs_and_receipts_tell_of_a_token_transfer(chain: DevChain, token: str) -> None:
    """The Transfer log by block hash, by contract and by topic is the receipt's."""
    receipt = chain.fund_token(token, SOMEBODY, 9)
    block_hash, transaction = (bytes.fromhex(receipt[n][2:]) for n in ("blockHash", "transactionHash"))
    topics = [[TRANSFER], [], [bytes(12) + raw_of(SOMEBODY)]]
    (log,) = asked(chain, lambda node: node.logs(block_hash, addresses=[token], topics=topics))
    ours = asked(chain, lambda node: node.receipt(transaction))
    assert ours is not None
    assert ours.logs == (log,)
    assert (ours.succeeded, ours.block_hash) == (True, block_hash)
    assert ours.fee_wei == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert (to_checksum(log.address), int.from_bytes(log.data, "big")) == (token, 9)
    assert asked(chain, lambda node: node.logs(block_hash, addresses=[SOMEBODY], topics=[[TRANSFER]])) == ()


def test_balances_are_those_of_the_block_asked_for(chain: DevChain, token: str) -> None:
    """Native and token balances in one go, at a block's hash, are not the newest ones."""
    person = address_number(8)
    chain.fund(person, 3)
    chain.fund_token(token, person, 4)
    then = asked(chain, lambda node: node.check())
    chain.fund(person, 30)
    holdings = [Holding(person), Holding(person, token), *[Holding(person)] * 250]
    assert asked(chain, lambda node: node.balances(holdings, then.hash)) == [3, 4, *[3] * 250]
    assert asked(chain, lambda node: node.balance(person)) == 33
    assert asked(chain, lambda node: node.balances([Holding(person, token)], then.number)) == [4]


def test_what_does_not_exist_is_none_not_an_error(chain: DevChain) -> None:
    """Unknown blocks, receipts and transactions are None; a finalized block is one behind the newest."""
    for question in (
        lambda node: node.header(10**6),
        lambda node: node.block(b"\x11" * 32),
        lambda node: node.receipt(b"\x11" * 32),
        lambda node: node.transaction(b"\x11" * 32),
    ):
        assert asked(chain, question) is None
    final = asked(chain, lambda node: node.header(Tag.FINALIZED))
    assert final is not None
    assert final.number <= chain.height()


def test_an_unknown_block_is_said_to_be_unknown(chain: DevChain) -> None:
    """Balances and logs of a block the node does not have raise, they are never zero or empty."""
    nowhere = b"\x11" * 32
    held = [Holding(SOMEBODY)]
    assert code_of(chain, lambda n: n.balances(held, nowhere)) == "unavailable node.block_unknown"
    logs = code_of(chain, lambda n: n.logs(nowhere, addresses=[], topics=[]))
    assert logs == "unavailable node.block_unknown"


def test_calls_that_revert_are_refused(chain: DevChain, token: str) -> None:
    """A failing call and its gas estimate say so; a balance of what is no token is no number."""
    too_much = bytes.fromhex("a9059cbb") + bytes(12) + raw_of(SOMEBODY) + b"\xff" * 32
    failing = Call(token, too_much, sender=SOMEBODY)
    assert code_of(chain, lambda n: n.call(failing)) == "refused node.reverted"
    assert code_of(chain, lambda n: n.estimate_gas(failing)) == "refused node.reverted"
    assert (
        code_of(chain, lambda n: n.balances([Holding(SOMEBODY, SOMEBODY)], Tag.LATEST))
        == "refused node.reverted"
    )
    assert asked(chain, lambda n: n.estimate_gas(Call(SOMEBODY, sender=chain.accounts()[0]))) >= 21_000


def test_fees_nonce_and_code(chain: DevChain, token: str) -> None:
    """The next base fee, the account's nonce and a contract's code equal web3.py's."""
    theirs = Web3(Web3.HTTPProvider(chain.url)).eth
    sender = Web3.to_checksum_address(chain.accounts()[0])
    assert asked(chain, lambda node: node.nonce(sender)) == theirs.get_transaction_count(sender)
    assert asked(chain, lambda node: node.code(token)) == bytes(
        theirs.get_code(Web3.to_checksum_address(token))
    )
    fees = asked(chain, lambda node: node.fees())
    assert fees.base_fee_per_gas == theirs.fee_history(1, "latest")["baseFeePerGas"][-1]


def test_another_chain_is_refused(chain: DevChain) -> None:
    """A node of another chain is not read from, and nothing is sent to it."""
    for question in (lambda n: n.check(), lambda n: n.balance(SOMEBODY), lambda n: n.send_raw(b"\x02")):
        assert code_of(chain, question, "eip155:1") == "refused node.wrong_chain"


def test_what_becomes_of_a_raw_transaction_has_a_name(chain: DevChain) -> None:
    """Accepted, known, nonce too low, underpriced, insufficient funds: each is told apart."""
    account = Account.create()
    chain.fund(account.address, ETHER)
    chain.ask("evm_setAutomine", False)

    def raw(nonce: int, value: int = 1, fee: int = 10**10) -> bytes:
        fields = {"maxFeePerGas": fee, "maxPriorityFeePerGas": fee, "gas": 21_000, "chainId": chain.chain_id}
        signed = account.sign_transaction(
            fields | {"nonce": nonce, "to": SOMEBODY, "value": value, "type": 2}
        )
        return bytes(signed.raw_transaction)

    def sending(transaction: bytes) -> Sending:
        return asked(chain, lambda node: node.send_raw(transaction)).outcome

    try:
        assert sending(raw(0)) is Sending.ACCEPTED
        assert sending(raw(0)) is Sending.KNOWN
        assert sending(raw(0, fee=10**10 - 1)) is Sending.UNDERPRICED
        assert sending(raw(1, value=2 * ETHER)) is Sending.INSUFFICIENT_FUNDS
        chain.mine()
        assert sending(raw(0, value=2)) is Sending.NONCE_TOO_LOW
        assert sending(b"\x02\x01") is Sending.REJECTED
    finally:
        chain.ask("evm_setAutomine", True)
