"""Bitcoin payouts while nodes refuse, strangers spend, ids are altered and signers take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.app.books import accounts
from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.deposits import events
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import Stage
from keepcool.core.errors import Conflict, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.intent import Evidence
from keepcool.core.withdrawal_states import Cancelled, Failed, Frozen, NeedsReview
from keepcool.local.bitcoinchain import COIN, DevBitcoin, DevLitecoin
from tests.fixtures.bitcoinchain import BUILD, running_litecoin
from tests.fixtures.bitcoinoffice import BitcoinOffice, crashed

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def chain() -> Iterator[DevBitcoin]:
    with running_litecoin() as node:
        yield node


@contextmanager
def office_of(
    folder: Path, chain: DevBitcoin, *amounts: int, profile: str = "bip45-p2wsh", fees: BitcoinFeeSettings
) -> Iterator[BitcoinOffice]:
    """Its wallet w1 has a coin of each amount."""
    office = BitcoinOffice(folder, chain, fees=fees)
    try:
        address = office.issue("w1", 0, profile=profile).address
        for units in amounts:
            chain.pay(address, units)
        chain.mine(1)
        asyncio.run(office.live(lambda: office.balance("w1") == sum(amounts)))
        yield office
    finally:
        office.close()


def died_at(office: BitcoinOffice, point: FaultPoint) -> None:
    """A life that ends there."""
    office.faults.at = point
    with pytest.raises(BaseException) as died:  # noqa: PT011 - a group that holds the crash
        asyncio.run(office.live(lambda: False))
    assert crashed(died.value)


def batch_of(office: BitcoinOffice, name: str) -> batches.Batch:
    return office.store.transact(lambda tx: batches.of_withdrawal(tx, name)[-1])


def rungs_of(office: BitcoinOffice, name: str) -> list[batches.Rung]:
    return office.store.transact(lambda tx: batches.rungs(tx, batches.of_withdrawal(tx, name)[-1].id))


def test_what_nodes_take_for_too_cheap_is_sent_at_the_next_fee(tmp_path: Path, chain: DevBitcoin) -> None:
    """Once it is signed the node's floor rises above the cheapest rung: a dearer one, signed with it, is sent
    without asking anybody again."""
    with office_of(tmp_path, chain, COIN, fees=BitcoinFeeSettings()) as office:
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        died_at(office, FaultPoint.APP_SIGNED)
        asked = office.keeper.asked
        with _dearer(chain) as node:
            office.chain = node
            asyncio.run(office.live(office.reached("a", "broadcast")))
            first, second, *_ = rungs_of(office, "a")
            assert node.mempool() == {second.txid}
            assert office.keeper.asked == asked
            node.mine(1)
            asyncio.run(office.live(office.reached("a", "confirmed")))
            assert node.balance(to) == COIN // 4
            office.agrees("w1")
            assert first.fee_sat < second.fee_sat


@contextmanager
def _dearer(chain: DevBitcoin) -> Iterator[DevLitecoin]:
    """The same chain, on a node that relays nothing below 1.5 times the network's floor."""
    chain.stop()
    try:
        with DevLitecoin(chain.folder, BUILD, options=("-minrelaytxfee=0.000015",)) as node:
            yield node
    finally:
        chain.start()


class Silent(HttpBitcoinNode):
    """It takes what it is sent and never says so."""

    async def send(self, raw: bytes) -> str:
        await super().send(raw)
        raise Unavailable("node.timeout", "no answer came")


def test_what_was_sent_into_silence_is_not_paid_again(tmp_path: Path, chain: DevBitcoin) -> None:
    """The node has it and never answered: it is uncertain, is sent again byte for byte, and is paid once."""
    with office_of(tmp_path, chain, COIN, COIN, fees=BitcoinFeeSettings()) as office:
        to, office.node = office.outside(), Silent
        office.order("a", "w1", COIN // 4, to)
        asyncio.run(office.live(office.reached("a", "uncertain")))
        assert len(chain.mempool()) == 1
        office.node = HttpBitcoinNode
        _until_confirmed(office, "a")
        assert chain.balance(to) == COIN // 4
        office.agrees("w1")


def test_a_coin_that_a_stranger_spends_stops_what_would_have_paid_with_it(
    tmp_path: Path, chain: DevBitcoin
) -> None:
    """Two keys sign elsewhere: the coin is gone, the payment is frozen, not failed and not paid from other
    coins, and the network pays nothing more until a person has looked."""
    with office_of(tmp_path, chain, COIN, COIN, fees=BitcoinFeeSettings()) as office:
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        died_at(office, FaultPoint.APP_SIGNED)
        name = batch_of(office, "a").id
        (coin,) = office.store.transact(lambda tx: batches.coins(tx, name))
        chain.ask("sendrawtransaction", office.stolen("w1", coin, office.outside()).hex())
        chain.mine(1)
        asyncio.run(office.live(office.reached("a", "frozen")))
        assert isinstance(office.state("a"), Frozen)
        assert office.store.transact(lambda tx: events.frozen(tx, office.row.id, WalletId("w1"))) is not None
        assert chain.balance(to) == 0


def test_the_books_follow_a_dearer_rung_beyond_the_depth_of_final(tmp_path: Path, chain: DevBitcoin) -> None:
    """Final by the cheapest rung, the blocks are invalidated deeper than final is, and a miner has the
    dearest one: its fee is on the books, ledger and chain are one, and it was paid once."""
    with office_of(tmp_path, chain, COIN, fees=BitcoinFeeSettings()) as office:
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        asyncio.run(office.live(office.reached("a", "broadcast")))
        chain.mine(3)
        asyncio.run(office.live(office.reached("a", "confirmed")))
        first, *_, last = rungs_of(office, "a")
        assert office.read("a").transaction == first.txid
        chain.invalidate(str(chain.ask("getblockhash", chain.height() - 2)))
        chain.ask("generateblock", chain.new_address(), [(last.raw or b"").hex()])
        chain.mine(3)
        asyncio.run(office.live(lambda: office.read("a").transaction == last.txid))
        assert chain.balance(to) == COIN // 4
        office.agrees("w1")
        assert office.balance("w1") == COIN - COIN // 4 - last.fee_sat < COIN - COIN // 4 - first.fee_sat


def test_evidence_satisfies_who_wanted_a_review(tmp_path: Path, chain: DevBitcoin) -> None:
    """Both want evidence: it waits; the evidence comes: it is asked for at once, signed and paid."""
    with office_of(tmp_path, chain, COIN, fees=BitcoinFeeSettings()) as office:
        office.keeper.objects = office.cooler.objects = lambda _: "review"
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        asyncio.run(office.live(office.reached("a", "needs_review")))
        state = office.state("a")
        assert isinstance(state, NeedsReview)
        assert {one.by.value for one in state.objections} == {"keeper", "cooler"}
        proof = Evidence("test", "key", b"proof")
        office.store.transact(lambda tx: office.desk.add_evidence(tx, "a", proof))
        asyncio.run(office.live(office.reached("a", "broadcast")))
        chain.mine(1)
        asyncio.run(office.live(office.reached("a", "confirmed")))
        assert chain.balance(to) == COIN // 4
        office.agrees("w1")


def test_what_nobody_signs_in_time_fails_and_its_coins_are_free(tmp_path: Path, chain: DevBitcoin) -> None:
    """Both signers are away until the intent has expired: it fails, nothing is held, and once they are back
    the same coins, burnt first, pay another."""
    with office_of(tmp_path, chain, COIN, fees=BitcoinFeeSettings(intent_lifetime_s=2)) as office:
        office.keeper.away = office.cooler.away = True
        office.order("a", "w1", COIN // 4)
        asyncio.run(office.live(office.reached("a", "failed")))
        assert isinstance(office.state("a"), Failed)
        assert office.balance("w1") == COIN
        office.keeper.away = office.cooler.away = False
        to = office.outside()
        office.order("b", "w1", COIN // 4, to)
        _until_confirmed(office, "b")
        assert chain.balance(to) == COIN // 4
        office.agrees("w1")


def test_coins_are_gathered_while_that_is_cheap(tmp_path: Path, chain: DevBitcoin) -> None:
    """Twelve coins become one, at the wallet's expense, and payments go on from it."""
    fees = BitcoinFeeSettings(gather_coins=12, fee_rate_long_term=400_000)
    with office_of(tmp_path, chain, *[COIN // 10] * 12, fees=fees) as office:

        def done() -> bool:
            if chain.mempool():
                chain.mine(1)
            return len(_coins(office)) == 1 and not _open(office)

        asyncio.run(office.live(done))
        (coin,) = _coins(office)
        assert office.account(accounts.coins(WalletId("w1"))) == coin < 12 * COIN // 10
        office.agrees("w1")


def _coins(office: BitcoinOffice) -> list[int]:
    found = office.chain.ask("scantxoutset", "start", office.descriptors("w1"))
    return [int(one["amount"] * COIN) for one in found["unspents"]]


def _open(office: BitcoinOffice) -> list[batches.Batch]:
    stages = [Stage.DRAFTED, Stage.SIGNED, Stage.SENT]
    return office.store.transact(lambda tx: batches.in_stages(tx, office.row.id, stages, limit=9))


def _until_confirmed(office: BitcoinOffice, name: str) -> None:
    def done() -> bool:
        if office.chain.mempool():
            office.chain.mine(1)
        return office.reached(name, "confirmed")()

    asyncio.run(office.live(done))


def test_a_payment_on_its_way_can_be_neither_cancelled_nor_frozen(tmp_path: Path, chain: DevBitcoin) -> None:
    """Once it was handed out it is too late, and it is paid."""
    with office_of(tmp_path, chain, COIN, fees=BitcoinFeeSettings()) as office:
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        died_at(office, FaultPoint.APP_PURSE_STORED)
        with pytest.raises(Conflict, match="too late"):
            office.store.transact(lambda tx: office.desk.cancel(tx, "a"))
        with pytest.raises(Conflict, match="on its way"):
            office.store.transact(lambda tx: office.desk.freeze(tx, "a", "stop"))
        _until_confirmed(office, "a")
        assert chain.balance(to) == COIN // 4
        office.agrees("w1")


def test_one_that_a_person_stops_does_not_hold_up_the_others(tmp_path: Path, chain: DevBitcoin) -> None:
    """Three of a pool are drafted together, one is frozen before it is signed: the two are paid, and it is
    once it is thawed."""
    office = BitcoinOffice(tmp_path, chain, fees=BitcoinFeeSettings(batch_s=0.3))
    pool = office.issue("pool", 0, profile="bip45-pool-p2wsh")
    members = [f"u{number}" for number in range(3)]
    for number, one in enumerate(members):
        chain.pay(office.member(pool, one, number + 1), COIN)
    chain.mine(1)
    asyncio.run(office.live(lambda: all(office.balance(one) == COIN for one in members)))
    for one in members:
        office.order(f"of-{one}", one, COIN // 3)
    died_at(office, FaultPoint.APP_DRAFTED)
    office.store.transact(lambda tx: office.desk.freeze(tx, "of-u1", "a look at it"))
    _until_confirmed(office, "of-u0")
    _until_confirmed(office, "of-u2")
    assert office.read("of-u0").transaction == office.read("of-u2").transaction
    assert isinstance(office.state("of-u1"), Frozen)
    office.store.transact(lambda tx: office.desk.thaw(tx, "of-u1"))
    _until_confirmed(office, "of-u1")
    office.agrees("pool", "pool", *members)
    office.close()


def test_one_of_many_cannot_be_cancelled_once_they_are_drafted(tmp_path: Path, chain: DevBitcoin) -> None:
    """Before the draft it is cancelled at once; after it, it is told why not, and paid with the others."""
    office = BitcoinOffice(tmp_path, chain, fees=BitcoinFeeSettings(batch_s=0.3))
    pool = office.issue("pool", 0, profile="bip45-pool-p2wsh")
    chain.pay(office.member(pool, "u1", 1), COIN)
    chain.mine(1)
    asyncio.run(office.live(lambda: office.balance("u1") == COIN))
    for name in ("a", "b", "c"):
        office.order(name, "u1", COIN // 5)
    office.store.transact(lambda tx: office.desk.cancel(tx, "c"))
    died_at(office, FaultPoint.APP_DRAFTED)
    with pytest.raises(Conflict, match="together with others"):
        office.store.transact(lambda tx: office.desk.cancel(tx, "a"))
    _until_confirmed(office, "a")
    _until_confirmed(office, "b")
    assert isinstance(office.state("c"), Cancelled)
    office.agrees("pool", "pool", "u1")
    office.close()
