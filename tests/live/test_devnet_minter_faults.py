"""What the simulator does wrong on demand, and what survives its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from keepcool.core.errors import Unavailable
from keepcool.local.minterchain import DevMinter, Pace
from tests.fixtures.minter_signing import APP, HOT, SOMEBODY, address, owners, send, shown, single, wallet_of
from tests.fixtures.minterchain import BIP, running_minter

pytestmark = pytest.mark.live
PATIENCE_S = 90
NEW_BLOCK, TX = "tm.event='NewBlock'", "tm.event='Tx'"
WHO = shown(address(APP))


@pytest.fixture
def chain() -> Iterator[DevMinter]:
    with running_minter() as running:
        running.fund(WHO, 100 * BIP)
        yield running


async def heard(chain: DevMinter, query: str, act: Any = None) -> list[dict[str, Any]]:
    """Everything a subscriber is told until the server closes; `act` runs when it listens."""
    url = f"{chain.url.replace('http', 'ws')}/v2/subscribe?query={quote(query)}"
    async with (
        asyncio.timeout(PATIENCE_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(url) as socket,
    ):
        if act is not None:
            await asyncio.to_thread(act)
        return [json.loads(message.data) async for message in socket]


def test_a_subscription_ends_by_itself() -> None:
    """It tells of each new block and is closed by the server when its time is up."""
    with running_minter(Pace(block_ms=0, subscription_s=5)) as chain:
        told = asyncio.run(heard(chain, NEW_BLOCK, lambda: chain.mine(2)))
    heights = [one["result"]["data"]["value"]["block"]["header"]["height"] for one in told]
    assert heights == ["2", "3"]


def test_a_subscription_filters_transactions() -> None:
    """Only transactions to the asked recipient are told."""
    with running_minter(Pace(block_ms=0, subscription_s=5)) as chain:
        chain.fund(WHO, BIP)

        def act() -> None:
            for nonce, to in ((1, SOMEBODY), (2, address(HOT))):
                assert chain.send(single(send(nonce, nonce, to=to), APP))[0] == 200
                chain.mine()

        told = asyncio.run(heard(chain, f"{TX} AND tags.tx.to='{address(HOT).hex()}'", act))
    found = [one["result"]["data"]["value"]["TxResult"] for one in told]
    assert [one["result"]["tags"]["tx.to"] for one in found] == [address(HOT).hex()]


def test_subscriptions_may_be_refused(chain: DevMinter) -> None:
    """A deaf server refuses the socket; a query that means nothing is 400."""
    assert chain.call("GET", "/v2/subscribe?query=nonsense")[0] == 400
    chain.faults(deaf=True)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        asyncio.run(heard(chain, NEW_BLOCK))


def test_makes_blocks_by_itself_until_it_stalls() -> None:
    """Blocks come on time; stalled, no more do, unless they are asked for; mended, they come again."""
    with running_minter(Pace(block_ms=50)) as chain:
        reach(chain, 3)
        chain.faults(stalled=True, catching_up=True)
        stalled = chain.height()
        assert {chain.ask("/status")["catching_up"] for _ in range(50)} == {True}
        assert chain.mine() == stalled + 1
        chain.mend()
        reach(chain, stalled + 3)
        assert chain.ask("/status")["catching_up"] is False


def test_lies_about_balances_owners_and_counts(chain: DevMinter) -> None:
    """A lie is told wherever an account is; the chain goes on with the truth, and mending ends the lie."""
    truth = chain.ask(f"/address/{WHO}")
    lie = {"threshold": "1", "weights": ["1"], "addresses": [shown(SOMEBODY)]}
    chain.faults(balances={WHO: {"0": "7", "1993": "8"}}, owners={WHO: lie}, counts={WHO: "41"})
    told = chain.ask(f"/address/{WHO}")
    assert {one["coin"]["id"]: one["value"] for one in told["balance"]} == {"0": "7", "1993": "8"}
    assert (told["multisig"], told["transaction_count"]) == (lie, "41")
    assert chain.ask(f"/addresses?addresses={WHO}")["addresses"][WHO] == told
    assert chain.send(single(send(1, BIP), APP))[0] == 200
    chain.mend()
    assert chain.ask(f"/address/{WHO}") == truth


def test_a_mirror_lies_alone() -> None:
    """Two servers show one chain: what one takes the other commits, and only the faulty one lies."""
    with running_minter(mirrors=1) as chain:
        (mirror,) = chain.mirrors
        chain.fund(WHO, 100 * BIP)
        mirror.faults(balances={WHO: {"0": "5"}})
        assert (mirror.balance(WHO), chain.balance(WHO)) == (5, 100 * BIP)
        assert mirror.send(single(send(1, BIP), APP))[0] == 200
        chain.mine()
        assert mirror.ask("/status") == chain.ask("/status")
        mirror.mend()
        assert mirror.balance(WHO) == chain.balance(WHO) == 99 * BIP - 10**13


def test_answers_nonsense_errors_and_late(chain: DevMinter) -> None:
    """Nonsense and HTTP errors on the named paths only; an answer may be late."""
    chain.faults(nonsense={"/status": '{"hello": 1}'}, broken={"/address": 503}, delay_ms=50)
    assert chain.ask("/status") == {"hello": 1}
    status, answer = chain.call("GET", f"/v2/address/{WHO}")
    assert (status, answer["error"]["code"]) == (503, "503")
    assert chain.ask("/min_gas_price") == {"min_gas_price": "1"}


def test_forgets_or_hides_what_it_takes(chain: DevMinter) -> None:
    """A silent send is answered well and lost; a hidden one is answered with 504 and committed."""
    raw = single(send(1, BIP), APP)
    chain.faults(silent_sends=True)
    assert chain.send(raw)[0] == 200
    chain.mine()
    assert chain.balance(shown(SOMEBODY)) == 0
    chain.faults(silent_sends=False, hidden_sends=True)
    assert chain.send(raw)[0] == 504
    chain.mine()
    assert chain.balance(shown(SOMEBODY)) == BIP


def test_a_misspelt_fault_is_refused(chain: DevMinter) -> None:
    """An unknown name or another form is 400, and nothing begins."""
    for wrong in ({"staled": True}, {"stalled": 1}, {"delay_ms": "5"}):
        with pytest.raises(Unavailable, match="no such fault"):
            chain.faults(**wrong)
    faults = chain.call("GET", "/devnet")[1]["faults"]
    assert not any(faults.values())


def test_a_stop_and_a_kill_lose_no_block(chain: DevMinter) -> None:
    """Blocks, balances, owners, coins and past states are there again; what only waited is not."""
    chain.control("/coin", id=42, symbol="NEW")
    chain.fund(WHO, 9, coin=42)
    raw = single(owners(1, [HOT]), APP)
    chain.send(raw)
    chain.mine()
    chain.send(single(send(2, BIP), APP))
    wallet, height = shown(wallet_of(APP, 1)), chain.height()
    before = [chain.ask(path) for path in (f"/address/{WHO}", f"/address/{wallet}", f"/block/{height}")]
    past = chain.ask(f"/address/{WHO}?height={height - 2}")
    for end in (chain.stop, chain.kill):
        end()
        chain.start()
        assert chain.height() == height
        paths = (f"/address/{WHO}", f"/address/{wallet}", f"/block/{height}")
        assert [chain.ask(path) for path in paths] == before
        assert chain.ask(f"/address/{WHO}?height={height - 2}") == past
        assert chain.ask("/unconfirmed_txs")["transactions"] == []
    assert chain.send(single(send(2, BIP), APP))[0] == 200


def test_control_refuses_what_means_nothing(chain: DevMinter) -> None:
    """Unknown coins, no number of blocks and unreadable transactions are refused, and nothing changed."""
    for path, body in (
        ("/give", {"address": WHO, "pip": 1, "coin": 99}),
        ("/give", {"address": WHO, "pip": -1}),
        ("/mine", {"blocks": 0}),
        ("/coin", {"id": 0, "symbol": "BIP"}),
        ("/inject", {"tx": "0x00"}),
    ):
        status, answer = chain.call("POST", f"/devnet{path}", body)
        assert status in (400, 404), answer
    assert chain.mine() == 3
    assert chain.balance(WHO) == 100 * BIP


def reach(chain: DevMinter, height: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while chain.height() < height:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
