"""A server that talks nonsense, too much, too slowly or of another chain instead of a Minter node."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from keepcool.adapters.minternode import connections
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.ids import NetworkId
from keepcool.ports.minternode import Accepted, AlreadyKnown, Rejected, Why
from tests.unit.adapters.test_minternode_answers import (
    ACCOUNT,
    BLOCK,
    COOL,
    HOT,
    RAW,
    SEND,
    STATUS,
    TRANSACTION,
)
from tests.vectors.minter import named

pytestmark = pytest.mark.live
MAINNET = NetworkId("minter:1")
HASH = bytes.fromhex(SEND["tx_hash"][2:])
SENT = {"code": "0", "log": "", "hash": SEND["tx_hash"]}
Ask = Callable[[HttpMinterNode], Awaitable[Any]]


class OldClock:
    """30 s after the newest block of STATUS."""

    def now_ms(self) -> int:
        return 1_653_666_988_140


class Server:
    """Answers each path's beginning with a body, or with (status, body), or with bytes as they are sent."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {"/v2/status": STATUS} | answers
        self.asked: list[str] = []
        self.connected = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                size = next((int(one.split(":")[1]) for one in lines if one.startswith("Content-Length")), 0)
                await reader.readexactly(size)
                await self._answer(lines[0].split()[1], writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        self.asked.append(path)
        fitting = [key for key in sorted(self.answers, reverse=True) if path.startswith(key)]
        said: Any = self.answers[fitting[0]] if fitting else {}
        if callable(said):
            await said(writer)
            return
        status, body = said if isinstance(said, tuple) else (200, said)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text)
        await writer.drain()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


def talk(answers: dict[str, Any], ask: Ask, **how: Any) -> tuple[Any, Server]:
    """What our client makes of a server that gives these answers."""

    async def life() -> tuple[Any, Server]:
        server = Server(answers)
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1024 * 1024)
        port = listener.sockets[0].getsockname()[1]
        node = HttpMinterNode(
            how.pop("network", MAINNET), f"http://user:SECRET@127.0.0.1:{port}/v2/", OldClock(), **how
        )
        try:
            return await ask(node), server
        finally:
            await node.close()
            server.hang_up()
            listener.close()

    return asyncio.run(life())


def value(answers: dict[str, Any], ask: Ask, **how: Any) -> Any:
    return talk(answers, ask, **how)[0]


def problem(answers: dict[str, Any], ask: Ask, **how: Any) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        talk(answers, ask, **how)
    assert "SECRET" not in str(caught.value)
    return caught.value


def account(node: HttpMinterNode) -> Awaitable[Any]:
    return node.account(HOT)


def accounts(node: HttpMinterNode) -> Awaitable[Any]:
    return node.accounts([HOT, COOL, HOT], 5)


def block(node: HttpMinterNode) -> Awaitable[Any]:
    return node.block(7)


def transaction(node: HttpMinterNode) -> Awaitable[Any]:
    return node.transaction(HASH)


def send(node: HttpMinterNode) -> Awaitable[Any]:
    return node.send(RAW)


def test_reads_what_a_node_says() -> None:
    """Every kind of read, asked for as the API wants it, comes back as our value."""
    node_says = {
        f"/v2/address/{HOT}": ACCOUNT,
        "/v2/addresses?": {"addresses": {HOT: ACCOUNT, COOL: ACCOUNT}},
        "/v2/block/7?failed_txs=true&events=true": BLOCK,
        f"/v2/transaction/{SEND['tx_hash']}": TRANSACTION,
        f"/v2/estimate_tx_commission/0x{RAW.hex()}": {"commission": "100"},
        "/v2/min_gas_price": {"min_gas_price": "2"},
        "/v2/unconfirmed_txs?limit=100": {"transactions": ["Tx{" + RAW.hex().upper() + "}"]},
    }
    assert value(node_says, account).pip() == 10**18
    told, server = talk(node_says, accounts)
    assert [one.address for one in told] == [HOT, COOL, HOT]
    assert server.asked[-1].endswith("&height=5")
    assert value(node_says, block).transactions[0].raw == RAW
    assert value(node_says, transaction).sender == HOT
    assert value(node_says, lambda node: node.estimate_commission(RAW)) == 100
    assert value(node_says, lambda node: node.min_gas_price()) == 2
    assert value(node_says, lambda node: node.unconfirmed()) == (RAW,)
    assert value(node_says, lambda node: node.check()).height == 2**64 - 1


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b"null", b"[" * 100_000, b'{"balance": []}', json.dumps(STATUS).encode()],
)
def test_a_body_that_is_no_answer_is_nonsense(body: bytes) -> None:
    """A body that is not the answer to this question is never taken for an empty account."""
    assert problem({"/v2/address": body}, account).code == "node.nonsense"


def test_many_accounts_come_in_few_questions() -> None:
    """120 addresses are three questions, and the answers come back in the order asked for."""
    many = [f"Mx{at:040x}" for at in range(120)]
    parts = {f"/v2/addresses?addresses={many[at]}": many[at : at + 50] for at in (0, 50, 100)}
    says = {path: {"addresses": dict.fromkeys(part, ACCOUNT)} for path, part in parts.items()}
    told, server = talk(says, lambda node: node.accounts([*many, many[0]]))
    assert [one.address for one in told] == [*many, many[0]]
    assert sum(one.startswith("/v2/addresses") for one in server.asked) == 3


def test_what_was_not_asked_for_is_nonsense() -> None:
    """Another block, another transaction, another set of accounts than asked for is no answer."""
    other = TRANSACTION | {
        "hash": named("send testnet").row["tx_hash"],
        "raw_tx": named("send testnet").raw.hex(),
    }
    for said, ask in (
        ({"/v2/block": BLOCK | {"height": "8", "transactions": [], "transaction_count": "0"}}, block),
        ({"/v2/transaction": other | {"code": "1"}}, transaction),
        ({"/v2/addresses": {"addresses": {HOT: ACCOUNT}}}, accounts),
        (
            {"/v2/addresses": {"addresses": {HOT: ACCOUNT, COOL: ACCOUNT, "Mx" + "00" * 20: ACCOUNT}}},
            accounts,
        ),
        ({"/v2/unconfirmed": {"transactions": ["Tx{00}"] * 3}}, lambda node: node.unconfirmed(2)),
    ):
        assert problem(said, ask).code == "node.nonsense"


def test_absence_is_the_nodes_own_word() -> None:
    """A node's 404 means no such block; a 404 of something in between means nothing."""
    gone = (404, {"error": {"code": "404", "message": "Block not found", "data": {}}})
    assert value({"/v2/block": gone}, block) is None
    assert value({"/v2/transaction": gone}, transaction) is None
    assert problem({"/v2/address": gone}, account).code == "node.state_gone"
    assert problem({"/v2/block": (404, b"<html>not found</html>")}, block).code == "node.nonsense"


@pytest.mark.parametrize(
    ("network", "told", "how", "fits"),
    [
        ("minter:1", "minter-mainnet-4", {}, True),
        ("minter:1", "minter-testnet-9", {}, False),
        ("minter:1", "something", {}, False),
        ("minter:2", "minter-testnet-9", {}, True),
        ("minter:2", "minter-mainnet-4", {}, False),
        ("minter:7", "something", {}, True),
        ("minter:7", "minter-testnet-9", {}, False),
        ("minter:1", "my-own", {"chain_name": "my-own"}, True),
        ("minter:1", "minter-mainnet-4", {"chain_name": "minter-mainnet-5"}, False),
    ],
)
def test_another_chain_is_refused(network: str, told: str, how: dict[str, Any], *, fits: bool) -> None:
    """A node that names another chain is asked nothing and sent nothing."""
    says = {"/v2/status": STATUS | {"network": told}, "/v2/address": ACCOUNT, "/v2/send": SENT}
    if fits:
        assert value(says, account, network=NetworkId(network), **how).address == HOT
        return
    for ask in (account, send, lambda node: node.check()):
        error = problem(says, ask, network=NetworkId(network), **how)
        assert (error.kind, error.code) == ("refused", "node.wrong_chain")


def test_a_block_of_another_chain_gives_the_node_away() -> None:
    """A block whose successful transaction is signed for another chain id is refused, whatever its name."""
    foreign = named("send testnet")
    one = TRANSACTION | {
        "raw_tx": foreign.raw.hex(),
        "hash": foreign.row["tx_hash"],
        "from": foreign.decoded["sender"],
        "nonce": str(foreign.decoded["nonce"]),
    }
    said = {"/v2/block": BLOCK | {"transactions": [one]}}
    assert problem(said, block).code == "node.wrong_chain"
    failed = {"/v2/block": BLOCK | {"transactions": [one | {"code": "115"}]}}
    assert value(failed, block).transactions[0].code == 115


def test_a_check_says_what_is_wrong() -> None:
    """A node that catches up or lags is told apart, with its height or its age."""
    syncing = problem({"/v2/status": STATUS | {"catching_up": True}}, lambda node: node.check())
    assert (syncing.kind, syncing.code) == ("unavailable", "node.syncing")
    lagging = problem({}, lambda node: node.check(), tip_age_s_max=29)
    assert lagging.code == "node.lagging"
    assert "30 s old" in lagging.public
    assert value({}, lambda node: node.check(), tip_age_s_max=30).network == "minter-mainnet-4"


def test_a_read_is_repeated_and_a_send_never() -> None:
    """A node that breaks off is read three times and sent to once, on a connection of its own."""

    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def life(path: str, ask: Ask) -> tuple[int, str]:
        server = Server({path: hang_up})
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        node = HttpMinterNode(MAINNET, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", OldClock())
        with pytest.raises(KeepcoolError) as caught:
            await ask(node)
        await node.close()
        listener.close()
        return sum(one.startswith(path) for one in server.asked), caught.value.code

    assert asyncio.run(life("/v2/address", account)) == (3, "node.lost")
    assert asyncio.run(life("/v2/send_transaction", send)) == (1, "node.lost")


def test_what_was_sent_is_told_as_far_as_it_is_known() -> None:
    """Accepted, known and rejected are outcomes; an answer about something else leaves it open."""
    path = "/v2/send_transaction"
    assert value({path: SENT}, send) == Accepted(HASH)
    known = (409, {"error": {"code": "409", "message": "tx already exists in cache", "data": {}}})
    assert value({path: known}, send) == AlreadyKnown(HASH)
    data = {"expected_nonce": "5", "got_nonce": "1"}
    wrong = value(
        {path: (400, {"error": {"code": "101", "message": "Unexpected nonce", "data": data}})}, send
    )
    assert (wrong.why, wrong.expected_nonce) == (Why.NONCE, 5)
    inside = value({path: SENT | {"code": "412", "log": "no"}}, send)
    assert isinstance(inside, Rejected)
    assert (inside.why, inside.code, inside.text) == (Why.OTHER, 412, "no")
    assert problem({path: SENT | {"hash": "Mt" + "00" * 32}}, send).code == "node.nonsense"
    assert problem({path: (504, {"error": {"code": "504", "message": "late"}})}, send).code == "node.error"


def test_only_an_unreached_node_was_surely_sent_nothing() -> None:
    """Nobody listens: node.unreachable. No word before the send is even made: the same, nothing was sent."""

    async def nobody() -> str:
        node = HttpMinterNode(MAINNET, "http://127.0.0.1:9", OldClock())
        with pytest.raises(KeepcoolError) as caught:
            await node.send(RAW)
        return caught.value.code

    assert asyncio.run(nobody()) == "node.unreachable"
    assert problem({"/v2/status": (503, b"away")}, send).code == "node.unreachable"


@pytest.mark.parametrize("where", ["head", "body"])
def test_a_node_that_drips_is_given_up(where: str) -> None:
    """A byte now and then, for ever, ends with the time of the exchange and holds no thread."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        if where == "body":
            writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"X")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def ask_often(node: HttpMinterNode) -> str:
        said = await asyncio.gather(*[node.min_gas_price() for _ in range(9)], return_exceptions=True)
        assert {getattr(one, "code", one) for one in said} == {"node.timeout"}
        return (await node.status()).network

    assert value({"/v2/min_gas_price": drip}, ask_often, timeout_s=2) == "minter-mainnet-4"


def test_an_answer_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its size limit an answer is given up, once and not three times."""
    monkeypatch.setattr(connections, "ANSWER_BYTES_MAX", 1000)
    with_more = {"/v2/address": ACCOUNT | {"more": "x" * 1000}}
    with pytest.raises(KeepcoolError, match="without an end"):
        talk(with_more, account)
    assert value({"/v2/address": ACCOUNT}, account).address == HOT


def test_an_answer_cut_short_is_none() -> None:
    """Fewer bytes than announced are a lost answer, repeated and then given up."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n{}")
        await writer.drain()
        writer.close()

    assert problem({"/v2/address": cut}, account).code == "node.lost"


def test_connections_are_kept_and_replaced() -> None:
    """Reads one after another share a connection; when the node hung up meanwhile, a new one is made."""

    async def twice(node: HttpMinterNode) -> None:
        for _ in range(5):
            await node.account(HOT)

    _, server = talk({"/v2/address": ACCOUNT}, twice)
    assert server.connected == 1

    async def answer_and_hang_up(writer: asyncio.StreamWriter) -> None:
        text = json.dumps(ACCOUNT).encode()
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        await writer.drain()
        writer.close()

    _, server = talk({"/v2/address": answer_and_hang_up}, twice)
    assert 2 <= server.connected <= 11


def test_an_address_of_another_form_never_leaves() -> None:
    """Nodes pad and crop addresses in silence, so one that is not exactly 40 digits is refused here."""
    for text in (HOT[:-1], HOT + "0", HOT.upper(), "0x" + HOT[2:], HOT + "?height=1"):
        error = problem({"/v2/address": ACCOUNT}, functools.partial(HttpMinterNode.account, address=text))
        assert error.kind == "malformed"


def test_one_node_written_in_two_ways_is_one() -> None:
    """The path's end and a key make no other node of a URL; another port or path does."""
    urls = ("http://Node:1", "http://key@node:1/v2/", "http://node:2", "http://node:1/other")
    places = [HttpMinterNode(MAINNET, url, OldClock()).place for url in urls]
    assert places[0] == places[1]
    assert len(set(places)) == 3


@pytest.mark.parametrize(
    "url", ["ftp://node:1", "http://", "node:8843", "http://node:1?key=1", "http://node:99999", "http://[::1"]
)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    """Anything but http(s)://host:port is refused when the node is configured."""
    with pytest.raises(Refused, match=r"node\.url"):
        HttpMinterNode(MAINNET, url, OldClock())
    with pytest.raises(Malformed):
        HttpMinterNode(NetworkId("minter:256"), "http://node:1", OldClock())
