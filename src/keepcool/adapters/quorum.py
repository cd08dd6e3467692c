"""Several nodes asked the same: who said what, equal answers counted, a difference cut to what can be read.

Laws: a node speaks once, under its own name; an error is an answer like any other, and told with who gave it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from keepcool.core.errors import KeepcoolError, Refused, Unavailable

_TEXT_MAX = 70


class Named(Protocol):
    """`name` is what errors call it, `place` where it is: two nodes are never at one place."""

    @property
    def name(self) -> str: ...

    @property
    def place(self) -> str: ...


T = TypeVar("T")
Node = TypeVar("Node", bound=Named)


def agreed(nodes: Sequence[Named], agree: int | None) -> int:
    """How many must say the same: two where there are two, unless `agree` says otherwise. Raises Refused when
    that is more than there are nodes or less than one, and when two nodes have one name or one place."""
    most = min(2, len(nodes)) if agree is None else agree
    if not 1 <= most <= len(nodes):
        text = f"{most} nodes shall agree and {len(nodes)} are configured; add nodes"
        raise Refused("node.agree", text)
    names, places = {node.name for node in nodes}, {node.place for node in nodes}
    if min(len(names), len(places)) != len(nodes):
        raise Refused("node.agree", "a node is configured twice; every node that agrees is another one")
    return most


async def asked(
    nodes: Sequence[Node], ask: Callable[[Node], Awaitable[T]]
) -> list[tuple[str, T | KeepcoolError]]:
    """Every node's answer or its error, under its name."""

    async def one(node: Node) -> tuple[str, T | KeepcoolError]:
        try:
            return node.name, await ask(node)
        except (Unavailable, Refused) as error:
            return node.name, error

    return list(await asyncio.gather(*[one(node) for node in nodes]))


def answers(said: Sequence[tuple[str, T | KeepcoolError]]) -> list[tuple[str, T]]:
    return [(name, one) for name, one in said if not isinstance(one, KeepcoolError)]


def errors(said: Sequence[tuple[str, object]]) -> list[tuple[str, KeepcoolError]]:
    return [(name, one) for name, one in said if isinstance(one, KeepcoolError)]


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


def too_few(what: str, said: Sequence[tuple[str, object]], agree: int) -> Unavailable:
    """Every node has been asked, and not enough of them have told `what`."""
    silent = errors(said)
    text = f"{len(said) - len(silent)} of {len(said)} nodes told {what} and {agree} must"
    why = "; ".join(told if name in (told := error.public) else f"{name}: {told}" for name, error in silent)
    return Unavailable("node.too_few", f"{text} ({why})" if why else text)


def difference(what: str, one: tuple[object, Sequence[str]], other: tuple[object, Sequence[str]]) -> str:
    """Two answers and who gave them, in a sentence."""
    (left, names), (right, others) = one, other
    return (
        f"the nodes do not agree about {what}: {', '.join(names)} said {_cut(left)}, "
        f"{', '.join(others)} said {_cut(right)}; find out which is right before anything is credited"
    )


def _cut(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"
