"""Several nodes as one: what they agree on is the answer, so that no single node can lie about coins.

Laws: a read that credits coins or proves owners is answered only when `agree` nodes say the same of one
height, and a node that is behind is waited for, not believed; a transaction goes to every node; only what
costs nobody coins (prices, the pool) takes fewer voices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Protocol, TypeVar

from keepcool.adapters import quorum
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.ports.minternode import (
    Accepted,
    Account,
    AlreadyKnown,
    Block,
    MinterNode,
    Outcome,
    Rejected,
    Status,
    Transaction,
    Why,
)

_NOTHING_SENT = ("node.unreachable", "node.wrong_chain")
_PASSING = (Why.ONE_PER_BLOCK, Why.POOL_FULL)
T = TypeVar("T")
Final = TypeVar("Final", Transaction, Block)


class NamedNode(MinterNode, quorum.Named, Protocol):
    async def close(self) -> None: ...


class AgreeingNodes:
    """Itself a `MinterNode`. `agree` is two when two or more nodes are configured. `dissent` is the last
    answer that was outvoted, in a sentence, None while there was none."""

    def __init__(self, nodes: Sequence[NamedNode], agree: int | None = None) -> None:
        """Raises Refused, as said in `quorum.agreed`: the same node must not speak twice."""
        self._nodes, self._agree = tuple(nodes), quorum.agreed(nodes, agree)
        self.dissent: str | None = None

    @property
    def name(self) -> str:
        return " and ".join(node.name for node in self._nodes)

    async def close(self) -> None:
        await asyncio.gather(*[node.close() for node in self._nodes])

    async def check(self) -> Status:
        return self._common(await self._all(lambda node: node.check()))

    async def status(self) -> Status:
        """Of the newest height that `agree` nodes have reached."""
        return self._common(await self._all(lambda node: node.status()))

    async def account(self, address: str, at: int | None = None) -> Account:
        height = await self._height(at)
        return self._same(f"account {address}", await self._all(lambda node: node.account(address, height)))

    async def accounts(self, addresses: Sequence[str], at: int | None = None) -> list[Account]:
        height = await self._height(at)
        return self._same("accounts", await self._all(lambda node: node.accounts(addresses, height)))

    async def transaction(self, transaction: bytes) -> Transaction | None:
        return await self._final(
            f"transaction Mt{transaction.hex()}", lambda node: node.transaction(transaction)
        )

    async def block(self, height: int) -> Block | None:
        return await self._final(f"block {height}", lambda node: node.block(height))

    async def estimate_commission(self, raw: bytes) -> int:
        return _upper_median(await self._all(lambda node: node.estimate_commission(raw)))

    async def min_gas_price(self) -> int:
        return _upper_median(await self._all(lambda node: node.min_gas_price()))

    async def unconfirmed(self, limit: int = 100) -> tuple[bytes, ...]:
        """Of every node that answers: a theft seen by one is seen."""
        pools = quorum.answers(await self._all(lambda node: node.unconfirmed(limit)))
        return tuple(dict.fromkeys([raw for _, pool in pools for raw in pool]))

    async def send(self, raw: bytes) -> Outcome:
        """Accepted or known when any node says so. Raises Unavailable as long as a node that did not answer
        may have it; a rejection that passes with the next block stands before one that stays."""
        said = await self._all(lambda node: node.send(raw))
        outcomes = [one for _, one in said if not isinstance(one, KeepcoolError)]
        for kind in (Accepted, AlreadyKnown):
            for one in outcomes:
                if isinstance(one, kind):
                    return one
        errors = [one for _, one in said if isinstance(one, KeepcoolError)]
        for error in sorted(errors, key=lambda error: error.code in _NOTHING_SENT):
            if not outcomes or error.code not in _NOTHING_SENT:
                raise error
        rejections = [one for one in outcomes if isinstance(one, Rejected)]
        return min(rejections, key=lambda one: one.why not in _PASSING)

    async def _height(self, at: int | None) -> int | None:
        if at is not None or len(self._nodes) == 1:
            return at
        return (await self.status()).height

    def _common(self, said: Sequence[tuple[str, Status | KeepcoolError]]) -> Status:
        reached = sorted([one for _, one in quorum.answers(said)], key=lambda one: one.height, reverse=True)
        if len(reached) < self._agree:
            raise self._too_few("their state", said)
        return reached[self._agree - 1]

    async def _final(self, what: str, ask: Callable[[NamedNode], Awaitable[Final | None]]) -> Final | None:
        """What no later block changes. None while fewer than `agree` nodes can have it and none denies it."""
        said = await self._all(ask)
        found = [one for _, one in quorum.answers(said) if one is not None]
        if not found:
            return self._same(what, said)
        without = {name for name, one in said if one is None}
        again = await quorum.asked(
            [node for node in self._nodes if node.name in without],
            lambda node: _unless_behind(node, ask, found[0].height),
        )
        merged = list((dict(said) | dict(again)).items())
        if len(quorum.answers(merged)) < self._agree and any(_is_behind(one) for _, one in merged):
            self._undivided(what, merged)
            return None
        return self._same(what, merged)

    def _same(self, what: str, said: Sequence[tuple[str, T | KeepcoolError]]) -> T:
        groups = quorum.grouped(quorum.answers(said))
        if groups and len(groups[0][1]) >= self._agree:
            if len(groups) == 1:
                return groups[0][0]
            self.dissent = _difference(what, groups)
            if len(groups[1][1]) < len(groups[0][1]):
                return groups[0][0]
        self._undivided(what, said)
        raise self._too_few(what, said)

    def _undivided(self, what: str, said: Sequence[tuple[str, T | KeepcoolError]]) -> None:
        groups = quorum.grouped(quorum.answers(said))
        if len(groups) > 1:
            self.dissent = _difference(what, groups)
            raise Unavailable("node.disagree", self.dissent)

    def _too_few(self, what: str, said: Sequence[tuple[str, object]]) -> Unavailable:
        silent = quorum.errors(said)
        if self._agree == 1 and silent and isinstance(silent[0][1], Unavailable):
            return silent[0][1]
        return quorum.too_few(what, said, self._agree)

    async def _all(self, ask: Callable[[NamedNode], Awaitable[T]]) -> list[tuple[str, T | KeepcoolError]]:
        return await quorum.asked(self._nodes, ask)


async def _unless_behind(
    node: NamedNode, ask: Callable[[NamedNode], Awaitable[Final | None]], height: int
) -> Final | None:
    """Asked again, for a node that was slower; None only from one that has reached `height`."""
    tip = (await node.status()).height
    again = await ask(node)
    if again is None and tip < height:
        raise Unavailable("node.behind", f"{node.name} has not reached height {height} yet")
    return again


def _is_behind(one: object) -> bool:
    return isinstance(one, Unavailable) and one.code == "node.behind"


def _upper_median(said: Sequence[tuple[str, int | KeepcoolError]]) -> int:
    """Too little would fail in a block, and one liar among three does not move it."""
    numbers = sorted(one for _, one in quorum.answers(said))
    if not numbers:
        raise next(one for _, one in said if isinstance(one, KeepcoolError))
    return numbers[len(numbers) // 2]


def _difference(what: str, groups: Sequence[tuple[object, list[str]]]) -> str:
    (one, names), (other, others) = groups[:2]
    where, left, right = _first_difference("", one, other)
    return quorum.difference(what + where, (left, names), (right, others))


def _first_difference(where: str, one: object, other: object) -> tuple[str, object, object]:
    """The way to the first part that differs, and both values of it."""
    if is_dataclass(one) and type(one) is type(other):
        for part in fields(one):
            left, right = getattr(one, part.name), getattr(other, part.name)
            if part.compare and left != right:
                return _first_difference(f"{where} {part.name}", left, right)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list) and len(one) == len(other):
        for at, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return _first_difference(f"{where} {at}", left, right)
    return where, one, other
