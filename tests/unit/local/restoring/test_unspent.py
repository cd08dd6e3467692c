"""A node's own search is a hint where to look: what it names is proven, and what is not ours refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.transaction import Transaction, encode, shown
from keepcool.core.errors import Conflict, Malformed, Unavailable
from keepcool.local.restoring import scanning, unspent
from keepcool.local.restoring.report import report
from keepcool.local.restoring.store import Store
from keepcool.local.restoring.unspent import Named
from tests.unit.local.restoring.samples import (
    COIN,
    MINER,
    MemoryChain,
    backup,
    outside,
    payment,
    script_at,
    segregated,
)

GAP = 20


@dataclass
class Searching:
    """A node that names coins by the first index of the branches it is asked for."""

    made: list[Transaction]
    named_from: dict[int, list[Named]] = field(default_factory=dict)

    async def named(self, branches: Sequence[tuple[str, int, int]]) -> tuple[int, list[Named]]:
        return 9, [
            one for first in {first for _, first, _ in branches} for one in self.named_from.get(first, [])
        ]

    async def block_hash(self, height: int) -> str:
        return f"{height:064x}"

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:
        return next((encode(one) for one in self.made if shown(one.txid) == txid and block_hash), None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "restore.sqlite")
    yield opened
    opened.close()


def paying(index: int) -> Transaction:
    """To somebody else first, then to us."""
    return payment([outside(7)], (5, MINER), (COIN + index, script_at(segregated(0), 1, 0, index)))


def named(one: Transaction, vout: int = 1) -> Named:
    return Named(shown(one.txid), vout, 5)


def found(what: Backup, node: Searching, store: Store) -> dict[str, int]:
    height = asyncio.run(unspent.scan(what, node, store, lambda _: None, GAP))
    return {one.path: one.amount_sat for one in report(what, store, height).addresses}


def test_coins_are_found_and_the_gap_moves(store: Store) -> None:
    """Behind a coin as many addresses are asked for anew; asked again, the same is found."""
    near, far = paying(GAP - 1), paying(2 * GAP - 1)
    node = Searching([near, far], {0: [named(near)], GAP + GAP // 10: [named(far)]})
    expected = {f"0/1/0/{GAP - 1}": COIN + GAP - 1, f"0/1/0/{2 * GAP - 1}": COIN + 2 * GAP - 1}
    assert found(backup(), node, store) == expected
    assert found(backup(), node, store) == expected
    assert found(backup(), Searching([]), store) == {}, "what is spent meanwhile is gone"


@pytest.mark.parametrize("vout", [0, 2])
def test_a_coin_that_is_not_ours_is_refused(store: Store, vout: int) -> None:
    """Another's output, or none, is not taken for ours because a node says so."""
    one = paying(3)
    with pytest.raises(Malformed):
        found(backup(), Searching([one], {0: [named(one, vout)]}), store)
    assert store.coins() == []


def test_a_transaction_the_node_lacks_ends_it(store: Store) -> None:
    """A pruned node names coins whose transactions it has not: that is said, and nothing is half found."""
    with pytest.raises(Unavailable, match="pruned"):
        found(backup(), Searching([], {0: [named(paying(3))]}), store)


def test_a_scan_by_blocks_is_not_thrown_away(store: Store) -> None:
    """The state of a whole reading is kept from the short way."""
    chain = MemoryChain()
    chain.mine(paying(2))
    asyncio.run(scanning.scan(backup(), chain, store, lambda _: None, GAP))
    with pytest.raises(Conflict, match="by blocks"):
        found(backup(), Searching([]), store)
    assert len(store.coins()) == 1
