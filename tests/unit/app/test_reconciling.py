"""Ledger against chain: equal to the unit, or told where and by how much."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from keepcool.app.books.tables import balance_row
from keepcool.app.coins.tables import coin
from keepcool.app.payouts import heads
from keepcool.app.reconciling import comparing
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, SeenHead, parse_head_text, parse_report
from keepcool.ports.bitcoinnode import Unspent
from keepcool.wire.messages import Head
from tests.unit.app.deposits import bitcoin_office
from tests.unit.app.deposits.bitcoin_office import ALICE, BitcoinOffice
from tests.unit.app.deposits.office import NATIVE, NETWORK
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin, payment
from tests.unit.app.deposits.paperchain import PaperNode, inside, sends, transfers
from tests.unit.app.deposits.test_crediting import ASSET, TOKEN, A, Desk

TOKENS = {NATIVE: None, ASSET: TOKEN}
HEADS = {"keeper": SeenHead(3, "ab" * 32), "cooler": SeenHead(4, "cd" * 32)}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.office.close()


def reconciled(desk: Desk, *others: PaperNode) -> Report:
    compared = comparing.evm(desk.office.store, NETWORK, TOKENS, [desk.node, *others])
    return comparing.report([asyncio.run(compared)], HEADS, 1)


def test_books_that_are_right_have_no_difference(desk: Desk) -> None:
    """Credited coins and tokens, and one that came without a trace; the report reads as it was written."""
    desk.happens(sends(A, 500))
    desk.happens(transfers(TOKEN, A, 70), inside(A, 3))
    report = reconciled(desk)
    assert report.is_clean
    assert [(one.asset, one.ledger, one.chain, one.wallets) for one in report.totals] == [
        (ASSET, 70, 70, 2),
        (NATIVE, 503, 503, 2),
    ]
    assert parse_report(report.encoded()) == report


def test_one_unit_on_the_ledger_is_found(desk: Desk) -> None:
    """Somebody edits a balance: the place is named, and by how much."""
    desk.happens(sends(A, 500))

    def edited(units: int) -> Report:
        change = update(balance_row).where(balance_row.c.account == "coins:a").values(units=units)
        desk.office.store.transact(lambda tx: tx.execute(change))
        return reconciled(desk)

    for units in (499, 501):
        report = edited(units)
        assert not report.is_clean
        assert [(one.place, one.asset, one.units) for one in report.differences] == [
            ("a", NATIVE, 500 - units)
        ]
    assert edited(500).is_clean


def test_what_was_taken_without_us_is_a_difference(desk: Desk) -> None:
    """Less on chain than the books say, by one unit."""
    desk.happens(sends(A, 500))
    desk.happens(inside(A, -1))
    report = reconciled(desk)
    assert [(one.place, one.units) for one in report.differences] == [("a", -1)]


def test_dust_is_explained(desk: Desk) -> None:
    """Below the minimum nothing is credited; it is on the books as dust, and no difference."""
    desk.office.minimums = {NATIVE: 100}
    desk.happens(sends(A, 99))
    report = reconciled(desk)
    assert report.is_clean
    told = [(one.ledger, one.pending, one.chain) for one in report.totals if one.asset == NATIVE]
    assert told == [(99, 0, 99)]


def test_a_second_node_must_say_the_same(desk: Desk) -> None:
    """One that disagrees ends the reconciliation, whichever is right."""
    desk.happens(sends(A, 500))
    other = PaperNode(desk.chain.copy())
    assert reconciled(desk, other).is_clean
    block = other.chain.pages[-1]
    other.chain.pages[:] = [
        replace(page, balances={**page.balances, (A, None): 501}) for page in other.chain.pages
    ]
    assert block is not other.chain.pages[-1]
    with pytest.raises(Breach, match=r"node\.disagree"):
        reconciled(desk, other)


def test_nothing_is_said_before_anything_was_followed(desk: Desk) -> None:
    """Nor without the signers' journal heads."""
    with pytest.raises(Unavailable, match=r"reconcile\.unfollowed"):
        reconciled(desk)
    store = desk.office.store
    with pytest.raises(Unavailable, match=r"reconcile\.heads"):
        asyncio.run(comparing.seen_heads(store))
    for service in (Service.KEEPER, Service.COOLER):
        head = Head(service=service.value, sequence=3, hash=b"\xab" * 32, signature=bytes(64))
        store.transact(partial(heads.seen, signer=service, head=head))
    seen = asyncio.run(comparing.seen_heads(store))
    assert seen == {name: SeenHead(3, "ab" * 32) for name in ("keeper", "cooler")}
    assert parse_head_text("3:" + "ab" * 32) == seen["keeper"]
    with pytest.raises(Malformed, match=r"report\.head"):
        parse_head_text("three")


class Ledgered(PaperBitcoin):
    """Tells unspent outputs by what a test says is spent."""

    def __init__(self, amounts: dict[tuple[str, int], int]) -> None:
        super().__init__()
        self.amounts = amounts

    async def unspent(self, txid: str, vout: int) -> Unspent | None:
        amount = self.amounts.get((txid, vout))
        return None if amount is None else Unspent(amount, b"", 1, coinbase=False)


def test_coins_are_asked_for_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credited and not yet credited ones agree; one that the node knows as spent is a difference of its
    amount."""
    monkeypatch.setattr(comparing, "TRIES", 1)
    office, chain = BitcoinOffice(tmp_path), Ledgered({})
    script = office.watch(ALICE, ALICE)
    chain.mine(payment([(script, 50_000)]))
    chain.mine(blocks=3)
    chain.mine(payment([(script, 70_000)], salt=1))
    office.follow(office.follower(chain))
    rows = office.store.transact(lambda tx: tx.execute(coin.select()).all())
    chain.amounts = {(row.txid, row.vout): row.amount_sat for row in rows}

    def report() -> Report:
        network, asset = bitcoin_office.NETWORK, bitcoin_office.ASSET
        compared = asyncio.run(comparing.bitcoin(office.store, network, asset, chain))
        return comparing.report([compared], HEADS, 1)

    assert report().is_clean
    (total,) = report().totals
    assert (total.ledger, total.pending, total.chain) == (50_000, 70_000, 120_000)
    first = next(place for place, units in chain.amounts.items() if units == 50_000)
    del chain.amounts[first]
    assert [(one.place, one.units) for one in report().differences] == [(ALICE, -50_000)]
    office.close()
