"""A Minter node behind the port `MinterNode`, for App and for signers alike.

Laws: nothing is read from a node before it has named the network's chain, and again after it was away; a
successful transaction that is signed for another chain gives a wrong node away; an answer about another
block, address or transaction than asked for is nonsense, not an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from keepcool.adapters.minternode import answers, claims, complaints
from keepcool.adapters.minternode.connections import Ask, Connections, Reply, place_of
from keepcool.chains.minter.address import parse_address
from keepcool.chains.minter.assets import chain_id_of
from keepcool.chains.minter.transaction import RAW_BYTES_MAX
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.ports.minternode import Accepted, Account, Block, Outcome, Status, Transaction
from keepcool.ports.system import Clock

_MAINNET, _TESTNET = 1, 2
_POOL_MAX = 100
_BATCH_ADDRESSES = 50
T = TypeVar("T")


class HttpMinterNode:
    """`tip_age_s_max` is how old the newest block may be before the node counts as lagging, None for a chain
    that is allowed to stand still. `chain_name` is what the node must call its chain; without it the name
    must fit the network, as minter-mainnet-4 fits minter:1."""

    def __init__(
        self,
        network: NetworkId,
        url: str,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        tip_age_s_max: int | None = None,
        chain_name: str | None = None,
        ca: Path | None = None,
        name: str | None = None,
    ) -> None:
        """Raises Malformed on a network that is not Minter's and Refused on a URL that is none."""
        self._network, self._chain = network, chain_id_of(network)
        self._clock, self._tip_age_s_max, self._chain_name = clock, tip_age_s_max, chain_name
        self._connections = Connections(name or f"the node at {place_of(url)}", url, timeout_s, ca=ca)
        self._recognised = False

    @property
    def name(self) -> str:
        return self._connections.name

    @property
    def place(self) -> str:
        """Where it is, for telling nodes apart; it may hold a key and is never shown."""
        return self._connections.place

    async def close(self) -> None:
        await self._connections.close()

    async def check(self) -> Status:
        status = await self.status()
        if status.catching_up:
            text = f"{self.name} is still catching up with its chain, at height {status.height}; wait for it"
            raise Unavailable("node.syncing", text, height=status.height)
        age_s = self._clock.now_ms() // 1000 - status.block_time_ms // 1000
        if self._tip_age_s_max is not None and age_s > self._tip_age_s_max:
            text = f"{self.name} lags: its newest block, {status.height}, is {age_s} s old"
            raise Unavailable("node.lagging", text, age_s=age_s)
        return status

    async def status(self) -> Status:
        raw = await self._value(Ask("/status"), answers.RawStatus)
        status = self._sense("status", raw.read)
        self._recognise(status.network)
        return status

    async def account(self, address: str, at: int | None = None) -> Account:
        await self._recognised_node()
        ask = Ask(f"/address/{parse_address(address)}" + (f"?height={at}" if at else ""))
        raw = await self._value(ask, answers.RawAccount)
        return self._sense("address", lambda: raw.read(address))

    async def accounts(self, addresses: Sequence[str], at: int | None = None) -> list[Account]:
        await self._recognised_node()
        wanted = list(dict.fromkeys(parse_address(address) for address in addresses))
        starts = range(0, len(wanted), _BATCH_ADDRESSES)
        batches = [self._batch(wanted[start : start + _BATCH_ADDRESSES], at) for start in starts]
        found = {one.address: one for batch in await asyncio.gather(*batches) for one in batch}
        return [found[address] for address in addresses]

    async def transaction(self, transaction: bytes) -> Transaction | None:
        await self._recognised_node()
        raw = await self._maybe(Ask(f"/transaction/Mt{transaction.hex()}"), answers.RawTransaction)
        if raw is None:
            return None
        found = self._sense("transaction", raw.read)
        self._verify("transaction", found)
        return self._right("transaction", found, fits=found.hash == transaction)

    async def block(self, height: int) -> Block | None:
        await self._recognised_node()
        ask = Ask(f"/block/{height}?failed_txs=true&events=true&fields=transactions")
        raw = await self._maybe(ask, answers.RawBlock)
        if raw is None:
            return None
        block = self._sense("block", raw.read)
        for one in block.transactions:
            self._verify("block", one)
        return self._right("block", block, fits=block.height == height)

    async def estimate_commission(self, raw: bytes) -> int:
        await self._recognised_node()
        ask = Ask(f"/estimate_tx_commission/0x{_fitting(raw).hex()}")
        told = await self._value(ask, answers.RawCommission)
        return self._sense("estimate_tx_commission", lambda: answers.pip(told.commission))

    async def min_gas_price(self) -> int:
        await self._recognised_node()
        told = await self._value(Ask("/min_gas_price"), answers.RawMinGasPrice)
        return self._sense("min_gas_price", lambda: answers.uint(told.min_gas_price, 32))

    async def unconfirmed(self, limit: int = _POOL_MAX) -> tuple[bytes, ...]:
        await self._recognised_node()
        size = max(1, min(limit, _POOL_MAX))
        told = await self._value(Ask(f"/unconfirmed_txs?limit={size}"), answers.RawPool)
        raws = self._sense("unconfirmed_txs", lambda: [answers.pooled(one) for one in told.transactions])
        return self._right("unconfirmed_txs", tuple(raws), fits=len(raws) <= size)

    async def send(self, raw: bytes) -> Outcome:
        try:
            await self._recognised_node()
        except Unavailable as error:
            raise Unavailable("node.unreachable", f"{error.public}; nothing was sent") from error
        transaction = sha256(_fitting(raw)).digest()
        body = msgspec.json.encode({"tx": "0x" + raw.hex()})
        reply = await self._connections.once(Ask("/send_transaction", body))
        return self._outcome(transaction, reply)

    def _outcome(self, transaction: bytes, reply: Reply) -> Outcome:
        if reply.status != 200:
            told = self._complaint("send_transaction", reply)
            became = complaints.outcome(transaction, told)
            if became is None:
                raise complaints.error(self.name, told)
            return became
        return self._sense("send_transaction", lambda: _taken(transaction, reply))

    async def _batch(self, wanted: Sequence[str], at: int | None) -> list[Account]:
        query = [("addresses", address) for address in wanted] + ([("height", str(at))] if at else [])
        raw = await self._value(Ask("/addresses?" + urlencode(query)), answers.RawAccounts)
        self._right("addresses", raw, fits=raw.addresses.keys() == set(wanted))
        return self._sense("addresses", lambda: [one.read(key) for key, one in raw.addresses.items()])

    async def _value(self, ask: Ask, kind: type[T]) -> T:
        return self._parsed(ask, await self._reached(ask), kind)

    async def _maybe(self, ask: Ask, kind: type[T]) -> T | None:
        reply = await self._reached(ask)
        if reply.status != 200 and complaints.is_unknown(self._complaint(_verb(ask), reply)):
            return None
        return self._parsed(ask, reply, kind)

    async def _reached(self, ask: Ask) -> Reply:
        try:
            return await self._connections.read(ask)
        except Unavailable:
            self._recognised = False  # what answers here next may be another node
            raise

    def _parsed(self, ask: Ask, reply: Reply, kind: type[T]) -> T:
        if reply.status != 200:
            raise complaints.error(self.name, self._complaint(_verb(ask), reply))
        return self._sense(_verb(ask), lambda: answers.parsed(reply.body, kind))

    def _complaint(self, verb: str, reply: Reply) -> complaints.Complaint:
        try:
            return complaints.complaint(reply)
        except ValueError as error:
            text = f"{self.name} answered {verb} with HTTP {reply.status} and no error of a Minter node"
            raise Unavailable("node.nonsense", text + "; is this its HTTP API v2?") from error

    async def _recognised_node(self) -> None:
        if not self._recognised:
            await self.status()

    def _recognise(self, told: str) -> None:
        self._recognised = self._fits(told)
        if not self._recognised:
            wanted = self._chain_name or self._network
            text = (
                f"{self.name} serves {told!r}, not {wanted}; correct its URL, or set chain_name to its name"
            )
            raise Refused("node.wrong_chain", text, told=told, wanted=wanted)

    def _fits(self, told: str) -> bool:
        if self._chain_name is not None:
            return told == self._chain_name
        if "mainnet" in told:
            return self._chain == _MAINNET
        return self._chain != _MAINNET and ("testnet" not in told or self._chain == _TESTNET)

    def _verify(self, verb: str, one: Transaction) -> None:
        told = self._sense(verb, lambda: claims.verify(one, self._chain))
        if told != self._chain:
            self._recognised = False
            text = f"{self.name} has a transaction of chain {told} in a block, not of {self._network}"
            raise Refused("node.wrong_chain", text + "; correct its URL", told=told, wanted=self._chain)

    def _sense(self, verb: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            raise self._nonsense(verb) from error

    def _right(self, verb: str, value: T, *, fits: bool) -> T:
        if not fits:
            raise self._nonsense(verb)
        return value

    def _nonsense(self, verb: str) -> Unavailable:
        return Unavailable(
            "node.nonsense", f"{self.name} answered {verb} with something that is no answer to it"
        )


def _taken(transaction: bytes, reply: Reply) -> Outcome:
    told = answers.parsed(reply.body, answers.RawSent)
    if answers.prefixed_digest(told.hash) != transaction:
        raise ValueError("another transaction")
    code = answers.uint(told.code, 32)
    if code == 0:
        return Accepted(transaction)
    said = complaints.Complaint(reply.status, code, answers.printable(told.log), {})
    return complaints.rejected(transaction, code, said)


def _fitting(raw: bytes) -> bytes:
    if not 1 <= len(raw) <= RAW_BYTES_MAX:
        raise Malformed("transaction.size", f"no Minter transaction has {len(raw)} bytes")
    return raw


def _verb(ask: Ask) -> str:
    return ask.path.split("/")[1].partition("?")[0]
