"""A follower far behind passes over old blocks for their filters, and no coin with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepcool.app.deposits.bitcoin import passing
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.passing import READ_EVERY
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.chains.bitcoin.filters import encoded, is_filtered
from keepcool.chains.bitcoin.scanning import transactions_of
from keepcool.chains.bitcoin.transaction import Transaction, parse_stripped, shown
from keepcool.core.errors import Breach
from keepcool.ports.bitcoinnode import Capabilities
from tests.unit.app.deposits.bitcoin_office import ALICE, DUST, ROW, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin, hash_of, payment

pytestmark = pytest.mark.slow

OLD = 300  # blocks deeper than those that are read in any case
NEW = 40  # of those, instead of a thousand


@dataclass
class Filtering(PaperBitcoin):
    """With filters: `tell` makes them, of a block's hash and what it pays to and spends."""

    tell: Callable[[str, set[bytes]], bytes] = encoded
    read: list[str] = field(default_factory=list)
    _made: dict[bytes, Transaction] = field(default_factory=dict)
    _looked: int = 1

    async def capabilities(self) -> Capabilities:
        return replace(await super().capabilities(), filters=True)

    async def raw_block(self, block_hash: str) -> bytes:
        self.read.append(block_hash)
        return await super().raw_block(block_hash)

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        known = {hash_of(one): one for one in self._chain()}
        for one in self.blocks[self._looked :]:
            self._made |= {each.txid: each for each in transactions(one)}
        self._looked = len(self.blocks)
        return [self.tell(one, self._scripts(known[one])) for one in block_hashes]

    def _scripts(self, block: bytes) -> set[bytes]:
        """A stranger's coins are not looked for."""
        every = transactions(block)
        spent = [one.outpoint for each in every[1:] for one in each.inputs if one.outpoint.txid in self._made]
        paid = [out.script for one in every for out in one.outputs if is_filtered(out.script)]
        return {*paid, *(self._made[one.txid].outputs[one.position].script for one in spent)}


def transactions(block: bytes) -> list[Transaction]:
    return [parse_stripped(one) for one in transactions_of(block, ROW)]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BitcoinOffice]:
    monkeypatch.setattr(passing, "BLOCKS_KEPT", NEW)
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


def chain(office: BitcoinOffice) -> Filtering:
    """A coin of Alice's in block 50, spent by her own draft in block 120; another in block 250."""
    node, to = Filtering(), office.watch(ALICE, ALICE)
    node.mine(blocks=49)
    first = payment([(to, 50_000)])
    node.mine(first)
    node.mine(blocks=69)
    txid = shown(parse_stripped(transactions_of(node.blocks[-70], ROW)[1]).txid)
    spending = payment([(to, 20_000), (office.watch(ALICE, change=1), 29_000)], [(txid, 0)])
    office.draft(spending, ALICE)
    node.mine(spending)
    node.mine(blocks=129)
    node.mine(payment([(to, 70_000)], salt=1))
    node.mine(blocks=OLD - 250 + NEW)
    return node


def follow(office: BitcoinOffice, node: Filtering, *, filters: bool = True) -> None:
    follower = Follower(Plan(Terms(ROW, DUST), 1, filters), node, office.store, office.clock)
    office.follow(follower)


def test_old_blocks_without_anything_of_ours_are_not_read(office: BitcoinOffice, tmp_path: Path) -> None:
    """Three blocks, one in a hundred and the newest are read; the books are those of a follower
    that reads every block."""
    node = chain(office)
    follow(office, node)
    assert len(node.read) == 3 + OLD // READ_EVERY + NEW
    assert (office.owed(ALICE), office.codes()) == (140_000, [])
    (tmp_path / "whole").mkdir()
    whole = BitcoinOffice(tmp_path / "whole")
    every = chain(whole)
    follow(whole, every, filters=False)
    assert len(every.read) == OLD + NEW
    assert (whole.told(), whole.owed(ALICE)) == (office.told(), office.owed(ALICE))
    whole.close()


def test_a_follower_goes_on_where_it_passed_to(office: BitcoinOffice) -> None:
    """Begun anew after every step it reads nothing twice and ends with the same books."""
    node = chain(office)
    while True:
        follower = Follower(Plan(Terms(ROW, DUST), 1), node, office.store, office.clock)
        if not asyncio.run(follower.step()).busy:
            break
    assert len(node.read) == len(set(node.read))
    assert office.owed(ALICE) == 140_000


def test_a_filter_that_hides_hides_an_old_deposit_and_invents_none(office: BitcoinOffice) -> None:
    """Nodes that agree on a lie hide what old blocks hold; the newest are read whatever is said of them."""
    node = chain(office)
    to = office.watch(ALICE, ALICE)
    node.mine(payment([(to, 5_000)], salt=2), blocks=2)
    node.tell = lambda block_hash, scripts: encoded(block_hash, [one for one in scripts if len(one) < 34])
    follow(office, node)
    assert office.owed(ALICE) == 5_000


def test_a_filter_that_says_less_than_a_read_block_holds_stops_the_follower(office: BitcoinOffice) -> None:
    """Held against the blocks that are read, a lie about everything is found before much is passed."""
    node = chain(office)
    node.tell = lambda block_hash, _scripts: encoded(block_hash, [])
    with pytest.raises(Breach, match="filters = false"):
        follow(office, node)
    assert office.owed(ALICE) == 0
