"""Whose turn it is among many wallets: nobody's queue keeps another waiting."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger, registry
from keepcool.app.books.registry import Asked
from keepcool.app.payouts import store, turns
from keepcool.app.payouts.minter import sending
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.ids import UserId, WalletId
from tests.unit.app.payouts.test_minter_watching import BOB, COIN, NETWORK, Bench

pytestmark = pytest.mark.slow

OTHER = WalletId("w2")


def request(tx: Connection, name: str, wallet: WalletId, *, units: int = 1) -> None:
    store.insert(tx, NewWithdrawal(name, Kind.WITHDRAWAL, wallet, NETWORK, COIN, units, BOB, 1), 1)


def another_wallet(tx: Connection, name: WalletId = OTHER) -> None:
    registry.ask(tx, Asked(name, UserId("owner"), NETWORK, "multisig-v2", None, {}), 1)
    ledger.credit_deposit(tx, deposit=f"d{name}", wallet=name, asset=COIN, units=1000, at_ms=1)


def test_a_wallet_with_a_long_queue_keeps_nobody_waiting(tmp_path: Path) -> None:
    """One user's first withdrawal waits for a review and hundreds of his wait behind it: another user, who
    asked later, is next all the same."""
    bench = Bench(tmp_path)
    bench.order("wd0")
    bench.draft("wd0", b"\x01" * 32, 1)

    def crowd(tx: Connection) -> None:
        for number in range(turns.AT_ONCE_MAX + 1):
            request(tx, f"wd-{number}", WalletId("w1"))
        another_wallet(tx)
        request(tx, "late", OTHER)

    bench.store.transact(crowd)
    due = bench.store.transact(lambda tx: turns.next_in_line(tx, bench.lane))
    assert [one.id for one in due] == ["late"]
    bench.store.close()


def test_what_waits_to_be_burnt_keeps_nobody_from_being_sent(tmp_path: Path) -> None:
    """More payments were abandoned at once than are sent at once, and their voids are newer: what is to be
    sent is reached within a few rounds."""
    bench = Bench(tmp_path)
    names = [WalletId(f"x{number}") for number in range(2 * sending.AT_ONCE_MAX)]
    for number, name in enumerate(names):
        bench.store.transact(partial(another_wallet, name=name))
        bench.store.transact(partial(request, name=f"wd-{number}", wallet=name))
        bench.draft(f"wd-{number}", number.to_bytes(32, "big"), 1)
        bench.sign(f"wd-{number}")
        bench.step(f"wd-{number}", life.Abandoned(lives.Cancelled(), "cancelled"))
    bench.order("last")
    bench.draft("last", b"\xff" * 32, 1)
    bench.sign("last")
    for _ in range(5):
        asyncio.run(sending.send_all(bench.lane))
    assert bench.get("last").problem is not None  # tried, and here there is no node
    bench.store.close()
