"""The purse's nonces and fees: none given twice, none lost, all within their bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.config import FeeSettings
from keepcool.app.payouts import heads, purses
from keepcool.app.payouts.evm import fees
from keepcool.app.payouts.evm.fees import Market
from keepcool.app.payouts.purses import Purpose, Stage
from keepcool.chains.evm.purse import Fees, check_replacement
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.wire.messages import Head
from tests.unit.app.payouts.workshop import NETWORK, RECIPIENT, Workshop

pytestmark = pytest.mark.usefixtures("both_engines")

GWEI = 10**9
SETTINGS = FeeSettings(fee_per_gas_max=str(100 * GWEI), priority_fee_per_gas=str(GWEI))
OLD = Transaction(
    chain_id=31337,
    nonce=4,
    max_priority_fee_per_gas=GWEI,
    max_fee_per_gas=10 * GWEI,
    gas=100_000,
    to=RECIPIENT,
    value=0,
    data=b"",
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    yield made
    made.close()


def add(shop: Workshop, unsigned: bytes, chain_nonce: int = 0) -> purses.Attempt:
    return shop.store.transact(
        lambda tx: purses.add(
            tx,
            network=NETWORK,
            account=RECIPIENT,
            nonce=purses.next_nonce(tx, NETWORK, RECIPIENT, chain_nonce),
            purpose=Purpose.DEPLOY,
            wallet="w1",
            withdrawal=None,
            unsigned=unsigned,
            fee_max=1,
            now_ms=1,
        )
    )


def test_nonces_go_up_one_by_one(shop: Workshop) -> None:
    """Each row gets the next one, also beyond what the chain has used."""
    assert [add(shop, bytes([n])).nonce for n in range(3)] == [0, 1, 2]
    assert add(shop, b"x", chain_nonce=9).nonce == 9
    assert add(shop, b"y", chain_nonce=0).nonce == 10


def test_a_declined_nonce_is_given_again(shop: Workshop) -> None:
    """Only the highest comes back; the same bytes again are the same row."""
    first = add(shop, b"a")
    shop.store.transact(lambda tx: purses.update(tx, first.number, stage=Stage.DECLINED.value))
    assert add(shop, b"b").nonce == 0
    other = add(shop, b"c")
    shop.store.transact(lambda tx: purses.update(tx, other.number, stage=Stage.DECLINED.value))
    again = add(shop, b"c")
    assert (again.number, again.stage) == (other.number, Stage.STORED)


def test_the_purse_has_one_address(shop: Workshop) -> None:
    """Learnt once; another address is a breach and is not stored."""
    shop.store.transact(lambda tx: purses.learn_purse(tx, NETWORK, RECIPIENT, 1))
    with pytest.raises(Breach):
        shop.store.transact(lambda tx: purses.learn_purse(tx, NETWORK, "0x" + "11" * 20, 1))
    known = shop.store.transact(lambda tx: purses.get_purse(tx, NETWORK))
    assert known is not None
    assert known.address == RECIPIENT


FIRST: list[tuple[str, Market, int, Fees | None]] = [
    ("twice the base fee", Market(10 * GWEI, GWEI), 10**18, Fees(21 * GWEI, GWEI)),
    ("the network's bound", Market(60 * GWEI, GWEI), 10**18, Fees(100 * GWEI, GWEI)),
    ("what is left", Market(10 * GWEI, GWEI), 12 * GWEI * 100_000, Fees(12 * GWEI, GWEI)),
    ("less than the next block takes", Market(10 * GWEI, GWEI), 9 * GWEI * 100_000, None),
    ("nothing left", Market(10 * GWEI, GWEI), 0, None),
]


@pytest.mark.parametrize(
    ("market", "left", "expected"), [one[1:] for one in FIRST], ids=[one[0] for one in FIRST]
)
def test_first_fees_fit_market_and_bounds(market: Market, left: int, expected: Fees | None) -> None:
    """Never beyond the bound, never below what a block takes."""
    assert fees.first_fees(market, 100_000, left, SETTINGS) == expected


@pytest.mark.parametrize("market", [Market(0, 1), Market(3 * GWEI, GWEI), Market(40 * GWEI, 5 * GWEI)])
def test_a_raise_replaces_in_every_pool(market: Market) -> None:
    """An eighth more on both fees whatever the market says."""
    raised = fees.bumped_fees(OLD, market, 10**18, SETTINGS)
    assert raised is not None
    check_replacement(OLD, _with(raised))


def test_a_raise_beyond_the_bound_is_none() -> None:
    """Where an eighth more does not fit, nothing is sent; the twin without the bound is refused by a pool."""
    left = 11 * GWEI * OLD.gas
    assert fees.bumped_fees(OLD, Market(0, 1), left, SETTINGS) is None
    with pytest.raises(Refused):
        check_replacement(OLD, _with(Fees(11 * GWEI, GWEI)))


def test_gas_limits_leave_a_fifth() -> None:
    """Rounded up."""
    assert [fees.with_margin(gas) for gas in (0, 1, 21_000)] == [0, 2, 25_200]


def test_a_signer_with_two_histories_is_a_breach(shop: Workshop) -> None:
    """The newest head is kept and an older one ignored; another hash at its place is told at once."""

    def see(sequence: int, mark: bytes, service: str = "keeper") -> None:
        head = Head(service=service, sequence=sequence, hash=mark * 32, signature=bytes(64))
        shop.store.transact(lambda tx: heads.seen(tx, Service.KEEPER, head))

    see(3, b"a")
    see(2, b"b")
    with pytest.raises(Breach):
        see(3, b"c")
    with pytest.raises(Malformed):
        see(4, b"d", "cooler")
    newest = shop.store.transact(lambda tx: heads.newest(tx, Service.KEEPER))
    assert newest is not None
    assert (newest.sequence, newest.hash) == (3, b"a" * 32)


def _with(raised: Fees) -> Transaction:
    return Transaction(
        chain_id=OLD.chain_id,
        nonce=OLD.nonce,
        max_priority_fee_per_gas=raised.max_priority_fee_per_gas,
        max_fee_per_gas=raised.max_fee_per_gas,
        gas=OLD.gas,
        to=OLD.to,
        value=0,
        data=b"",
    )
