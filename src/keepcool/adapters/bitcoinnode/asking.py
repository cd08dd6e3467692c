"""Asking one node: its network first, then what is wanted, and sense made of what comes back.

Laws: nothing is read from a node before it has shown the network's genesis block, and again after it was
away; what makes no sense is told as nonsense and never believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from keepcool.adapters.bitcoinnode import answers, complaints
from keepcool.adapters.bitcoinnode.rpc import Rpc
from keepcool.adapters.jsonrpc.calls import Ask, Complaint, Said
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Refused, Unavailable

T = TypeVar("T")


class Asking:
    def __init__(
        self, network: Network, url: str, credentials: Path | None, timeout_s: float, name: str | None
    ) -> None:
        """Raises Refused when the URL is none of a node."""
        self._rpc = Rpc(name or f"the node of {network.name}", url, timeout_s, credentials)
        self._network = network
        self._recognised, self._rest = False, False

    @property
    def name(self) -> str:
        return self._rpc.name

    @property
    def place(self) -> str:
        """Where it is, for telling nodes apart; it is never shown."""
        return self._rpc.place

    async def close(self) -> None:
        await self._rpc.close()

    async def _one(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        return self._read(ask.method, (await self._asked([ask]))[0], read)

    async def _asked(self, asks: Sequence[Ask]) -> list[Said]:
        if not asks:
            return []
        await self._recognised_node()
        return await self._reached(asks)

    async def _reached(self, asks: Sequence[Ask]) -> list[Said]:
        try:
            return await self._rpc.read(asks)
        except Unavailable:
            self._recognised = False  # what answers next may be another node
            raise

    async def _recognised_node(self) -> None:
        if self._recognised:
            return
        (said,) = await self._reached([Ask("getblockhash", (0,))])
        told = self._read("getblockhash", said, hash_of)
        if told != self._network.genesis:
            text = f"{self.name} serves the chain that begins with {told}, not {self._network.name}"
            raise Refused("node.wrong_chain", text + "; correct its URL", told=told)
        self._rest = await self._rpc.fetch("chaininfo.json") is not None
        self._recognised = True

    def _read(self, method: str, said: Said, read: Callable[[bytes], T]) -> T:
        if isinstance(said, Complaint):
            raise complaints.error(self.name, said)
        return self._sense(method, lambda: read(said))

    def _sense(self, method: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            text = f"{self.name} answered {method} with something that is no answer to it ({error})"
            raise Unavailable("node.nonsense", text) from error

    def _right(self, value: T, *, fits: bool) -> T:
        if not fits:
            text = f"{self.name} answered with something that cannot be true"
            raise Unavailable("node.nonsense", text)
        return value


def hash_of(text: bytes) -> str:
    return answers.block_or_transaction(answers.parsed(text, str))


def plain_bytes(text: bytes) -> bytes:
    return answers.data(answers.parsed(text, str))
