"""A server that talks nonsense, too much, too late or of another chain instead of a node's answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.jsonrpc import bodies
from keepcool.core.errors import KeepcoolError
from keepcool.ports.evmnode import Sending
from tests.fixtures.chain import NETWORK, address_number

pytestmark = pytest.mark.live
Answer = Callable[[str, Any], Any]
Ask = Callable[[HttpEvmNode], Awaitable[Any]]
HASH = "0x" + "11" * 32
LOG = {
    "address": "0x" + "22" * 20,
    "topics": [HASH],
    "data": "0x",
    "logIndex": "0x0",
    "transactionHash": HASH,
    "blockNumber": "0x1",
    "blockHash": HASH,
}
HEADER = {
    "number": "0x5",
    "hash": HASH,
    "parentHash": HASH,
    "timestamp": "0x64",
    "gasLimit": "0x1c9c380",
    "baseFeePerGas": "0x1",
}


class OldClock:
    def now_ms(self) -> int:
        return 200_000


def talk(answers: dict[str, Any], ask: Ask, *, whole: str | None = None, tip_age_s: int | None = None) -> Any:
    """What our client makes of a server that gives these answers; `whole` replaces every body."""

    async def serve(request: web.Request) -> web.Response:
        asked = json.loads(await request.text())
        said = [_said(one, answers) for one in (asked if isinstance(asked, list) else [asked])]
        body = json.dumps(said if isinstance(asked, list) else said[0])
        return web.Response(text=body if whole is None else whole, content_type="application/json")

    async def life() -> Any:
        application = web.Application()
        application.router.add_post("/", serve)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        url = f"http://{host}:{port}/?key=SECRET"
        node = HttpEvmNode(NETWORK, url, OldClock(), timeout_s=2, tip_age_s_max=tip_age_s)
        try:
            return await ask(node)
        finally:
            await node.close()
            await runner.cleanup()

    return asyncio.run(life())


def _said(one: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    known = {"eth_chainId": "0x7a69", "eth_syncing": False} | answers
    answer = known.get(one["method"], "0x0")
    key = "error" if isinstance(answer, dict) and "code" in answer else "result"
    return {"jsonrpc": "2.0", "id": one["id"], key: answer}


def problem(answers: dict[str, Any], ask: Ask, **how: Any) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        talk(answers, ask, **how)
    assert "SECRET" not in str(caught.value)
    return caught.value


def balance(node: HttpEvmNode) -> Awaitable[int]:
    return node.balance(address_number(1))


def logs(node: HttpEvmNode) -> Awaitable[Any]:
    return node.logs(bytes.fromhex(HASH[2:]), addresses=[], topics=[])


@pytest.mark.parametrize(
    "nonsense",
    ["12", "0x", "0xzz", "0x" + "f" * 65, " 0x1", "0x1_0", 5, None, [], {"a": 1}, True, "-0x1"],
)
def test_a_number_that_is_none_is_nonsense(nonsense: object) -> None:
    """Anything but 0x and hex digits within 256 bits is no balance, above all not zero."""
    assert problem({"eth_getBalance": nonsense}, balance).code == "node.nonsense"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"id": 99, "result": "0x1"}', "[" * 100_000])
def test_a_body_that_is_no_answer_is_nonsense(body: str) -> None:
    """A body that is not the JSON-RPC answer to this question raises Unavailable."""
    assert problem({}, balance, whole=body).kind == "unavailable"


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("of another block", {"blockHash": "0x" + "33" * 32}, "node.nonsense"),
        ("removed", {"removed": True}, "node.block_unknown"),
        ("with a short address", {"address": "0x22"}, "node.nonsense"),
        ("with five topics", {"topics": [HASH] * 5}, "node.nonsense"),
        ("without an index", {"logIndex": None}, "node.nonsense"),
        ("with odd data", {"data": "0x1"}, "node.nonsense"),
    ],
)
def test_a_log_that_cannot_be_is_refused(name: str, change: dict[str, object], code: str) -> None:
    """One impossible log makes the whole answer no answer; the same log unchanged is read."""
    assert len(talk({"eth_getLogs": [LOG]}, logs)) == 1
    assert problem({"eth_getLogs": [LOG | change]}, logs).code == code


def test_an_answer_about_another_block_is_nonsense() -> None:
    """Asked for block 6 the node tells of block 5."""
    answers = {"eth_getBlockByNumber": HEADER}
    assert talk(answers, lambda node: node.header(5)).number == 5
    assert problem(answers, lambda node: node.header(6)).code == "node.nonsense"


def test_an_error_is_not_an_answer() -> None:
    """A node's own error is told, short and printable, and never taken for a value."""
    told = problem({"eth_getBalance": {"code": -32000, "message": "no\nmore " * 100}}, balance)
    assert told.code == "node.error"
    assert len(told.public) < 400
    assert "\n" not in told.public


def test_a_node_that_is_syncing_or_old_is_not_healthy() -> None:
    """A node that catches up, or whose newest block is too old, says so instead of telling an old truth."""
    answers: dict[str, Any] = {"eth_getBlockByNumber": HEADER}
    assert talk(answers, lambda node: node.check()).number == 5
    assert talk(answers, lambda node: node.check(), tip_age_s=100).number == 5
    assert problem(answers, lambda node: node.check(), tip_age_s=99).code == "node.lagging"
    busy = {"eth_syncing": {"currentBlock": "0x1"}}
    assert problem(answers | busy, lambda node: node.check()).code == "node.syncing"


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer beyond the bound is given up."""
    monkeypatch.setattr(bodies, "ANSWER_BYTES_MAX", 1000)
    assert problem({"eth_getBalance": "0x" + "0" * 2000}, balance).code == "node.nonsense"


def test_a_hash_that_is_not_the_transactions_is_nonsense() -> None:
    """The node claims to have taken another transaction than the one sent."""
    sent = problem({"eth_sendRawTransaction": HASH}, lambda node: node.send_raw(b"\x02\x01"))
    assert sent.code == "node.nonsense"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("already known", Sending.KNOWN),
        ("AlreadyKnown", Sending.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Sending.NONCE_TOO_LOW),
        ("OldNonce", Sending.NONCE_TOO_LOW),
        ("replacement transaction underpriced", Sending.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x1", Sending.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", Sending.UNDERPRICED),
        ("insufficient funds for gas * price + value", Sending.INSUFFICIENT_FUNDS),
        ("unknown transaction type", Sending.REJECTED),
    ],
)
def test_clients_say_the_same_in_different_words(text: str, outcome: Sending) -> None:
    """What geth, reth, Erigon, Nethermind and Besu say of a transaction has one meaning each."""
    answers = {"eth_sendRawTransaction": {"code": -32000, "message": text}}
    assert talk(answers, lambda node: node.send_raw(b"\x02")).outcome is outcome
