"""A scan finds every coin, however sparse, and goes on where it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import Outpoint
from keepcool.core.errors import Conflict, Malformed, Unavailable
from keepcool.local.restoring import scanning
from keepcool.local.restoring.report import report
from keepcool.local.restoring.store import Store
from tests.unit.local.restoring.samples import (
    COIN,
    MINER,
    MemoryChain,
    backup,
    kept,
    outside,
    payment,
    pool,
    script_at,
    segregated,
)

pytestmark = pytest.mark.slow

GAP = 40


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "restore.sqlite")
    yield opened
    opened.close()


def scanned(what: Backup, chain: MemoryChain, store: Store, gap: int = GAP) -> dict[str, int]:
    """By path of the address what lies there."""
    height = asyncio.run(scanning.scan(what, chain, store, lambda _: None, gap))
    return {one.path: one.amount_sat for one in report(what, store, height).addresses}


def test_coins_of_every_branch_are_found(store: Store) -> None:
    """Each cosigner's receiving and change branch is looked through, of wallets of every script."""
    chain, expected = MemoryChain(), 0
    wallets = [segregated(7), segregated(8, ScriptKind.P2SH), pool(ScriptKind.P2SH_P2WSH)]
    chain.empty(3)
    for wallet in wallets:
        for cosigner in range(3):
            for change in (0, 1):
                chain.mine(payment([outside(1)], (COIN, script_at(wallet, cosigner, change, 5))))
                expected += COIN
    what = backup(*(kept(f"w{number}", wallet) for number, wallet in enumerate(wallets)))
    height = asyncio.run(scanning.scan(what, chain, store, lambda _: None, GAP))
    found = report(what, store, height)
    assert found.total_sat == expected
    assert len(found.addresses) == 18
    assert set(found.by_wallet()) == {"w0", "w1", "w2"}


def test_a_used_address_moves_the_gap(store: Store) -> None:
    """Behind each address ever paid to, also one that is empty again, as many are looked for anew."""
    chain, wallet = MemoryChain(), segregated(0)
    (_, paid) = chain.mine(payment([outside(1)], (COIN, script_at(wallet, 0, 0, GAP - 1))))
    chain.mine(payment([Outpoint(paid, 0)], (COIN, MINER)))
    chain.mine(payment([outside(2)], (2 * COIN, script_at(wallet, 0, 0, 2 * GAP - 1))))
    chain.mine(payment([outside(3)], (3 * COIN, script_at(wallet, 0, 0, 3 * GAP - 1))))
    assert scanned(backup(), chain, store) == {
        f"0/0/0/{2 * GAP - 1}": 2 * COIN,
        f"0/0/0/{3 * GAP - 1}": 3 * COIN,
    }


def test_one_reading_is_enough_for_wallets_of_few_addresses(store: Store) -> None:
    """A tenth of the gap is looked for beside it, so the first addresses used cause no second reading."""
    chain, wallet = MemoryChain(), segregated(0)
    for index in range(GAP // 10):
        chain.mine(payment([outside(index + 1)], (COIN, script_at(wallet, 0, 0, index))))
    assert len(scanned(backup(), chain, store)) == GAP // 10
    assert chain.reads == len(chain.raws)


def test_beyond_the_gap_nothing_is_found_unless_it_was_issued(store: Store, tmp_path: Path) -> None:
    """An address beyond the gap is missed, and found by a file that says it was issued."""
    chain, wallet = MemoryChain(), segregated(0)
    chain.mine(payment([outside(1)], (COIN, script_at(wallet, 1, 0, 5 * GAP))))
    assert scanned(backup(), chain, store) == {}
    informed = backup(replace(kept("w-0", wallet), issued={(1, 0): 5 * GAP}))
    other = Store(tmp_path / "other.sqlite")
    assert scanned(informed, chain, other) == {f"0/1/0/{5 * GAP}": COIN}
    assert scanned(informed, chain, store) == {f"0/1/0/{5 * GAP}": COIN}, "the same file goes on with it"
    other.close()


def test_spent_coins_are_not_shown(store: Store) -> None:
    """Spent in the block that made it or in a later one: it is gone."""
    chain, wallet = MemoryChain(), segregated(0)
    first = payment([outside(1)], (COIN, script_at(wallet, 0, 0, 0)), (COIN, script_at(wallet, 0, 0, 1)))
    second = payment([Outpoint(first.txid, 0)], (COIN // 2, script_at(wallet, 0, 1, 3)))
    chain.mine(first, second)
    assert scanned(backup(), chain, store) == {"0/0/0/1": COIN, "0/0/1/3": COIN // 2}
    chain.mine(payment([Outpoint(second.txid, 0)], (COIN // 2, MINER)))
    assert scanned(backup(), chain, store) == {"0/0/0/1": COIN}


def test_an_interrupted_scan_goes_on(store: Store) -> None:
    """After a node that went away no block is read twice, and nothing is missing."""
    chain, wallet = MemoryChain(fails_at=25), segregated(0)
    chain.empty(10)
    chain.mine(payment([outside(1)], (COIN, script_at(wallet, 0, 0, 0))))
    chain.empty(15)
    chain.mine(payment([outside(2)], (COIN, script_at(wallet, 2, 1, 4))))
    with pytest.raises(Unavailable):
        scanned(backup(), chain, store)
    chain.fails_at, chain.reads = -1, 0
    assert scanned(backup(), chain, store) == {"0/0/0/0": COIN, "0/2/1/4": COIN}
    assert chain.reads <= 2 * len(chain.raws) - 24, "one pass went on, one looked behind what it found"
    chain.reads = 0
    assert len(scanned(backup(), chain, store)) == 2
    assert chain.reads == 0, "nothing is new"


def test_a_reorganisation_is_stepped_back(store: Store) -> None:
    """Coins of blocks that are gone are gone; coins whose spends are gone are there again."""
    chain, wallet = MemoryChain(), segregated(0)
    chain.empty(4)
    (_, paid) = chain.mine(payment([outside(1)], (COIN, script_at(wallet, 0, 0, 0))))
    chain.mine(payment([Outpoint(paid, 0)], (COIN, MINER)))
    chain.mine(payment([outside(2)], (COIN, script_at(wallet, 0, 0, 1))))
    assert scanned(backup(), chain, store) == {"0/0/0/1": COIN}
    del chain.raws[5:]
    chain.salt = 1
    chain.mine(payment([outside(3)], (3 * COIN, script_at(wallet, 0, 0, 2))))
    chain.empty(3)
    assert scanned(backup(), chain, store) == {"0/0/0/0": COIN, "0/0/0/2": 3 * COIN}


def test_a_chain_of_another_past_is_refused(store: Store) -> None:
    """A node whose chain shares no block read before is not mixed with what another told."""
    chain = MemoryChain()
    chain.empty(5)
    scanned(backup(), chain, store)
    stranger = MemoryChain(salt=9)
    stranger.empty(5)
    with pytest.raises(Conflict, match="reorganised"):
        scanned(backup(), stranger, store)


def test_a_state_file_belongs_to_one_set_of_descriptors(store: Store) -> None:
    """The state of other wallets is refused and nothing of it changed."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    before = scanned(backup(), chain, store)
    with pytest.raises(Conflict, match="other descriptors"):
        scanned(backup(kept("w-1", segregated(1))), chain, store)
    assert scanned(backup(), chain, store) == before


def test_the_birth_is_found_by_its_time(store: Store) -> None:
    """With the time the wallets were made, blocks more than a day older are not read."""
    chain = MemoryChain()
    chain.empty(1000)
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    what = replace(backup(), born_s=950 * 600)
    assert scanned(what, chain, store) == {"0/0/0/0": COIN}
    assert chain.reads < 2 * 250


def test_many_wallets_are_read_in_bounded_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses there are, one reading holds no more than its bound, and all are found."""
    monkeypatch.setattr(scanning, "SCRIPTS_MAX", 100)
    chain = MemoryChain()
    for number in range(3):
        chain.mine(payment([outside(number)], (COIN, script_at(segregated(number), 2, 1, GAP - 1))))
    what = backup(*(kept(f"w{number}", segregated(number)) for number in range(3)))
    assert scanned(what, chain, store) == {f"{number}/2/1/{GAP - 1}": COIN for number in range(3)}
    assert all(sum(end - first for _, first, end in one.spans) <= 100 for one in store.passes())
    chain.mine(payment([outside(9)], (COIN, script_at(segregated(1), 0, 0, 0))))
    assert len(scanned(what, chain, store)) == 4


def test_a_gap_that_is_none_is_refused(store: Store) -> None:
    """A gap of nothing would find nothing and look like an empty wallet."""
    with pytest.raises(Malformed, match="gap"):
        scanned(backup(), MemoryChain(), store, 0)
