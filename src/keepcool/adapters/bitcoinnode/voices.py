"""What several nodes said, and what follows from it: equal answers counted, differences told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.bitcoinnode import BitcoinNode

_TEXT_MAX = 70
T = TypeVar("T")


class NamedNode(BitcoinNode, Protocol):
    """`name` is what errors call it, `place` where it is: two nodes are never at one place. `proves_blocks`:
    a block's bytes are held against its hash."""

    @property
    def name(self) -> str: ...

    @property
    def place(self) -> str: ...

    @property
    def proves_blocks(self) -> bool: ...

    async def close(self) -> None: ...


class Voices:
    """`nodes`, of which `agree` must say the same."""

    def __init__(self, nodes: Sequence[NamedNode], agree: int | None) -> None:
        """Raises Refused, as said in `AgreeingBitcoinNodes`."""
        self.nodes = tuple(nodes)
        self.agree = min(2, len(self.nodes)) if agree is None else agree
        if not 1 <= self.agree <= len(self.nodes):
            text = f"{self.agree} nodes shall agree and {len(self.nodes)} are configured; add nodes"
            raise Refused("node.agree", text)
        names, places = {node.name for node in self.nodes}, {node.place for node in self.nodes}
        if min(len(names), len(places)) != len(self.nodes):
            raise Refused("node.agree", "a node is configured twice; every node that agrees is another one")
        self.dissent: str | None = None

    @property
    def name(self) -> str:
        return " and ".join(node.name for node in self.nodes)

    async def all(self, ask: Callable[[NamedNode], Awaitable[T]]) -> list[tuple[str, T | KeepcoolError]]:
        """Every node's answer or its error, under its name."""
        return await self.of(self.nodes, ask)

    async def of(
        self, nodes: Sequence[NamedNode], ask: Callable[[NamedNode], Awaitable[T]]
    ) -> list[tuple[str, T | KeepcoolError]]:
        async def one(node: NamedNode) -> tuple[str, T | KeepcoolError]:
            try:
                return node.name, await ask(node)
            except (Unavailable, Refused) as error:
                return node.name, error

        return list(await asyncio.gather(*[one(node) for node in nodes]))

    async def first(self, ask: Callable[[NamedNode], Awaitable[T]]) -> T:
        """The answer of the first node that gives one. Raises the first error when none does."""
        errors = []
        for node in self.nodes:
            ((_, one),) = await self.of([node], ask)
            if not isinstance(one, KeepcoolError):
                return one
            errors.append(one)
        raise errors[0]

    def answered(self, said: Sequence[tuple[str, T | KeepcoolError]], what: str) -> list[tuple[str, T]]:
        """The answers. Raises Unavailable when fewer than `agree` gave one."""
        found = [(name, one) for name, one in said if not isinstance(one, KeepcoolError)]
        if len(found) < self.agree:
            raise self._too_few(what, said)
        return found

    def heard(self, said: Sequence[tuple[str, T | KeepcoolError]], what: str) -> list[tuple[str, T]]:
        """The answers, one at least. Raises Unavailable."""
        found = [(name, one) for name, one in said if not isinstance(one, KeepcoolError)]
        if not found:
            raise self._too_few(what, said)
        return found

    def same(self, what: str, said: Sequence[tuple[str, T | KeepcoolError]]) -> T:
        """What `agree` nodes say, and more than say anything else. Raises Unavailable."""
        told = self.answered(said, what)
        groups = grouped(told)
        if len(groups) > 1:
            self.note(what, told)
        if len(groups[0][1]) < self.agree or (len(groups) > 1 and len(groups[1][1]) == len(groups[0][1])):
            raise Unavailable("node.disagree", self.dissent or f"the nodes do not agree about {what}")
        return groups[0][0]

    def note(self, what: str, told: Sequence[tuple[str, object]]) -> None:
        """Keeps the first difference, for those who look for the liar."""
        groups = grouped(told)
        if len(groups) < 2:
            return
        (one, names), (other, others) = groups[:2]
        self.dissent = (
            f"the nodes do not agree about {what}: {', '.join(names)} said {_cut(one)}, "
            f"{', '.join(others)} said {_cut(other)}; find out which is right before anything is credited"
        )

    def _too_few(self, what: str, said: Sequence[tuple[str, object]]) -> KeepcoolError:
        silent = [(name, one) for name, one in said if isinstance(one, KeepcoolError)]
        if len(self.nodes) == 1:
            return silent[0][1]
        told = f"{len(said) - len(silent)} of {len(self.nodes)} nodes told {what} and {self.agree} must"
        why = "; ".join(error.public for _, error in silent)
        return Unavailable("node.too_few", f"{told} ({why})" if why else told)


def common(votes: Sequence[tuple[str, T | None]], agree: int) -> T | None:
    """What `agree` voices say and no other group as large says otherwise."""
    groups = grouped([(name, one) for name, one in votes if one is not None])
    if not groups or len(groups[0][1]) < agree:
        return None
    return None if len(groups) > 1 and len(groups[1][1]) == len(groups[0][1]) else groups[0][0]


def grouped(told: Sequence[tuple[str, T]]) -> list[tuple[T, list[str]]]:
    """Equal answers with those who gave them, the most frequent first."""
    groups: list[tuple[T, list[str]]] = []
    for name, one in told:
        same = next((names for value, names in groups if value == one), None)
        if same is None:
            groups.append((one, [name]))
        else:
            same.append(name)
    return sorted(groups, key=lambda group: -len(group[1]))


def lower_median(numbers: Sequence[int]) -> int:
    return sorted(numbers)[(len(numbers) - 1) // 2]


def _cut(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"
