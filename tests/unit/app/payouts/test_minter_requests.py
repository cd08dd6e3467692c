"""What an owner is told who asks for more than the wallet has beside its fee."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.payouts import requests, store
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId
from tests.unit.app.payouts.test_minter_watching import BOB, COIN, NETWORK, WALLET, Bench

TOKEN = AssetId(f"{NETWORK}/coin:1993")
HAS, FEE_MAX = 20_000, 100


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("asset", "asked", "told", "said"),
    [
        (COIN, (HAS + 1, FEE_MAX), (HAS, HAS + 1), f"has {HAS} base units available, {HAS + 1} asked for"),
        (COIN, (HAS, FEE_MAX), (HAS, HAS + FEE_MAX), f"has {HAS} base units available, {HAS} asked for"),
        (TOKEN, (6, FEE_MAX), (5, 6), "has 5 base units available, 6 asked for"),
        (TOKEN, (5, HAS + 1), (HAS, HAS + 1), f"has {HAS} base units of {COIN} available, 5 asked for"),
    ],
    ids=["amount", "amount and fee", "token", "fee of a token"],
)
def test_too_little_is_told_as_it_was_before_the_order(
    poor: Bench, asset: AssetId, asked: tuple[int, int], told: tuple[int, int], said: str
) -> None:
    """What is told is what the wallet had, not what a half made hold has left of it, and nothing is held."""
    units, fee_max = asked
    new = NewWithdrawal("wd1", Kind.WITHDRAWAL, WALLET, NETWORK, asset, units, BOB, fee_max, fee_asset=COIN)

    def credit(tx: Connection) -> None:
        ledger.credit_deposit(tx, deposit="t", wallet=WALLET, asset=TOKEN, units=5, at_ms=1)

    def ask(tx: Connection) -> None:
        try:
            store.insert(tx, new, 1)
        except Conflict as error:
            raise requests.too_little(tx, new, error) from error

    poor.store.transact(credit)
    with pytest.raises(Conflict) as refused:
        poor.store.transact(ask)
    assert refused.value.code == "withdrawal.balance"
    assert said in refused.value.public
    assert f"up to {fee_max} of {COIN} for its fee" in refused.value.public
    assert refused.value.fields == dict(zip(("balance", "needed"), map(str, told), strict=True))
    assert poor.balances() == (HAS, 0, HAS)
