"""What several nodes said, and what follows from it: equal answers counted, differences told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from keepcool.adapters import quorum
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.ports.bitcoinnode import BitcoinNode

T = TypeVar("T")


class NamedNode(BitcoinNode, quorum.Named, Protocol):
    """`proves_blocks`: a block's bytes are held against its hash."""

    @property
    def proves_blocks(self) -> bool: ...

    async def close(self) -> None: ...


class Voices:
    """`nodes`, of which `agree` must say the same."""

    def __init__(self, nodes: Sequence[NamedNode], agree: int | None) -> None:
        """Raises Refused, as said in `quorum.agreed`."""
        self.nodes, self.agree = tuple(nodes), quorum.agreed(nodes, agree)
        self.dissent: str | None = None

    @property
    def name(self) -> str:
        return " and ".join(node.name for node in self.nodes)

    async def all(self, ask: Callable[[NamedNode], Awaitable[T]]) -> list[tuple[str, T | KeepcoolError]]:
        """Every node's answer or its error, under its name."""
        return await quorum.asked(self.nodes, ask)

    async def first(self, ask: Callable[[NamedNode], Awaitable[T]]) -> T:
        """The answer of the first node that gives one. Raises the first error when none does."""
        errors = []
        for node in self.nodes:
            ((_, one),) = await quorum.asked([node], ask)
            if not isinstance(one, KeepcoolError):
                return one
            errors.append(one)
        raise errors[0]

    def answered(self, said: Sequence[tuple[str, T | KeepcoolError]], what: str) -> list[tuple[str, T]]:
        """The answers. Raises Unavailable when fewer than `agree` gave one."""
        return self._told(said, what, self.agree)

    def heard(self, said: Sequence[tuple[str, T | KeepcoolError]], what: str) -> list[tuple[str, T]]:
        """The answers, one at least. Raises Unavailable."""
        return self._told(said, what, 1)

    def same(self, what: str, said: Sequence[tuple[str, T | KeepcoolError]]) -> T:
        """What `agree` nodes say, and more than say anything else. Raises Unavailable."""
        told = self.answered(said, what)
        groups = quorum.grouped(told)
        if len(groups) > 1:
            self.note(what, told)
        if len(groups[0][1]) < self.agree or (len(groups) > 1 and len(groups[1][1]) == len(groups[0][1])):
            raise Unavailable("node.disagree", self.dissent or f"the nodes do not agree about {what}")
        return groups[0][0]

    def note(self, what: str, told: Sequence[tuple[str, object]]) -> None:
        """Keeps the first difference, for those who look for the liar."""
        groups = quorum.grouped(told)
        if len(groups) > 1:
            self.dissent = quorum.difference(what, groups[0], groups[1])

    def _told(
        self, said: Sequence[tuple[str, T | KeepcoolError]], what: str, least: int
    ) -> list[tuple[str, T]]:
        found = quorum.answers(said)
        if len(found) >= least:
            return found
        if len(self.nodes) == 1:
            raise quorum.errors(said)[0][1]
        raise quorum.too_few(what, said, self.agree)


def common(votes: Sequence[tuple[str, T | None]], agree: int) -> T | None:
    """What `agree` voices say and no other group as large says otherwise."""
    groups = quorum.grouped([(name, one) for name, one in votes if one is not None])
    if not groups or len(groups[0][1]) < agree:
        return None
    return None if len(groups) > 1 and len(groups[1][1]) == len(groups[0][1]) else groups[0][0]


def lower_median(numbers: Sequence[int]) -> int:
    return sorted(numbers)[(len(numbers) - 1) // 2]
