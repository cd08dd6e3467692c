"""The creators' memory is the journal's: what is unlearned leaves no trace, and a slot counts once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.minter.data import Send
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.ids import NetworkId
from keepcool.core.journal import Head
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row
from keepcool.keeper.creator_memory import (
    CREATE,
    CREATOR,
    RESERVATION,
    SPREAD,
    CreatorMemory,
    CreatorRow,
    ReservationRow,
    slot_of,
)

NETWORK = NetworkId("minter:2")
A, B = "Mx" + "0a" * 20, "Mx" + "0b" * 20
NOW_S = 1_800_000_000
STEPS = st.tuples(st.sampled_from((A, B)), st.booleans(), st.booleans())


def entry(sequence: int, row: Row) -> Entry:
    return Entry(Head(sequence, bytes(32)), bytes(32), row.kind, row.at_s, entries.encode(row))


def signed(account: str, nonce: int, gas_price: int, deed: str, at_s: int) -> CreatorRow:
    tx = Transaction(nonce, 2, gas_price, 0, Send(0, B, nonce), signature_type=SINGLE)
    return CreatorRow(
        at_s=at_s,
        kind=CREATOR,
        account=account,
        deed=deed,
        digests=[tx.digest().hex()],
        network=NETWORK,
        payload=tx.preimage().hex(),
        requester="app",
        slots=[(NETWORK, f"account:{account}", nonce)],
        wallet="",
    )


def reservation(number: int) -> ReservationRow:
    return ReservationRow(
        at_s=NOW_S,
        kind=RESERVATION,
        account=A,
        network=NETWORK,
        nonce=number + 1,
        number=number,
        wallet=f"w-{number}",
    )


def shown(memory: CreatorMemory) -> object:
    """Everything a judge could ask."""
    return (
        memory.next_number(NETWORK),
        [memory.reservation(f"w-{number}") for number in range(12)],
        [(memory.next_nonce(NETWORK, one), memory.today(NETWORK, one, NOW_S)) for one in (A, B)],
        [memory.history(NETWORK, one, nonce, NOW_S) for one in (A, B) for nonce in range(1, 12)],
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((A, B)), st.booleans(), st.booleans()), max_size=14), st.data())
def test_unlearning_is_the_reverse_of_learning(
    steps: list[tuple[str, bool, bool]], data: st.DataObject
) -> None:
    """After any history, forgetting the newest entries gives exactly the memory of those before."""
    memory, kept = CreatorMemory(), []
    states = [shown(memory)]
    for at, (account, again, creates) in enumerate(steps):
        nonce = memory.next_nonce(NETWORK, account)
        nonce = max(1, nonce - 1) if again else nonce
        deed = CREATE if creates else SPREAD
        row: Row = signed(account, nonce, at + 1, deed, NOW_S)
        if creates and at % 3 == 0:
            row = reservation(memory.next_number(NETWORK))
        kept.append(entry(at + 1, row))
        memory.learn(kept[-1])
        states.append(shown(memory))
    back = data.draw(st.integers(0, len(kept)))
    for one in reversed(kept[len(kept) - back :]):
        memory.unlearn(one)
        states.pop()
        assert shown(memory) == states[-1]


def test_a_slot_counts_once_in_a_day_and_a_day_ends() -> None:
    """A create signed again dearer is one create; after a day it counts no more, and stays remembered."""
    memory = CreatorMemory()
    memory.learn(entry(1, signed(A, 1, 1, CREATE, NOW_S)))
    memory.learn(entry(2, signed(A, 1, 2, CREATE, NOW_S)))
    memory.learn(entry(3, signed(B, 1, 1, SPREAD, NOW_S)))
    day = memory.history(NETWORK, A, 2, NOW_S).day
    assert (day.transactions, day.creates, day.spread_units) == (2, 1, 1)
    own = memory.history(NETWORK, A, 1, NOW_S).day
    assert (own.transactions, own.creates) == (1, 0)
    later = memory.history(NETWORK, A, 2, NOW_S + 86_401)
    assert (later.day.transactions, later.lowest_unsigned) == (0, 2)
    assert len(memory.attempts(slot_of(NETWORK, A, 1))) == 2
