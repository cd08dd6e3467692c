"""The withdrawal's machine under any order of events: money is owed once, and never in two directions."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keepcool.app.payouts import states
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as at
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Effect, Event
from tests.fixtures.effort import examples

DRAFT = at.Draft(Slot(NetworkId("eip155:1"), "safe:0x0", 0), "cd" * 32)
TEXTS = st.text(max_size=20)
SIGNERS = st.sampled_from([Service.KEEPER, Service.COOLER])
INCLUSIONS = st.builds(at.Inclusion, st.sampled_from(["0x1", "0x2"]), st.integers(0, 9), st.just("0xb"))
OBJECTIONS = st.tuples(st.builds(at.Objection, SIGNERS, TEXTS, st.just("denied"), TEXTS))
ENDINGS = st.one_of(
    st.just(at.Cancelled()), st.builds(at.Failed, TEXTS, TEXTS), st.builds(at.Refused, OBJECTIONS)
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(life.DraftMade(DRAFT)),
    st.just(life.Undrafted()),
    st.builds(life.SignatureMade, SIGNERS),
    st.builds(life.Objected, OBJECTIONS, st.booleans()),
    st.just(life.Sent()),
    st.builds(life.SendUnclear, TEXTS),
    st.builds(life.Seen, INCLUSIONS),
    st.just(life.Orphaned()),
    st.just(life.Finalized()),
    st.builds(life.Abandoned, ENDINGS, TEXTS),
    st.builds(life.SlotUsed, INCLUSIONS),
    st.builds(life.Overtaken, INCLUSIONS),
    st.builds(life.Paid, st.just(DRAFT), INCLUSIONS),
    st.builds(life.Undone, INCLUSIONS),
    st.builds(life.Froze, TEXTS),
    st.just(life.Thawed()),
)


class Withdrawal(RuleBasedStateMachine):
    """One withdrawal, and a ledger that knows only held, released and settled."""

    def __init__(self) -> None:
        super().__init__()
        self.state: at.State = at.Requested()
        self.owed: list[Effect] = []

    @rule(event=EVENTS)
    def happens(self, event: Event) -> None:
        before = self.state
        try:
            self.state, owed = life.advance(before, event)
        except Conflict:
            assert self.state is before
            return
        self.owed += [effect for effect in owed if effect is not Effect.BURN]
        if Effect.BURN in owed:
            assert isinstance(self.state, at.Uncertain)
            assert self.state.then is not None

    @precondition(lambda self: isinstance(self.state, at.Frozen))
    @rule()
    def thaws_where_it_was(self) -> None:
        frozen = self.state
        assert isinstance(frozen, at.Frozen)
        self.state, owed = life.advance(frozen, life.Thawed())
        assert (self.state, owed) == (frozen.was, ())

    @invariant()
    def money_is_owed_once(self) -> None:
        """While open nothing was owed; at the end exactly one of the two, and what was settled came back
        where it never was paid."""
        if at.is_open(self.state):
            assert self.owed == []
        elif isinstance(self.state, at.Confirmed):
            assert self.owed == [Effect.SETTLE]
        else:
            assert self.owed in ([Effect.RELEASE], [Effect.SETTLE, Effect.RETURN])

    @invariant()
    def the_draft_is_one(self) -> None:
        """Whatever happens, a withdrawal never gets a second transaction."""
        assert at.draft_of(self.state) in (None, DRAFT)

    @invariant()
    def it_is_stored_as_it_is(self) -> None:
        """The row reads back as the same value."""
        assert states.decode(states.encode(self.state)) == self.state


TestWithdrawal = Withdrawal.TestCase
TestWithdrawal.settings = settings(max_examples=examples(40), stateful_step_count=30, deadline=None)
