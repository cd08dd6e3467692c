"""Filters spare a scan blocks, never a coin: what they say is checked where blocks are read, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.filters import encoded
from keepcool.chains.bitcoin.transaction import Outpoint
from keepcool.core.errors import Breach, Conflict
from keepcool.local.restoring import filtering, scanning
from keepcool.local.restoring.report import Report, report
from keepcool.local.restoring.store import Store
from tests.unit.local.restoring.samples import (
    COIN,
    MINER,
    MemoryChain,
    backup,
    outside,
    payment,
    script_at,
    segregated,
    true_filter,
)

pytestmark = pytest.mark.slow

GAP, BLOCKS = 20, 150
OURS = script_at(segregated(0), 1, 0, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "restore.sqlite")
    yield opened
    opened.close()


def chain(*, tells: bool = False) -> MemoryChain:
    """A coin of ours in block 20, spent in block 40, its change ours; another one in block 60."""
    made = MemoryChain(filters=true_filter, tells=tells)
    made.empty(20)
    (_, paid) = made.mine(payment([outside(1)], (3 * COIN, OURS)))
    made.empty(19)
    made.mine(payment([Outpoint(paid, 0)], (COIN, MINER), (2 * COIN, script_at(segregated(0), 0, 1, 0))))
    made.empty(19)
    made.mine(payment([outside(2)], (5 * COIN, script_at(segregated(0), 2, 0, 0))))
    made.empty(BLOCKS - len(made.raws))
    return made


def scanned(of: MemoryChain, store: Store, *, filtered: bool = True) -> Report:
    work = scanning.scan(backup(), of, store, lambda _: None, GAP, filtered=filtered)
    return report(backup(), store, asyncio.run(work))


def leaving_out(script: bytes, of: MemoryChain, block_hash: str) -> bytes:
    """A filter that names what is true but for one script."""
    paid = [out.script for one in of.mined[block_hash] for out in one.outputs]
    spent = [one.script for one in of.spent_by(block_hash)]
    return encoded(block_hash, [one for one in [*paid, *spent] if one != script])


@pytest.mark.parametrize("tells", [False, True])
def test_few_blocks_are_read_and_all_coins_found(store: Store, tmp_path: Path, tells: bool) -> None:
    """What pays us or spends from us is read, the newest ten, and one block in a hundred; the rest is told to
    be unread. A scan of every block finds the same."""
    made = chain(tells=tells)
    found = scanned(made, store)
    assert (found.total_sat, len(found.addresses)) == (7 * COIN, 2)
    assert made.reads == 3 + 10 + 2
    assert found.unread == found.plain()["blocks_unread"] == BLOCKS - made.reads
    assert "--no-filters" in found.lines()[-1]
    whole = Store(tmp_path / "whole.sqlite")
    every = scanned(made, whole, filtered=False)
    whole.close()
    assert (every.addresses, every.unread) == (found.addresses, 0)
    assert "filters" not in every.lines()[-1]


def test_what_a_filter_hides_is_missed_and_told_to_be_trusted(store: Store, tmp_path: Path) -> None:
    """A node that leaves our script out of one filter hides that coin from a scan that trusts it, which says
    so; the twin that trusts no filters finds it."""
    made = chain()
    made.filters = lambda of, block_hash: leaving_out(OURS, of, block_hash)
    found = scanned(made, store)
    assert (found.total_sat, found.unread > 0) == (7 * COIN, True)
    hidden = script_at(segregated(0), 2, 0, 0)
    made.filters = lambda of, block_hash: leaving_out(hidden, of, block_hash)
    other = Store(tmp_path / "other.sqlite")
    assert scanned(made, other).total_sat == 2 * COIN
    with pytest.raises(Conflict, match="trusting filters"):
        scanned(made, other, filtered=False)
    other.close()
    third = Store(tmp_path / "third.sqlite")
    assert scanned(made, third, filtered=False).total_sat == 7 * COIN
    third.close()


def test_a_filter_that_leaves_out_what_a_read_block_pays_ends_the_scan(store: Store) -> None:
    """Every block that is read is held against its filter: a node that names nothing at all is caught."""
    made = chain()
    made.filters = lambda _of, block_hash: encoded(block_hash, [])
    with pytest.raises(Breach, match="--no-filters"):
        scanned(made, store)


def test_a_filter_that_leaves_out_what_a_read_block_spends_ends_the_scan(
    store: Store, tmp_path: Path
) -> None:
    """Caught where the node tells what blocks spend, and not seen where it does not."""
    blind = chain()
    blind.filters = lambda of, block_hash: leaving_out(b"\x51", of, block_hash)
    assert scanned(blind, store).total_sat == 7 * COIN
    told = chain(tells=True)
    told.filters = blind.filters
    other = Store(tmp_path / "other.sqlite")
    with pytest.raises(Breach, match="leaves out"):
        scanned(told, other)
    other.close()


def test_bytes_that_are_no_filter_spare_nothing(store: Store) -> None:
    """A block with nonsense for a filter is read, and the nonsense told."""
    made = chain()
    made.filters = lambda _of, _hash: b"\x01"
    with pytest.raises(Breach):
        scanned(made, store)


def test_many_addresses_are_looked_for_in_whole_blocks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound filters would cost more than they spare."""
    monkeypatch.setattr(filtering, "SCRIPTS_MAX", 10)
    made = chain()
    assert scanned(made, store).unread == 0
    assert made.reads == BLOCKS
