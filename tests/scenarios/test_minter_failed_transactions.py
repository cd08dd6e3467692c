"""A failed transaction stays valid on Minter: nothing is given back before nobody can send it any more.

And a transaction's hash is no name for it: whoever puts its signatures in another order changes the hash and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keepcool.chains.minter.signature import MultiSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_signed, transaction_hash
from keepcool.client.api import Wallet
from keepcool.client.models import Withdrawal
from keepcool.core.errors import Conflict
from keepcool.core.faults import FaultPoint
from tests.fixtures import minter_signing as signing
from tests.fixtures.installation import COIN, WAIT_S, eventually
from tests.fixtures.minterchain import running_minter
from tests.fixtures.minterhouse import CHEAP, FEE_MAX, MNT, MinterHouse

pytestmark = pytest.mark.live
AMOUNT = 9 * COIN
# a Send costs 1.5 coins of the network, a failed one half of it: more than is left beside the amount
DEAR = (1_000_000 * COIN, 150_000 * 10**6 * COIN)
FUNDS = 107


def test_a_failed_withdrawal_is_refunded_only_after_its_nonce_is_burnt(minter: MinterHouse) -> None:
    """It fails in a block, its amount stays held until a void has used its nonce, and then is free again;
    whoever sends the failed bytes once more, with the wallet full, gets nothing."""
    payer, to = minter.wallet(), minter.outside()
    asked, raw = _failing(minter, payer, to)
    with minter.stalled():
        uncertain = minter.client.withdrawal(asked.id)
        assert uncertain.state == "uncertain"
        assert _held(minter, payer) >= AMOUNT
    ended = minter.until_state(asked, "failed", "confirmed")
    assert ended.state == "failed"
    assert "Insufficient funds" in ended.reason
    assert int(minter.chain.ask(f"/address/{payer.address}")["transaction_count"]) == 1
    minter.agrees(payer)
    minter.chain.fund(payer.address, 20 * COIN)
    status, answer = minter.chain.send(raw)
    assert (status, answer["error"]["code"]) == (400, "101")
    minter.chain.control("/inject", tx="0x" + raw.hex())
    minter.chain.mine(2)
    assert minter.chain.balance(to) == 0
    eventually(lambda: minter.available(payer, MNT) >= AMOUNT + FEE_MAX, "the refill is not credited")
    again = minter.client.withdraw(payer.id, MNT, AMOUNT, to)
    minter.paid_once(again, to, AMOUNT)


def test_without_the_burn_the_failed_bytes_pay_later() -> None:
    """Control off: nothing uses the nonce. The same bytes, sent by anybody after a refill, are a payment."""
    with running_minter() as chain:
        maker, wallet = signing.address(signing.APP), signing.wallet_of(signing.APP, 1)
        chain.fund(signing.shown(maker), COIN)
        create = signing.owners(1, [signing.HOT, signing.COOL, signing.COLD])
        assert chain.send(signing.single(create, signing.APP))[0] == 200
        chain.fund(signing.shown(wallet), COIN)
        raw = signing.multi(signing.send(1, 5 * COIN), wallet, [signing.HOT, signing.COOL])
        chain.control("/inject", tx="0x" + raw.hex())
        chain.mine()
        assert int(chain.ask(f"/transaction/{transaction_hash(raw)}")["code"]) == FUNDS
        chain.fund(signing.shown(wallet), 9 * COIN)
        assert chain.send(raw)[0] == 200
        chain.mine()
        assert chain.balance(signing.shown(signing.SOMEBODY)) == 5 * COIN


def test_failed_bytes_that_win_the_race_against_their_burn_are_the_payment(minter: MinterHouse) -> None:
    """A stranger gets the failed bytes into a block again, before the void: it is paid once, its hold is
    settled and not released, and the wallet goes on."""
    payer, to = minter.wallet(), minter.outside()
    asked, raw = _failing(minter, payer, to)
    minter.chain.control("/inject", tx="0x" + raw.hex())
    minter.mend()
    minter.paid_once(asked, to, AMOUNT)
    minter.chain.fund(payer.address, 2 * COIN)
    later = minter.outside()
    minter.paid_once(_withdrawn(minter, payer, later), later, COIN)


@pytest.mark.parametrize("how", ["other order", "weight 0 added"])
def test_another_version_of_the_signatures_is_the_same_payment(minter: MinterHouse, how: str) -> None:
    """Somebody's version gets into the block before ours: confirmed once, under the hash it has there."""
    payer, to = minter.wallet(), minter.outside()
    with minter.stalled():
        asked = minter.client.withdraw(payer.id, MNT, AMOUNT, to)
        raw = minter.waiting(payer)
        other = _other_version(raw, how)
        minter.chain.control("/inject", tx="0x" + other.hex())
    ended = minter.paid_once(asked, to, AMOUNT)
    assert ended.transaction == transaction_hash(other) != transaction_hash(raw)
    assert minter.client.read.lookup(tx=transaction_hash(other)).withdrawals[0].id == asked.id
    minter.chain.fund(payer.address, 2 * COIN)
    later = minter.outside()
    minter.paid_once(_withdrawn(minter, payer, later), later, COIN)


def test_a_forgery_in_a_block_changes_nothing(minter: MinterHouse) -> None:
    """Whoever makes a block puts a transaction into it that claims to be of the wallet and is signed by
    strangers: it fails, and the wallet is neither frozen nor poorer."""
    payer, to = minter.wallet(), minter.outside()
    forged = signing.multi(
        signing.send(1, 5 * COIN), bytes.fromhex(payer.address[2:]), [signing.HOT, signing.COOL]
    )
    minter.chain.control("/inject", tx="0x" + forged.hex())
    minter.chain.mine()
    assert minter.chain.ask(f"/transaction/{transaction_hash(forged)}")["code"] == "609"
    minter.chain.fund(payer.address, COIN)
    minter.until_available(payer, MNT, 11 * COIN)
    minter.paid_once(minter.client.withdraw(payer.id, MNT, AMOUNT, to), to, AMOUNT)


def test_cancelled_with_both_signatures_it_is_released_after_a_burn(minter: MinterHouse) -> None:
    """App has both signatures and has sent nothing: a cancellation burns the nonce first, and the amount is
    free only then."""
    payer, to = minter.wallet(), minter.outside()
    with minter.doomed(FaultPoint.APP_SIGNED) as app:
        asked = minter.client.withdraw(payer.id, MNT, AMOUNT, to)
        assert app.wait(WAIT_S) == -9
        minter.postpone(asked)
    minter.stop("cooler")
    cancelled = minter.client.cancel(asked.id)
    assert cancelled.state == "uncertain"
    assert _held(minter, payer) >= AMOUNT
    minter.start("cooler")
    assert minter.until_state(asked, "cancelled", "confirmed").state == "cancelled"
    assert int(minter.chain.ask(f"/address/{payer.address}")["transaction_count"]) == 1
    assert minter.chain.balance(to) == 0
    minter.agrees(payer)


def test_once_it_was_sent_it_is_too_late_to_cancel(minter: MinterHouse) -> None:
    """What the network may have is not cancelled: refused, and paid once."""
    payer, to = minter.wallet(), minter.outside()
    with minter.stalled():
        asked = minter.client.withdraw(payer.id, MNT, AMOUNT, to)
        minter.waiting(payer)
        with pytest.raises(Conflict, match="too late"):
            minter.client.cancel(asked.id)
    minter.paid_once(asked, to, AMOUNT)


def _failing(minter: MinterHouse, payer: Wallet, to: str) -> tuple[Withdrawal, bytes]:
    """A withdrawal that has failed in a block with too little for its fee, and its bytes. No block follows
    until the nodes are mended, so no void does."""
    minter.until_spares_stand()
    minter.chain.faults(stalled=True)
    asked = minter.client.withdraw(payer.id, MNT, AMOUNT, to)
    raw = minter.waiting(payer)
    with _dear(minter):
        minter.chain.mine()
        assert int(minter.chain.ask(f"/transaction/{transaction_hash(raw)}")["code"]) == FUNDS
    minter.until_state(asked, "uncertain")
    return asked, raw


@contextmanager
def _dear(minter: MinterHouse) -> Iterator[None]:
    """Inside, the price of fees in the network's coin is many times what it was."""
    minter.chain.control("/coin", id=1993, symbol="USDTE", pool=[str(pip) for pip in DEAR])
    try:
        yield
    finally:
        minter.chain.control("/coin", id=1993, symbol="USDTE", pool=[str(pip) for pip in CHEAP])


def _withdrawn(minter: MinterHouse, payer: Wallet, to: str) -> Withdrawal:
    """One coin, once there is enough for it."""
    eventually(lambda: minter.available(payer, MNT) >= COIN + FEE_MAX, "the wallet's deposit is not credited")
    return minter.client.withdraw(payer.id, MNT, COIN, to)


def _other_version(raw: bytes, how: str) -> bytes:
    signed = parse_signed(raw)
    assert isinstance(signed.signed, MultiSignature)
    signatures = signed.signed.signatures
    if how == "other order":
        made = tuple(reversed(signatures))
    else:
        made = (*signatures, _of_a_stranger(signed.transaction))
    return SignedTransaction(signed.transaction, MultiSignature(signed.signed.address, made)).encoded()


def _of_a_stranger(transaction: Transaction) -> bytes:
    made = bytes(signing.COLD.sign_recoverable(transaction.digest(), hasher=None))
    return made[:64] + bytes([27 + made[64]])


def _held(minter: MinterHouse, wallet: Wallet) -> int:
    return sum(int(one.held) for one in minter.client.read.balances(wallet.id) if one.asset == MNT)
