"""The life of a withdrawal: what follows what, what is owed, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_diagram
from keepcool.core import withdrawal_states as at
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Effect, Event, advance
from keepcool.core.withdrawal_states import State

PAGE = Path(__file__).parents[3] / "docs" / "explain" / "withdrawal-states.md"
DRAFT = at.Draft(Slot(NetworkId("eip155:1"), "safe:0x0", 3), "ab" * 32)
SEEN = at.Inclusion("0x1", 7, "0x2")
NO = at.Objection(Service.COOLER, "cap_hour", "denied", "over the cap")
FAILED = at.Failed("payout.reverts", "it would fail")
KEEPER, COOLER = Service.KEEPER, Service.COOLER

STATES: dict[str, State] = {
    "requested": at.Requested(),
    "drafted": at.Drafted(DRAFT),
    "partly": at.PartlySigned(DRAFT, KEEPER),
    "review, unsigned": at.NeedsReview(DRAFT, (), (NO,)),
    "review, half signed": at.NeedsReview(DRAFT, (KEEPER,), (NO,)),
    "signed": at.Signed(DRAFT),
    "broadcast": at.Broadcast(DRAFT),
    "broadcast, seen": at.Broadcast(DRAFT, SEEN),
    "uncertain": at.Uncertain(DRAFT, "no answer"),
    "uncertain, to fail": at.Uncertain(DRAFT, "reverts", FAILED),
    "frozen": at.Frozen(at.Signed(DRAFT), "look"),
    "frozen, unsigned": at.Frozen(at.Requested(), "look"),
    "confirmed": at.Confirmed(DRAFT, SEEN),
    "refused": at.Refused((NO,)),
    "replaced": at.Replaced(SEEN),
    "failed": FAILED,
    "cancelled": at.Cancelled(),
}
EVENTS: tuple[Event, ...] = (
    life.DraftMade(DRAFT),
    life.Undrafted(),
    life.SignatureMade(KEEPER),
    life.SignatureMade(COOLER),
    life.Objected((NO,), review=True),
    life.Objected((NO,), review=False),
    life.Sent(),
    life.SendUnclear("no answer"),
    life.Seen(SEEN),
    life.Orphaned(),
    life.Finalized(),
    life.Abandoned(at.Cancelled(), "cancelled"),
    life.SlotUsed(SEEN),
    life.Overtaken(SEEN),
    life.Paid(DRAFT, SEEN),
    life.Undone(SEEN),
    life.Froze("look"),
    life.Thawed(),
)

STEPS: list[tuple[str, str, Event, State, tuple[Effect, ...]]] = [
    ("a draft", "requested", life.DraftMade(DRAFT), at.Drafted(DRAFT), ()),
    ("the first signature", "drafted", life.SignatureMade(KEEPER), at.PartlySigned(DRAFT, KEEPER), ()),
    ("the second", "partly", life.SignatureMade(COOLER), at.Signed(DRAFT), ()),
    ("the first again", "partly", life.SignatureMade(KEEPER), STATES["partly"], ()),
    ("a shared draft given up", "partly", life.Undrafted(), at.Requested(), ()),
    ("a no", "drafted", life.Objected((NO,), review=False), at.Refused((NO,)), (Effect.RELEASE,)),
    (
        "a no beside one signature",
        "partly",
        life.Objected((NO,), review=False),
        at.Refused((NO,)),
        (Effect.RELEASE,),
    ),
    (
        "a need for review beside one signature",
        "partly",
        life.Objected((NO,), review=True),
        STATES["review, half signed"],
        (),
    ),
    ("evidence that helps", "review, half signed", life.SignatureMade(COOLER), at.Signed(DRAFT), ()),
    (
        "the other signs while one still wants evidence",
        "review, unsigned",
        life.SignatureMade(KEEPER),
        STATES["review, half signed"],
        (),
    ),
    ("sent", "signed", life.Sent(), at.Broadcast(DRAFT), ()),
    ("sent into silence", "signed", life.SendUnclear("no answer"), STATES["uncertain"], ()),
    ("sent again", "uncertain", life.Sent(), at.Broadcast(DRAFT), ()),
    ("seen", "broadcast", life.Seen(SEEN), at.Broadcast(DRAFT, SEEN), ()),
    ("seen, sent by a stranger", "signed", life.Seen(SEEN), at.Broadcast(DRAFT, SEEN), ()),
    ("orphaned", "broadcast, seen", life.Orphaned(), at.Broadcast(DRAFT), ()),
    ("final", "broadcast, seen", life.Finalized(), at.Confirmed(DRAFT, SEEN), (Effect.SETTLE,)),
    (
        "cancelled unsigned",
        "drafted",
        life.Abandoned(at.Cancelled(), ""),
        at.Cancelled(),
        (Effect.RELEASE,),
    ),
    (
        "cancelled half signed",
        "partly",
        life.Abandoned(at.Cancelled(), "cancelled"),
        at.Uncertain(DRAFT, "cancelled", at.Cancelled()),
        (Effect.BURN,),
    ),
    ("its slot burnt", "uncertain, to fail", life.SlotUsed(SEEN), FAILED, (Effect.RELEASE,)),
    ("final no more", "confirmed", life.Undone(SEEN), at.Replaced(SEEN), (Effect.RETURN,)),
    ("its coins spent", "signed", life.Overtaken(SEEN), at.Requested(), ()),
    ("its slot taken", "broadcast", life.SlotUsed(SEEN), at.Replaced(SEEN), (Effect.RELEASE,)),
    ("frozen", "signed", life.Froze("look"), STATES["frozen"], ()),
    ("thawed", "frozen", life.Thawed(), at.Signed(DRAFT), ()),
    (
        "given up while frozen, unsigned",
        "frozen, unsigned",
        life.Abandoned(FAILED, ""),
        FAILED,
        (Effect.RELEASE,),
    ),
]


@pytest.mark.parametrize(
    ("before", "event", "after", "owed"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS]
)
def test_each_step_leads_where_it_should(
    before: str, event: Event, after: State, owed: tuple[Effect, ...]
) -> None:
    """The next state and what the ledger owes then."""
    assert advance(STATES[before], event) == (after, owed)


@pytest.mark.parametrize("name", STATES)
def test_illegal_steps_are_refused_and_nothing_happens(name: str) -> None:
    """Every pair that is not in the table raises Conflict; every pair that leads somewhere is in it."""
    for event in EVENTS:
        legal = life.LEGAL.get((type(STATES[name]), type(event)), ())
        if legal:
            with suppress(Conflict):  # legal for some values of this state only
                assert type(advance(STATES[name], event)[0]) in legal
            continue
        with pytest.raises(Conflict) as refused:
            advance(STATES[name], event)
        assert refused.value.code == "withdrawal.transition"


@pytest.mark.parametrize("name", ["confirmed", "refused", "replaced", "failed", "cancelled"])
def test_an_end_is_an_end(name: str) -> None:
    """Nothing leads out of a final state, but a chain that replaces what was final."""
    for event in EVENTS:
        if name == "confirmed" and isinstance(event, life.Paid | life.Undone):
            continue
        with pytest.raises(Conflict):
            advance(STATES[name], event)


@pytest.mark.parametrize("name", STATES)
def test_what_a_transaction_of_ours_has_paid_is_settled_once(name: str) -> None:
    """From wherever it was: confirmed, and its coins have left once; what ended unpaid is not touched."""
    other = at.Inclusion("0x9", 9, "0x9")
    if name in ("refused", "replaced", "failed", "cancelled"):
        with pytest.raises(Conflict):
            advance(STATES[name], life.Paid(DRAFT, other))
        return
    owed = () if name == "confirmed" else (Effect.SETTLE,)
    assert advance(STATES[name], life.Paid(DRAFT, other)) == (at.Confirmed(DRAFT, other), owed)


def test_finality_of_something_never_seen_is_refused() -> None:
    """Without a block there is nothing to be final."""
    with pytest.raises(Conflict):
        advance(at.Broadcast(DRAFT), life.Finalized())


def test_what_shall_be_burnt_is_not_sent() -> None:
    """An abandoned withdrawal cannot be marked as sent."""
    with pytest.raises(Conflict):
        advance(STATES["uncertain, to fail"], life.Sent())


def test_coins_are_released_only_where_no_payment_can_follow() -> None:
    """RELEASE never comes from a state in which two signatures exist, but by its slot being used."""
    for state, event in product(STATES.values(), EVENTS):
        try:
            _, owed = advance(state, event)
        except Conflict:
            continue
        if Effect.RELEASE in owed and len(at.signed_by(state)) >= life.SIGNATURES_NEEDED:
            assert isinstance(event, life.SlotUsed)


def test_the_table_knows_every_state_and_every_event() -> None:
    """Each open state leads on, each event is legal somewhere, each state can be reached."""
    sources = {state for state, _ in life.LEGAL}
    reached = {to for targets in life.LEGAL.values() for to in targets}
    assert sources == {*get_args(at.Open), at.Frozen, at.Confirmed}
    assert {event for _, event in life.LEGAL} == set(get_args(Event))
    assert reached | {at.Requested} == {*get_args(at.Open), at.Frozen, *get_args(at.Ended)}


def test_the_diagram_is_fresh() -> None:
    """docs/explain/withdrawal-states.md is what the table draws today."""
    assert PAGE.read_text(encoding="utf-8") == withdrawal_diagram.page()
