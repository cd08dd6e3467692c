"""Numbers of wallets, as both signers remember them: what was staged and failed leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.cooler.number_memory import NumberMemory as CoolerMemory
from keepcool.cooler.number_memory import numbered_row
from keepcool.core.errors import Breach
from keepcool.core.journal import Head
from keepcool.core.registry import OwnerKey, Role, WalletRecord
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row
from keepcool.keeper.number_memory import NUMBERED, NumberMemory, NumberRow
from tests.fixtures.bitcoinrecords import bitcoin_record

LTC, BTC = "bip122:ltc", "bip122:btc"


def entry(row: Row, sequence: int = 1) -> Entry:
    return Entry(Head(sequence, bytes(32)), bytes(32), row.kind, row.at_s, entries.encode(row))


def given(number: int | None, network: str = LTC, wallet: str = "w") -> Entry:
    row = NumberRow(at_s=1, kind=NUMBERED, family="bitcoin", network=network, number=number, wallet=wallet)
    return entry(row)


def test_numbers_run_over_all_networks_of_the_family() -> None:
    """A wallet of another fork takes the next number too; another family begins by itself."""
    memory = NumberMemory()
    for place, network in enumerate((LTC, BTC, LTC)):
        assert memory.next_number("bitcoin") == place
        memory.learn(given(place, network))
    assert memory.next_number("bitcoin") == 3
    assert memory.next_number("another") == 0


def test_pools_are_counted_by_network_and_take_no_number() -> None:
    """Two pools here and one there; the next wallet's number is still 0."""
    memory = NumberMemory()
    for network in (LTC, BTC, LTC):
        memory.learn(given(None, network))
    assert (memory.pools(LTC), memory.pools(BTC), memory.next_number("bitcoin")) == (2, 1, 0)
    memory.unlearn(given(None))
    assert memory.pools(LTC) == 1


def test_a_row_that_was_not_committed_is_forgotten() -> None:
    """Keeper gives the number of a failed commit again: nobody was told of it."""
    memory = NumberMemory()
    for number in range(3):
        memory.learn(given(number))
    for number in (2, 1):
        memory.unlearn(given(number))
    assert memory.next_number("bitcoin") == 1


def test_a_keeper_that_begins_anew_counts_from_where_it_is_told() -> None:
    """No number below is given; what it gave itself goes on from there."""
    memory = NumberMemory(100)
    assert memory.next_number("bitcoin") == 100
    memory.learn(given(100))
    assert memory.next_number("bitcoin") == 101
    memory.unlearn(given(100))
    assert memory.next_number("bitcoin") == 100


def attested(record: WalletRecord, number: int | None) -> Entry:
    return entry(numbered_row(record, number, 1))


def test_cooler_attests_each_number_hot_key_and_address_once() -> None:
    """Another wallet with any of the three is a breach, on whatever network; the wallet itself is not, and a
    pool has no number to share."""
    memory = CoolerMemory()
    first = bitcoin_record("a", profile="bip45-p2wsh", number=5)
    memory.learn(attested(first, 5))
    memory.check_unique(first, 5)
    for other, number in (
        (bitcoin_record("b", profile="bip45-p2wsh", number=5), 5),
        (replace(bitcoin_record("b", profile="bip45-p2wsh", number=6), address=first.address), 6),
        (_with_hot(bitcoin_record("b", profile="bip45-p2wsh", number=6), first.key(Role.HOT)), 6),
    ):
        with pytest.raises(Breach, match=r"wallet\.twice_used"):
            memory.check_unique(other, number)
    memory.check_unique(bitcoin_record("b", profile="bip45-p2wsh", number=6), 6)
    for name in ("p", "q"):
        pool = bitcoin_record(name)
        memory.check_unique(pool, None)
        memory.learn(attested(pool, None))


def test_cooler_forgets_what_was_not_committed() -> None:
    """Of two requests that staged the same wallet one failed: the wallet keeps its number, and when both
    failed it is free."""
    memory = CoolerMemory()
    first = bitcoin_record("a", profile="bip45-p2wsh", number=5)
    other = bitcoin_record("b", profile="bip45-p2wsh", number=5)
    memory.learn(attested(first, 5))
    memory.learn(attested(first, 5))
    memory.unlearn(attested(first, 5))
    with pytest.raises(Breach):
        memory.check_unique(other, 5)
    memory.unlearn(attested(first, 5))
    memory.check_unique(other, 5)


def _with_hot(record: WalletRecord, hot: OwnerKey) -> WalletRecord:
    return replace(record, owners=(hot, record.owners[1], record.owners[2]))
