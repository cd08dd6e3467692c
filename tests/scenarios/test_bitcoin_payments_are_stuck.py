"""Bitcoin payments that no block takes, through real signers: raised where nodes replace, lifted by a child
where they do not; paid once either way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keepcool.client.api import awaited
from keepcool.client.models import Withdrawal
from keepcool.core.parties import Service
from keepcool.local.bitcoinchain import COIN
from keepcool.local.plan import BitcoinPlan
from tests.fixtures.bitcoinhouse import BitcoinHouse, whole_bitcoin_house
from tests.fixtures.installation import WAIT_S

pytestmark = pytest.mark.live

_SENT = (
    "SELECT rung.txid, rung.fee_sat FROM payout_rung AS rung JOIN payout_batch_member AS member"
    " ON member.batch = rung.batch WHERE member.withdrawal = ? AND rung.sent_at_ms IS NOT NULL"
    " ORDER BY rung.place"
)
_LIFTS = (
    "SELECT child.stage FROM payout_batch AS child JOIN payout_batch_member AS member"
    " ON member.batch = child.parent WHERE member.withdrawal = ? AND child.purpose = 'lift'"
)
_ASKED_LAST = (
    "SELECT max(answer.at_ms), (SELECT min(rung.sent_at_ms) FROM payout_rung AS rung"
    " WHERE rung.batch = member.batch) FROM payout_rung_answer AS answer JOIN payout_batch_member AS member"
    " ON member.batch = answer.batch WHERE member.withdrawal = ?"
)


def _impatient(one: BitcoinPlan) -> BitcoinPlan:
    return replace(one, replacement="signalled", bump_after_s=2)


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(lambda: request.session.testsfailed > failed_before, _impatient) as made:
        yield made


def sent(house: BitcoinHouse, asked: Withdrawal) -> list[tuple[object, ...]]:
    """Its rungs that were handed out: id and fee, cheapest first."""
    return house.ask_books(_SENT, asked.id)


def test_a_payment_is_raised_by_what_was_signed_at_the_beginning(house: BitcoinHouse) -> None:
    """No block comes: the next rung takes its place in the pool, nobody signs again, the dearer one is mined,
    and its fee is on the books."""
    payer, to = house.wallet(), house.outside()
    with house.miner.held():
        asked = house.withdraw(payer, COIN // 4, to)
        rungs = awaited(lambda: sent(house, asked), lambda found: len(found) > 1, WAIT_S, "it is not raised")
        awaited(house.chain.mempool, lambda pool: rungs[1][0] in pool, WAIT_S, "the dearer is in no pool")
        assert rungs[0][0] not in house.chain.mempool()
        ((answered, first_sent),) = house.ask_books(_ASKED_LAST, asked.id)
        assert int(str(answered)) <= int(str(first_sent))
    paid = house.paid_once(asked, to, COIN // 4)
    fees = {str(txid): str(fee) for txid, fee in sent(house, asked)}
    assert paid.fee_paid == fees[paid.transaction or ""] != str(rungs[0][1])


def test_a_payment_is_lifted_where_nodes_keep_the_first(house: BitcoinHouse) -> None:
    """No block comes, and nodes do not replace: a child that both signers sign spends its change, both are
    mined, and the wallet has paid for both."""
    with house.edited(Service.APP, lambda text: text.replace('"signalled"', '"none"')):
        house.restart("app")
        payer, to = house.wallet(), house.outside()
        with house.miner.held():
            asked = house.withdraw(payer, COIN // 4, to)
            awaited(house.chain.mempool, lambda pool: len(pool) > 1, WAIT_S, "no child lifts it")
            assert len(sent(house, asked)) == 1
        paid = house.paid_once(asked, to, COIN // 4)
        awaited(
            lambda: {stage for (stage,) in house.ask_books(_LIFTS, asked.id)},
            lambda found: found == {"confirmed"},
            WAIT_S,
            "the child is not final",
        )
        assert int(house.client.withdrawal(paid.id).fee_paid or 0) > int(str(sent(house, asked)[0][1]))
        house.agrees(payer)
    house.restart("app")
