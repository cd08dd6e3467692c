"""Payouts on a real chain: where the engine can leave a withdrawal, and where it can die."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from keepcool.app.payouts.store import Kind
from keepcool.chains.evm.purse import check_replacement
from keepcool.chains.evm.transaction import parse_unsigned
from keepcool.core import withdrawal_states as lives
from keepcool.core.faults import FaultPoint
from keepcool.core.intent import Evidence
from tests.fixtures.chain import address_number
from tests.fixtures.evmscene import scene
from tests.unit.app.payouts.workshop import ETHER, NETWORK, RECIPIENT, Crash

pytestmark = pytest.mark.live


def test_a_withdrawal_is_paid_and_settled(tmp_path: Path) -> None:
    """A first payment deploys its wallet, pays, and leaves ledger and chain equal, fees included."""
    with scene(tmp_path) as at:
        record = at.wallet("w1", tokens=500)
        at.shop.order("wd1", record.wallet, 2 * ETHER)
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed), at.shop.state("wd1")
        assert at.chain.balance(RECIPIENT) == 2 * ETHER
        assert at.agrees(record)
        assert at.shop.balance(f"owed:{record.wallet}") == 8 * ETHER
        assert at.shop.balance(f"held:{record.wallet}") == 0
        at.shop.order("wd2", record.wallet, 123, asset=at.token)
        at.ends("wd2")
        assert at.chain.balance(RECIPIENT, at.token_address) == 123
        assert at.agrees(record)
        assert at.shop.balance(f"fees:{NETWORK}") > 0


POINTS = [point for point in FaultPoint if point.value.startswith("app-")]


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_any_point_pays_once(tmp_path: Path, point: FaultPoint) -> None:
    """Killed at a point of a first payment and started again, exactly one payment stands."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.order("wd1", record.wallet, ETHER)
        at.shop.faults.at = point
        with pytest.raises(BaseExceptionGroup) as died:
            at.ends("wd1")
        assert died.group_contains(Crash), died.value
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed)
        assert at.chain.balance(RECIPIENT) == ETHER
        assert at.agrees(record)


def test_many_wallets_are_paid_together(tmp_path: Path) -> None:
    """Twelve withdrawals of six wallets, none sharing a transaction: each wallet's in order, all paid, one
    question for several."""
    with scene(tmp_path, batch_max=1) as at:
        records = [at.wallet(f"w{n}") for n in range(6)]
        for n, record in enumerate(records):
            at.shop.order(f"a{n}", record.wallet, ETHER)
            at.shop.order(f"b{n}", record.wallet, 2 * ETHER)
        at.ends(*(f"{letter}{n}" for letter in "ab" for n in range(6)))
        assert at.chain.balance(RECIPIENT) == 18 * ETHER
        assert [at.shop.read(f"b{n}").slot for n in range(6)] == [1] * 6
        assert all(at.agrees(record) for record in records)


def test_a_transfer_and_a_topup_are_payouts(tmp_path: Path) -> None:
    """A transfer pays the other wallet's address; a top-up pays the purse, whose books gain it."""
    with scene(tmp_path) as at:
        one, two = at.wallet("w1"), at.wallet("w2")
        at.shop.order("t1", one.wallet, ETHER, kind=Kind.TRANSFER, recipient="", to_wallet=two.wallet)
        at.ends("t1")
        assert at.chain.balance(two.address) == 11 * ETHER
        at.shop.order("p1", one.wallet, 3 * ETHER, kind=Kind.TOPUP, recipient="")
        at.ends("p1")
        purse = at.shop.purse.address
        at.live(lambda: at.shop.balance(f"purse:{NETWORK}") == at.chain.balance(purse))
        assert at.shop.balance(f"funding:{NETWORK}") == 8 * ETHER
        assert at.agrees(one)


def test_refused_by_both_is_released_and_the_next_is_paid(tmp_path: Path) -> None:
    """When both say no, the hold goes back, nothing touches the chain, and the slot is free."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        for signer in (at.shop.keeper, at.shop.cooler):
            signer.objects = lambda intent: "deny" if intent == "wd1" else ""
        at.shop.order("wd1", record.wallet, ETHER)
        at.ends("wd1")
        state = at.shop.state("wd1")
        assert isinstance(state, lives.Refused)
        assert {one.by.value for one in state.objections} == {"keeper", "cooler"}
        assert at.shop.balance(f"owed:{record.wallet}") == 10 * ETHER
        at.shop.order("wd2", record.wallet, ETHER)
        at.ends("wd2")
        assert (at.shop.read("wd2").slot, at.chain.balance(RECIPIENT)) == (0, ETHER)


def test_refused_by_one_frees_the_coins_and_the_slot_is_burnt_before_the_next(tmp_path: Path) -> None:
    """One signature alone moves nothing, so the hold goes back; that signer's slot is voided first."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.cooler.objects = lambda intent: "deny" if intent == "wd1" else ""
        at.shop.order("wd1", record.wallet, ETHER)
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Refused)
        assert at.shop.balance(f"owed:{record.wallet}") == 10 * ETHER
        at.shop.order("wd2", record.wallet, ETHER)
        at.ends("wd2")
        assert isinstance(at.shop.state("wd1.v1"), lives.Confirmed)
        assert (at.shop.read("wd2").slot, at.chain.balance(RECIPIENT)) == (1, ETHER)
        assert at.agrees(record)


def test_cancelled_after_a_signature_burns_the_slot_first(tmp_path: Path) -> None:
    """Half signed and cancelled: the hold stays until a void of the same nonce is final."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.signers.lines.down.add("cooler")
        at.shop.order("wd1", record.wallet, ETHER)
        at.live(lambda: isinstance(at.shop.state("wd1"), lives.PartlySigned))
        cancelled = at.shop.store.transact(lambda tx: at.shop.desk.cancel(tx, "wd1"))
        assert isinstance(cancelled.state, lives.Uncertain)
        assert at.shop.balance(f"held:{record.wallet}") == ETHER
        at.shop.signers.lines.down.clear()
        at.ends("wd1", "wd1.v1")
        assert isinstance(at.shop.state("wd1"), lives.Cancelled)
        assert (at.shop.balance(f"held:{record.wallet}"), at.chain.balance(RECIPIENT)) == (0, 0)
        assert at.agrees(record)


def test_a_need_for_review_waits_for_evidence(tmp_path: Path) -> None:
    """Review is a durable answer: with evidence the same intent is asked for again and paid."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.cooler.objects = lambda _: "review"
        at.shop.order("wd1", record.wallet, ETHER)
        at.live(lambda: isinstance(at.shop.state("wd1"), lives.NeedsReview))
        intent = at.shop.read("wd1").intent
        proof = Evidence("approval", "alice", b"yes")
        at.shop.store.transact(lambda tx: at.shop.desk.add_evidence(tx, "wd1", proof))
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed)
        assert at.shop.read("wd1").intent == intent


def test_a_wrong_signature_freezes_the_withdrawal(tmp_path: Path) -> None:
    """A signature that is not the owner's over our digest stops everything and alarms."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.cooler.spoil = True
        at.shop.order("wd1", record.wallet, ETHER)
        at.live(lambda: isinstance(at.shop.state("wd1"), lives.Frozen))
        assert "payout.breach" in at.shop.notes()
        assert at.shop.balance(f"held:{record.wallet}") == ETHER


def test_what_would_revert_fails_at_no_cost(tmp_path: Path) -> None:
    """More tokens in the ledger than on chain: nobody is asked to sign, the hold goes back."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.credit(record.wallet, 100, at.token)
        at.shop.order("wd1", record.wallet, 100, asset=at.token)
        at.ends("wd1")
        state = at.shop.state("wd1")
        assert isinstance(state, lives.Failed)
        assert state.code == "payout.reverts"
        assert (at.shop.keeper.asked, at.shop.balance(f"held:{record.wallet}", at.token)) == ([], 0)


def test_what_reverts_after_signing_fails_once_its_slot_is_burnt(tmp_path: Path) -> None:
    """The tokens leave between the signatures and the sending: the slot is voided, then it fails."""
    with scene(tmp_path) as at:
        record = at.wallet("w1", tokens=100)
        at.shop.order("wd0", record.wallet, 1)  # deploys it
        at.ends("wd0")
        at.shop.order("wd1", record.wallet, 100, asset=at.token)
        at.shop.faults.at = FaultPoint.APP_SIGNED
        with pytest.raises(BaseExceptionGroup):
            at.ends("wd1")
        at.chain.ask("anvil_impersonateAccount", record.address)
        data = (
            bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(address_number(1)[2:]) + (100).to_bytes(32)
        )
        at.chain.send(at.token_address, data=data, sender=record.address)
        at.ends("wd1", "wd1.v1")
        state = at.shop.state("wd1")
        assert isinstance(state, lives.Failed)
        assert state.code == "payout.reverts"
        assert at.shop.balance(f"held:{record.wallet}", at.token) == 0


def test_a_vanished_block_takes_the_confirmation_with_it(tmp_path: Path) -> None:
    """Seen, orphaned by a reorganisation, sent again byte for byte, and paid once."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.order("wd1", record.wallet, ETHER)
        at.ends("wd1")
        at.shop.order("wd2", record.wallet, ETHER)
        at.shop.faults.at = FaultPoint.APP_CONFIRMED
        with pytest.raises(BaseExceptionGroup):
            at.ends("wd2")
        seen = at.shop.state("wd2")
        assert isinstance(seen, lives.Broadcast)
        assert seen.seen is not None
        depth = at.chain.height() - seen.seen.block + 1
        at.chain.reorganise(depth)
        assert at.chain.balance(RECIPIENT) == ETHER
        at.ends("wd2")
        after = at.shop.state("wd2")
        assert isinstance(after, lives.Confirmed)
        assert (after.inclusion.transaction, at.chain.balance(RECIPIENT)) == (
            seen.seen.transaction,
            2 * ETHER,
        )
        assert at.agrees(record)


def test_a_stuck_transaction_is_raised_and_one_attempt_confirms(tmp_path: Path) -> None:
    """No block takes it: same nonce, an eighth more on both fees, until one of the attempts is in a block."""
    with scene(tmp_path, bump_after_s=1) as at:
        record = at.wallet("w1")
        at.shop.order("wd0", record.wallet, 1)  # deploys it
        at.ends("wd0")
        at.chain.ask("evm_setAutomine", False)
        at.shop.order("wd1", record.wallet, ETHER)
        at.live(lambda: len(at.attempts("wd1")) >= 3, mining=False)
        raised = [parse_unsigned(one.unsigned) for one in at.attempts("wd1")]
        for old, new in pairwise(raised):
            check_replacement(old, new)
        assert {one.nonce for one in raised} == {raised[0].nonce}
        at.chain.ask("evm_setAutomine", True)
        at.ends("wd1")

        def stages() -> list[str]:
            return sorted(one.stage.value for one in at.attempts("wd1") if one.raw is not None)

        at.live(lambda: "sent" not in stages() and "seen" not in stages())  # the purse's books follow
        assert stages()[0] == "final"
        assert set(stages()[1:]) == {"superseded"}
        assert at.chain.balance(RECIPIENT) == ETHER + 1
        assert at.agrees(record)


def test_a_purse_that_may_pay_no_more_waits_and_says_so(tmp_path: Path) -> None:
    """Raising stops at the withdrawal's own bound; what is signed stays signed and goes out later."""
    with scene(tmp_path, bump_after_s=1, withdrawal_fee_max=str(2 * 10**15)) as at:
        record = at.wallet("w1")
        at.shop.order("wd0", record.wallet, 1)
        at.ends("wd0")
        at.chain.ask("evm_setAutomine", False)
        at.shop.order("wd1", record.wallet, ETHER, fee_max=6 * 10**14)
        at.live(lambda: "purse.stuck" in at.shop.notes(), mining=False)
        assert all(one.fee_max <= 6 * 10**14 for one in at.attempts("wd1"))
        at.chain.ask("evm_setAutomine", True)
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed)


def test_nonces_signed_in_a_lost_past_are_used_up(tmp_path: Path) -> None:
    """Keeper's journal is two purse transactions ahead of App's books: the gap is closed, then paid."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.purse.next_nonce = 2
        at.shop.purse.forgotten = {0, 1}
        at.shop.order("wd1", record.wallet, ETHER)
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed)
        assert "purse.nonce_gap" in at.shop.notes()
        at.live(lambda: at.agrees(record))


def test_a_declined_purse_transaction_gives_its_nonce_back(tmp_path: Path) -> None:
    """Keeper refuses twice (a ceiling, a budget): the withdrawal waits, no nonce is lost, then it is paid."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.purse.declines = 2
        at.shop.order("wd1", record.wallet, ETHER)
        at.ends("wd1")
        assert "purse.declined" in at.shop.notes()
        assert at.chain.balance(RECIPIENT) == ETHER
        assert at.agrees(record)


def test_a_strangers_broadcast_of_our_signatures_is_our_payment(tmp_path: Path) -> None:
    """Whoever sends what both signed, the Safe pays once, and the books say so."""
    with scene(tmp_path) as at:
        record = at.wallet("w1")
        at.shop.order("wd0", record.wallet, 1)  # deploys it
        at.ends("wd0")
        at.shop.order("wd1", record.wallet, ETHER)
        at.shop.faults.at = FaultPoint.APP_PURSE_STORED
        with pytest.raises(BaseExceptionGroup):
            at.ends("wd1")
        ours = parse_unsigned(at.attempts("wd1")[-1].unsigned)
        at.chain.send(ours.to, data=ours.data)
        at.ends("wd1")
        assert isinstance(at.shop.state("wd1"), lives.Confirmed)
        assert at.chain.balance(RECIPIENT) == ETHER + 1
        at.live(lambda: at.agrees(record))
