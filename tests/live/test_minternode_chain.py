"""The node adapter against the Minter simulator: payments, failures, wallets, faults, lies, heights."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.minternode.subscription import Heights
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.minter.data import Send
from keepcool.chains.minter.signature import SINGLE, SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction
from keepcool.chains.minter.wallets import creation_of
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import NetworkId
from keepcool.local.minterchain import DevMinter, Pace
from keepcool.ports.minternode import Accepted, AlreadyKnown, Balance, Event, Owner, Rejected, Why
from tests.fixtures.minterchain import BIP, TOKEN, running_minter
from tests.vectors.minter import ADDRESSES, KEYS, WALLET, signed, wallet_record

pytestmark = pytest.mark.live
TESTNET = NetworkId("minter:2")
APP, HOT, COOL, COLD = (ADDRESSES[name] for name in ("app", "hot", "cool", "cold"))
BOUND_S = 120
T = TypeVar("T")


@pytest.fixture
def chain() -> Iterator[DevMinter]:
    with running_minter() as running:
        yield running


def ask(chain: DevMinter, story: Callable[[HttpMinterNode], Awaitable[T]], **how: Any) -> T:
    async def life() -> T:
        node = HttpMinterNode(TESTNET, how.pop("url", chain.url), how.pop("clock", SystemClock()), **how)
        try:
            return await story(node)
        finally:
            await node.close()

    return asyncio.run(life())


def problem(
    chain: DevMinter, story: Callable[[HttpMinterNode], Awaitable[object]], **how: Any
) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        ask(chain, story, **how)
    return caught.value


def sealed(tx: Transaction, key: str = "app") -> bytes:
    return SignedTransaction(tx, SingleSignature(signed(KEYS[key], tx.digest()))).encoded()


def payment(nonce: int, pip: int, *, chain_id: int = 2, gas_coin: int = 0, key: str = "app") -> bytes:
    return sealed(Transaction(nonce, chain_id, 1, gas_coin, Send(0, HOT, pip), signature_type=SINGLE), key)


def test_a_payment_goes_through_the_pool_into_a_block(chain: DevMinter) -> None:
    """Sent, it waits in the pool; mined, it is found by its hash and in its block, and cost what was told."""
    chain.fund(APP, 10 * BIP)
    raw = payment(1, BIP)

    async def story(node: HttpMinterNode) -> None:
        cost = await node.estimate_commission(raw)
        assert await node.min_gas_price() == 1
        sent = await node.send(raw)
        assert isinstance(sent, Accepted)
        assert await node.send(raw) == AlreadyKnown(sent.transaction)
        assert await node.unconfirmed() == (raw,)
        assert await node.transaction(sent.transaction) is None
        height = chain.mine()
        found = await node.transaction(sent.transaction)
        assert found is not None
        assert (found.raw, found.sender, found.nonce, found.kind, found.failed) == (raw, APP, 1, 1, False)
        assert found.tag("tx.commission_amount") == str(cost)
        block = await node.block(height)
        assert block is not None
        assert block.transactions == (found,)
        assert await node.block(height + 1) is None
        payer, paid = await node.accounts([APP, HOT])
        assert (payer.pip(), payer.next_nonce, paid.pip()) == (9 * BIP - cost, 2, BIP)
        assert await node.send(raw) == AlreadyKnown(sent.transaction)
        status = await node.check()
        assert (status.height, status.block_hash) == (height, block.hash)

    ask(chain, story)


def test_what_a_node_does_not_take_says_why(chain: DevMinter) -> None:
    """Each rejection has its reason and what the node wants instead; the pool stays empty."""
    chain.fund(APP, BIP)

    async def story(node: HttpMinterNode) -> None:
        async def why(raw: bytes) -> Rejected:
            outcome = await node.send(raw)
            assert isinstance(outcome, Rejected), outcome
            return outcome

        late = await why(payment(3, 1))
        assert (late.why, late.code, late.expected_nonce) == (Why.NONCE, 101, 1)
        poor = await why(payment(1, 2 * BIP))
        cost = await node.estimate_commission(payment(1, 2 * BIP))
        assert (poor.why, poor.code, poor.needed) == (Why.FUNDS, 107, Balance(0, 2 * BIP + cost))
        assert (await why(payment(1, 1, chain_id=1))).why is Why.CHAIN
        assert (await why(payment(1, 1, gas_coin=5))).why is Why.COIN
        assert (await why(payment(1, 1)[:-1])).why is Why.FORM
        assert await node.unconfirmed() == ()
        assert isinstance(await node.send(payment(1, 1)), Accepted)
        second = await why(payment(1, 2))
        assert (second.why, second.error.kind) == (Why.ONE_PER_BLOCK, "unavailable")

    ask(chain, story)
    assert problem(chain, lambda node: node.estimate_commission(b"\xc0")).code == "node.form"


def test_a_failed_transaction_is_seen(chain: DevMinter) -> None:
    """A transaction that failed in its block is there and found by its hash; its nonce is not used up."""
    chain.fund(APP, BIP)
    raw = payment(1, 2 * BIP)
    chain.control("/inject", tx="0x" + raw.hex())
    height = chain.mine()

    async def story(node: HttpMinterNode) -> None:
        block = await node.block(height)
        assert block is not None
        (failed,) = block.transactions
        assert (failed.raw, failed.code, failed.failed) == (raw, 107, True)
        assert await node.transaction(failed.hash) == failed
        assert (await node.account(APP)).next_nonce == 1

    ask(chain, story)


def test_a_wallets_owners_are_read(chain: DevMinter) -> None:
    """Before its creation an address is no multisig, after it threshold, weights and owners are there; a past
    height is told as it was, one that is not kept is not told at all."""
    chain.fund(APP, BIP)
    before = chain.height()

    async def story(node: HttpMinterNode) -> None:
        assert (await node.account(WALLET)).multisig is None
        creation = sealed(creation_of(wallet_record(network=TESTNET)))
        assert isinstance(await node.send(creation), Accepted)
        height = chain.mine()
        made = (await node.account(WALLET)).multisig
        assert made is not None
        assert made.threshold == 2
        assert sorted(made.owners, key=lambda one: one.address) == [
            Owner(address, 1) for address in sorted((HOT, COOL, COLD))
        ]
        found = await node.block(height)
        assert found is not None
        assert found.transactions[0].tag("tx.created_multisig") == WALLET[2:]
        assert (await node.account(WALLET, before)).multisig is None
        (there,) = await node.accounts([WALLET], height)
        assert there.multisig == made
        chain.mine(130)
        for lost in (before, height + 1000):
            with pytest.raises(KeepcoolError, match=r"node\.state_gone"):
                await node.account(WALLET, lost)

    ask(chain, story)


def test_coins_that_come_without_a_transaction_are_told(chain: DevMinter) -> None:
    """A reward and an unlocked token stand among the events of their block and in the balances."""
    chain.control("/give", address=HOT, pip="5")
    chain.control("/give", address=HOT, pip="7", coin=TOKEN.id)
    height = chain.mine()
    block = ask(chain, lambda node: node.block(height))
    assert block is not None
    assert block.events == (Event("RewardEvent", HOT, 0, 5), Event("UnlockEvent", HOT, TOKEN.id, 7))
    assert ask(chain, lambda node: node.account(HOT)).balances == (Balance(0, 5), Balance(TOKEN.id, 7))


class Later:
    """A minute after now."""

    def now_ms(self) -> int:
        return SystemClock().now_ms() + 60_000


def test_a_sick_node_is_told_from_a_sound_one(chain: DevMinter) -> None:
    """Nonsense, delays, another chain, catching up and a chain that stands still each have their code; once
    mended the same node is believed again."""
    chain.faults(nonsense={"/address": "{}"}, broken={"/min_gas_price": 503})
    assert problem(chain, lambda node: node.account(HOT)).code == "node.nonsense"
    assert problem(chain, lambda node: node.min_gas_price()).code == "node.http"
    chain.mend()
    chain.faults(delay_ms=5000)
    assert problem(chain, lambda node: node.status(), timeout_s=0.5).code == "node.timeout"
    chain.mend()
    chain.faults(catching_up=True)
    assert problem(chain, lambda node: node.check()).code == "node.syncing"
    chain.mend()
    assert problem(chain, lambda node: node.check(), tip_age_s_max=30, clock=Later()).code == "node.lagging"
    assert (
        problem(chain, lambda node: node.status(), chain_name="minter-testnet-9").code == "node.wrong_chain"
    )
    assert ask(chain, lambda node: node.account(HOT)).balances == ()


def test_an_answer_that_never_came_leaves_the_payment_open(chain: DevMinter) -> None:
    """A node that takes a transaction and answers with a time-out: Unavailable, and the payment comes all the
    same, which is why nothing is ever paid again on such an answer."""
    chain.fund(APP, BIP)
    chain.faults(hidden_sends=True)
    raw = payment(1, 5)
    assert problem(chain, lambda node: node.send(raw)).kind == "unavailable"
    chain.mend()
    assert isinstance(ask(chain, lambda node: node.send(raw)), AlreadyKnown)
    chain.mine()
    assert ask(chain, lambda node: node.account(HOT)).pip() == 5


def through_a_liar(
    chain: DevMinter,
    lie: Callable[[Any], Any],
    story: Callable[[HttpMinterNode, HttpMinterNode], Awaitable[None]],
) -> None:
    """A second node of the same chain that changes what it says."""

    async def pass_on(request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session, session.get(chain.url + request.path_qs) as answer:
            return web.json_response(lie(await answer.json()), status=answer.status)

    async def life() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", pass_on)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        true = HttpMinterNode(TESTNET, chain.url, SystemClock(), name="true")
        false = HttpMinterNode(TESTNET, url, SystemClock(), name="false")
        try:
            await story(true, false)
        finally:
            await asyncio.gather(true.close(), false.close())
            await runner.cleanup()

    asyncio.run(life())


def test_a_node_that_invents_coins_is_not_believed(chain: DevMinter) -> None:
    """One of two nodes shows a balance nobody has: no answer, and the difference is named. Alone it would
    have been believed."""
    chain.fund(HOT, 5)

    def lie(told: Any) -> Any:
        if "balance" in told:
            told["balance"][0]["value"] = str(BIP)
        return told

    async def story(true: HttpMinterNode, false: HttpMinterNode) -> None:
        with pytest.raises(KeepcoolError, match=r"node\.disagree.*true said 5, false said 10{18}"):
            await AgreeingNodes([true, false]).account(HOT)
        assert (await AgreeingNodes([false]).account(HOT)).pip() == BIP

    through_a_liar(chain, lie, story)


def test_a_node_that_hides_a_failure_is_not_believed(chain: DevMinter) -> None:
    """A failed payment that one node calls successful is no payment while another says that it failed."""
    chain.fund(APP, BIP)
    chain.control("/inject", tx="0x" + payment(1, 2 * BIP).hex())
    height = chain.mine()

    def lie(told: Any) -> Any:
        for one in told.get("transactions", []):
            one["code"] = "0"
        return told

    async def story(true: HttpMinterNode, false: HttpMinterNode) -> None:
        with pytest.raises(KeepcoolError, match=r"node\.disagree.*code: true said 107, false said 0"):
            await AgreeingNodes([true, false]).block(height)
        alone = await AgreeingNodes([false]).block(height)
        assert alone is not None
        assert not alone.transactions[0].failed

    through_a_liar(chain, lie, story)


def test_two_sound_nodes_agree(chain: DevMinter) -> None:
    """Two nodes of one chain tell accounts, blocks and their common status as one."""
    chain.fund(HOT, 5)

    async def story(true: HttpMinterNode, false: HttpMinterNode) -> None:
        nodes = AgreeingNodes([true, false])
        height = (await nodes.check()).height
        assert (await nodes.account(HOT)).pip() == 5
        assert [one.pip() for one in await nodes.accounts([HOT, COOL])] == [5, 0]
        assert await nodes.block(height) == await true.block(height)
        assert await nodes.block(height + 1) is None
        assert nodes.dissent is None

    through_a_liar(chain, lambda told: told, story)


@pytest.mark.parametrize("deaf", [False, True])
def test_heights_come_without_a_gap(*, deaf: bool) -> None:
    """While the chain runs and its subscriptions end each second, or are refused, every height comes once."""
    with running_minter(Pace(block_ms=100, subscription_s=1)) as chain:
        chain.faults(deaf=deaf)

        async def story(node: HttpMinterNode) -> None:
            heights = Heights(node, chain.url, after=0, poll_s=0.2)
            try:
                async with asyncio.timeout(BOUND_S):
                    steps = [(await anext(heights), heights.subscribed) for _ in range(30)]
                assert [height for height, _ in steps] == list(range(1, 31))
                assert any(subscribed for _, subscribed in steps) is not deaf
            finally:
                await heights.close()

        ask(chain, story)
