"""An EVM node behind the port `EvmNode`.

Laws: nothing is read from a node before it has shown the network's chain id, and again after it was away;
an answer about another block, transaction or contract than asked for is nonsense, not an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from keepcool.adapters.evmnode import answers, complaints
from keepcool.adapters.evmnode.rpc import Rpc
from keepcool.adapters.jsonrpc.calls import Ask, Complaint, Param, Said
from keepcool.chains.evm.address import raw_of
from keepcool.chains.evm.assets import chain_id_of
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.ports.evmnode import (
    At,
    Block,
    Call,
    Fees,
    Header,
    Holding,
    Log,
    Receipt,
    Sending,
    Sent,
    Tag,
    Transaction,
)
from keepcool.ports.system import Clock

_BALANCE_OF = bytes.fromhex("70a08231")
_FEE_BLOCKS = 20
_NO_SUCH = (-32601, -32602)  # no such method, no such parameter
T = TypeVar("T")


class HttpEvmNode:
    """`tip_age_s_max` is how old the newest block may be before the node counts as lagging; None where
    blocks come only when somebody sends something."""

    def __init__(
        self,
        network: NetworkId,
        url: str,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        tip_age_s_max: int | None = None,
        name: str | None = None,
    ) -> None:
        self._network, self._chain_id = network, chain_id_of(network)
        self._clock, self._tip_age_s_max = clock, tip_age_s_max
        self._rpc = Rpc(name or f"the node of {network}", url, timeout_s)
        self._recognised = False

    async def close(self) -> None:
        await self._rpc.close()

    async def check(self) -> Header:
        asks = [Ask("eth_chainId"), Ask("eth_syncing"), Ask("eth_getBlockByNumber", ("latest", False))]
        chain, syncing, latest = await self._reached(asks)
        self._recognise(chain)
        if self._result("eth_syncing", syncing) != b"false":
            raise Unavailable("node.syncing", f"{self._rpc.name} is still catching up with its chain")
        tip = self._read("eth_getBlockByNumber", latest, lambda text: answers.parsed(text, answers.RawHeader))
        header = self._sense("eth_getBlockByNumber", tip.read)
        age_s = self._clock.now_ms() // 1000 - header.timestamp_s
        if self._tip_age_s_max is not None and age_s > self._tip_age_s_max:
            text = f"{self._rpc.name} lags: its newest block is {age_s} s old"
            raise Unavailable("node.lagging", text, age_s=age_s)
        return header

    async def header(self, at: At) -> Header | None:
        method, ask = _block_ask(at, whole=False)
        raw = await self._maybe(method, ask, answers.RawHeader)
        return None if raw is None else self._asked_for(at, self._sense(method, raw.read))

    async def block(self, at: int | bytes) -> Block | None:
        method, ask = _block_ask(at, whole=True)
        raw = await self._maybe(method, ask, answers.RawBlock)
        if raw is None:
            return None
        block = self._sense(method, raw.whole)
        self._asked_for(at, block.header)
        return block

    async def logs(
        self, block_hash: bytes, *, addresses: Sequence[str], topics: Sequence[Sequence[bytes]]
    ) -> tuple[Log, ...]:
        where: dict[str, Param] = {"blockHash": _hex(block_hash)}
        if addresses:
            where["address"] = list(addresses)
        where["topics"] = [[_hex(topic) for topic in position] or None for position in topics]
        method = "eth_getLogs"
        rows = await self._one(Ask(method, (where,)), lambda t: answers.parsed(t, list[answers.RawLog]))
        if any(row.removed for row in rows):
            raise Unavailable("node.block_unknown", f"{self._rpc.name} gave a block up while it was read")
        logs = self._sense(method, lambda: tuple([row.read() for row in rows]))
        fits = _filter(block_hash, addresses, topics)
        return self._right(method, logs, fits=all(map(fits, logs)))

    async def balance(self, address: str, at: At = Tag.LATEST) -> int:
        return (await self.balances([Holding(address)], at))[0]

    async def balances(self, holdings: Sequence[Holding], at: At) -> list[int]:
        said = await self._asked([_balance_ask(holding, _at(at)) for holding in holdings])
        return [self._balance(holding, one) for holding, one in zip(holdings, said, strict=True)]

    async def nonce(self, address: str, at: At = Tag.LATEST) -> int:
        return await self._one(Ask("eth_getTransactionCount", (address, _at(at))), _number)

    async def code(self, address: str, at: At = Tag.LATEST) -> bytes:
        return await self._one(Ask("eth_getCode", (address, _at(at))), _bytes)

    async def receipt(self, transaction: bytes) -> Receipt | None:
        method = "eth_getTransactionReceipt"
        raw = await self._maybe(method, Ask(method, (_hex(transaction),)), answers.RawReceipt)
        if raw is None:
            return None
        receipt = self._sense(method, raw.read)
        return self._right(method, receipt, fits=receipt.transaction == transaction)

    async def transaction(self, transaction: bytes) -> Transaction | None:
        method = "eth_getTransactionByHash"
        raw = await self._maybe(method, Ask(method, (_hex(transaction),)), answers.RawTransaction)
        if raw is None:
            return None
        found = self._sense(method, raw.read)
        return self._right(method, found, fits=found.hash == transaction)

    async def call(self, call: Call, at: At = Tag.LATEST) -> bytes:
        supposed: tuple[Param, ...] = ({call.to: {"code": _hex(call.supposed)}},) if call.supposed else ()
        (said,) = await self._asked([Ask("eth_call", (_call(call), _at(at), *supposed))])
        if supposed and isinstance(said, Complaint) and said.code in _NO_SUCH:
            text = f"{self._rpc.name} cannot suppose other code than there is"
            raise Refused("node.no_rehearsals", text)
        return self._read("eth_call", said, _bytes)

    async def estimate_gas(self, call: Call) -> int:
        return await self._one(Ask("eth_estimateGas", (_call(call),)), _number)

    async def fees(self) -> Fees:
        method = "eth_feeHistory"
        ask = Ask(method, (hex(_FEE_BLOCKS), "latest", (50,)))
        raw = await self._one(ask, lambda text: answers.parsed(text, answers.RawFees))
        return self._sense(method, lambda: _fees(raw))

    async def send_raw(self, raw: bytes) -> Sent:
        await self._recognised_node()
        transaction = keccak256(raw)
        said = await self._rpc.once(Ask("eth_sendRawTransaction", (_hex(raw),)))
        if isinstance(said, Complaint):
            return Sent(complaints.sending(said), transaction, complaints.cut(said.message))
        told = self._read("eth_sendRawTransaction", said, _bytes)
        return self._right(
            "eth_sendRawTransaction", Sent(Sending.ACCEPTED, transaction), fits=told == transaction
        )

    async def _one(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        return self._read(ask.method, (await self._asked([ask]))[0], read)

    async def _maybe(self, method: str, ask: Ask, kind: type[T]) -> T | None:
        said = (await self._asked([ask]))[0]
        if said == b"null" or (isinstance(said, Complaint) and complaints.is_unknown_block(said)):
            return None
        return self._read(method, said, lambda text: answers.parsed(text, kind))

    async def _asked(self, asks: Sequence[Ask]) -> list[Said]:
        if not asks:
            return []
        await self._recognised_node()
        return await self._reached(asks)

    async def _reached(self, asks: Sequence[Ask]) -> list[Said]:
        try:
            return await self._rpc.read(asks)
        except Unavailable:
            self._recognised = False  # what answers here next may be another node
            raise

    async def _recognised_node(self) -> None:
        if not self._recognised:
            self._recognise((await self._reached([Ask("eth_chainId")]))[0])

    def _recognise(self, said: Said) -> None:
        told = self._read("eth_chainId", said, _number)
        if told != self._chain_id:
            self._recognised = False
            text = f"{self._rpc.name} serves chain {told}, not {self._chain_id}; correct node_urls"
            raise Refused("node.wrong_chain", text, told=told, wanted=self._chain_id)
        self._recognised = True

    def _read(self, method: str, said: Said, read: Callable[[bytes], T]) -> T:
        text = self._result(method, said)
        return self._sense(method, lambda: read(text))

    def _result(self, method: str, said: Said) -> bytes:
        if isinstance(said, Complaint):
            raise complaints.error(f"{self._rpc.name} ({method})", said)
        return said

    def _sense(self, method: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise self._nonsense(method) from error

    def _right(self, method: str, value: T, *, fits: bool) -> T:
        if not fits:
            raise self._nonsense(method)
        return value

    def _asked_for(self, at: At, header: Header) -> Header:
        asked = not isinstance(at, Tag) and at not in (header.number, header.hash)
        return self._right("eth_getBlock", header, fits=not asked)

    def _balance(self, holding: Holding, said: Said) -> int:
        if holding.token is None:
            return self._read("eth_getBalance", said, _number)
        word = self._read("eth_call", said, _bytes)
        if len(word) != 32:
            text = f"{holding.token} does not answer balanceOf: it is no ERC-20 token at this block"
            raise Refused("node.reverted", text)
        return int.from_bytes(word, "big")

    def _nonsense(self, method: str) -> Unavailable:
        text = f"{self._rpc.name} answered {method} with something that is no answer to it"
        return Unavailable("node.nonsense", text)


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _at(at: At) -> Param:
    if isinstance(at, Tag):
        return at.value
    if isinstance(at, int):
        return hex(at)
    return {"blockHash": _hex(at)}


def _block_ask(at: At, *, whole: bool) -> tuple[str, Ask]:
    if isinstance(at, bytes):
        return "eth_getBlockByHash", Ask("eth_getBlockByHash", (_hex(at), whole))
    where = at.value if isinstance(at, Tag) else hex(at)
    return "eth_getBlockByNumber", Ask("eth_getBlockByNumber", (where, whole))


def _balance_ask(holding: Holding, at: Param) -> Ask:
    if holding.token is None:
        return Ask("eth_getBalance", (holding.address, at))
    data = _BALANCE_OF + bytes(12) + raw_of(holding.address)
    return Ask("eth_call", ({"to": holding.token, "data": _hex(data)}, at))


def _filter(
    block_hash: bytes, addresses: Sequence[str], topics: Sequence[Sequence[bytes]]
) -> Callable[[Log], bool]:
    """Whether a log is one of those asked for."""
    named = {raw_of(address) for address in addresses}
    wanted = [set(position) for position in topics]

    def fits(log: Log) -> bool:
        if log.block_hash != block_hash or (named and log.address not in named):
            return False
        if len(log.topics) < len(wanted):
            return False
        return all(not choice or topic in choice for choice, topic in zip(wanted, log.topics, strict=False))

    return fits


def _call(call: Call) -> dict[str, Param]:
    asked: dict[str, Param] = {"to": call.to, "data": _hex(call.data), "value": hex(call.value)}
    return asked if call.sender is None else asked | {"from": call.sender}


def _fees(raw: answers.RawFees) -> Fees:
    tips = sorted(answers.quantity(row[0]) for row in raw.reward or [] if row)
    if not raw.base_fee_per_gas:
        raise ValueError("no base fee")
    return Fees(answers.quantity(raw.base_fee_per_gas[-1]), tips[len(tips) // 2] if tips else 0)


def _number(text: bytes) -> int:
    return answers.quantity(answers.parsed(text, str))


def _bytes(text: bytes) -> bytes:
    return answers.data(answers.parsed(text, str))
