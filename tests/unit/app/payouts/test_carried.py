"""Batches that are refused: who goes with whom afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.payouts import carried, store
from keepcool.app.payouts.carried import Fixed
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.core.effects import Slot
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Abandoned, DraftMade, Event, Objected
from keepcool.core.withdrawal_states import Draft, Failed, Objection, Refused, Requested
from tests.fixtures.chain import address_number
from tests.unit.app.payouts.workshop import NATIVE, NETWORK, Workshop

COUNT, NOW_MS = 5, 1_000
TO = [address_number(8_000 + number) for number in range(COUNT)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """With a batch of five withdrawals, drafted."""
    found = Workshop(tmp_path)
    record = found.issue("w")
    found.credit(record.wallet, 100)
    names = tuple(
        found.order(f"wd-{number}", record.wallet, 7, recipient=to).id for number, to in enumerate(TO)
    )
    new = NewWithdrawal("b-1", Kind.BATCH, record.wallet, NETWORK, NATIVE, 0, "", 10**15)
    made = DraftMade(Draft(Slot(NETWORK, "safe:x", 0), "ab" * 32))
    fixed = Fixed(names, made, b"intent", b"draft", 10, 1)
    found.store.transact(lambda tx: carried.begin(tx, _take(tx), new, fixed, NOW_MS))
    yield found
    found.close()


def _take(tx: Connection) -> carried.Step:
    return lambda name, event, **columns: store.step(tx, name, event, NOW_MS, **columns)


def befalls(shop: Workshop, event: Event) -> Withdrawal:
    def work(tx: Connection) -> Withdrawal:
        return carried.step(tx, _take(tx), store.get(tx, "b-1"), event, NOW_MS)

    return shop.store.transact(work)


def parts(shop: Workshop) -> list[str | None]:
    names = [f"wd-{number}" for number in range(COUNT)]
    found = shop.store.transact(lambda tx: carried.parts(tx, names))
    return [found.get(name) for name in names]


def refused(reason: str, outcome: str = "denied") -> Objected:
    return Objected((Objection(Service.COOLER, "destinations", outcome, reason),), outcome == "needs_review")


def test_whom_an_objection_names_goes_alone(shop: Workshop) -> None:
    """The one a signer names is drafted by himself, everybody else together: the signer refuses twice, not
    once for each halving, which it might take for an attack."""
    after = befalls(shop, refused(f"{TO[3]} is denied on {NETWORK}"))
    assert isinstance(after.state, Refused)
    found = parts(shop)
    assert found[3] not in {None, *found[:3], found[4]}
    assert len({*found[:3], found[4]}) == 1
    assert all(isinstance(shop.state(f"wd-{number}"), Requested) for number in range(COUNT))


@pytest.mark.parametrize("outcome", ["denied", "needs_review"])
def test_where_nobody_is_named_it_goes_on_in_halves(shop: Workshop, outcome: str) -> None:
    """A refusal, or a need for approvals, of the whole divides it in two."""
    befalls(shop, refused("pays too much at once", outcome))
    found = parts(shop)
    assert [found.index(part) for part in found] == [0, 0, 0, 3, 3]


def test_what_nobody_objected_to_stays_together(shop: Workshop) -> None:
    """A batch that was only given up, or came too late, is drafted anew as it was."""
    befalls(shop, carried.given_up("somebody was frozen"))
    assert parts(shop) == [None] * COUNT
    assert all(isinstance(shop.state(f"wd-{number}"), Requested) for number in range(COUNT))


def test_what_reverts_is_divided(shop: Workshop) -> None:
    """One that would fail is looked for in halves, and nothing of it is released."""
    befalls(shop, Abandoned(Failed(carried.REVERTS, "it reverts"), "it reverts"))
    assert len(set(parts(shop))) == 2
    assert shop.balance("held:w") == 7 * COUNT
