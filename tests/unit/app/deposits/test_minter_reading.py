"""What a Minter block holds for wallets of ours."""

from __future__ import annotations

from hashlib import sha256

import pytest

from keepcool.app.deposits.minter.reading import Found, fee_of, inclusion_key, read
from keepcool.chains.minter.address import raw_of
from keepcool.chains.minter.data import Data, Multisend, Send
from keepcool.chains.minter.payouts import assemble, burn
from keepcool.core.errors import Unavailable
from keepcool.core.ids import NetworkId
from keepcool.ports.minternode import Block, Event, Transaction
from tests.unit.chains.minter.samples import ALICE, BIP, BOB, USDTE, signatures, tx

NETWORK = NetworkId("minter:1")
OURS, OTHER = "Mx" + 20 * "c3", "Mx" + 20 * "d4"
WATCHED = {raw_of(OURS): 7, raw_of(OTHER): 8}
LISTED = frozenset({BIP, USDTE})
HEIGHT = 41


def included(data: Data, *, sender: str = ALICE, code: int = 0, index: int = 0, **tags: str) -> Transaction:
    """A multisig's transaction as a node tells of it in a block."""
    raw = assemble(tx(data).preimage(), sender, signatures(tx(data)))
    told = tuple((f"tx.{name}", text) for name, text in tags.items())
    return Transaction(sha256(raw).digest(), raw, HEIGHT, index, sender, 3, 1, code, told)


def found(*transactions: Transaction, events: tuple[Event, ...] = ()) -> Found:
    block = Block(HEIGHT, b"\x05" * 32, 0, transactions, events)
    return read(block, NETWORK, WATCHED, LISTED)


def test_a_send_and_each_part_of_a_multisend_come_in() -> None:
    """Every payment to a wallet of ours is one deposit, at a place of its own in the block."""
    parts = Multisend((Send(0, OURS, 5), Send(1993, OURS, 6), Send(0, BOB, 7), Send(0, OTHER, 8)))
    some = found(included(Send(0, OURS, 4)), included(parts, index=1))
    told = [(one.wallet, one.asset, one.units) for one in some.incoming]
    assert told == [(7, BIP, 4), (7, BIP, 5), (7, USDTE, 6), (8, BIP, 8)]
    assert len({one.position for one in some.incoming}) == 4
    assert not some.left


@pytest.mark.parametrize(
    "one",
    [
        included(Send(0, OURS, 4), code=107, fail_fee="1"),
        included(Send(0, OURS, 0)),
        included(Send(5, OURS, 4)),
        included(Send(0, BOB, 4)),
    ],
    ids=["failed", "nothing", "an unlisted coin", "a stranger"],
)
def test_what_is_no_deposit(one: Transaction) -> None:
    """A failed payment, one of nothing, of an unlisted coin, or to a stranger credits nobody."""
    assert found(one) == Found((), (), frozenset())


def test_what_we_send_leaves_with_its_fee() -> None:
    """A payment of ours takes its amounts and the commission, named by what its owners signed."""
    paid = Multisend((Send(0, BOB, 5), Send(1993, BOB, 6), Send(0, OTHER, 7)))
    some = found(included(paid, sender=OURS, commission_amount="9"))
    (left,) = some.left
    assert (left.wallet, left.digest) == (7, tx(paid).digest())
    assert left.taken == ((BIP, 21), (USDTE, 6))
    assert left.key == inclusion_key(HEIGHT, 0, left.digest)
    assert [(one.wallet, one.units) for one in some.incoming] == [(8, 7)]


def test_versions_of_one_payment_in_one_block_are_told_apart() -> None:
    """Signatures in another order make another transaction of the same payment: a block may show both."""
    paid = included(Send(0, BOB, 5), sender=OURS, commission_amount="9")
    some = found(paid, included(Send(0, BOB, 5), sender=OURS, code=101, index=1))
    assert len({one.digest for one in some.left}) == 1
    keys = {one.key for one in some.left} | {inclusion_key(HEIGHT + 1, 0, some.left[0].digest)}
    assert len(keys) == 3


def test_a_failed_payment_of_ours_takes_its_fee_alone() -> None:
    """It moved no coins; its nonce is still free, and it may come again in another block."""
    (left,) = found(included(Send(0, BOB, 5), sender=OURS, code=107, fail_fee="2")).left
    assert left.taken == ((BIP, 2),)


def test_a_burn_takes_its_fee_alone() -> None:
    """A payment of nothing to oneself is neither a deposit nor a payout."""
    drafted = burn(wallet=OURS, network=NETWORK, nonce=3)
    some = found(included(drafted.data, sender=OURS, commission_amount="3"))
    assert not some.incoming
    assert [left.taken for left in some.left] == [((BIP, 3),)]


def test_events_stir_the_wallets_they_name() -> None:
    """A reward or an unbond has no transaction: the balance is looked at."""
    some = found(events=(Event("RewardEvent", OURS, 0, 4), Event("RewardEvent", BOB, 0, 4)))
    assert some == Found((), (), frozenset({7}))


def test_a_commission_nobody_tells_holds_up_the_block() -> None:
    """Without the commission of our own payment the balance cannot be explained: the node is asked again."""
    with pytest.raises(Unavailable, match="no commission"):
        found(included(Send(0, BOB, 5), sender=OURS))


def test_a_failure_without_a_fee_costs_nothing() -> None:
    """What failed before its fee could be taken has cost nothing."""
    assert fee_of(included(Send(0, BOB, 5), code=107)) == 0
