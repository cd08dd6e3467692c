"""No interleaving of orders, signatures, cancels, freezes, restarts and time puts a policy in force or ends a
freeze without a quorum's signatures and a delay that nobody cut short.

The reference model keeps only what people did and when; it never looks at what the signer thinks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from keepcool.core.approvals import Action, Order
from keepcool.core.errors import KeepcoolError
from tests.fixtures.effort import examples
from tests.unit.cosigner.order_office import (
    DELAY_S,
    FIRST,
    NAMES,
    QUORUM,
    ROOT_DELAY_S,
    THAW_DELAY_S,
    THAW_QUORUM,
    Office,
    document,
    opened,
)

DOCUMENTS = [document(version) for version in (11, 12)]
WHO = st.sampled_from((*NAMES, "root", "dora"))
ADMINISTRATOR = st.sampled_from(NAMES)


@dataclass
class Seen:
    """What people did about one order: when each signed first, under which policy, and when it was ended."""

    order: Order
    document: bytes
    policy: str
    signed: dict[str, int] = field(default_factory=dict)
    ended_at_s: int | None = None

    def ready_at_s(self, quorum: int, delay_s: int, root_delay_s: int | None) -> int | None:
        """When it may take effect at the earliest; None: never."""
        times = sorted(at for name, at in self.signed.items() if name in NAMES)
        ready = [times[quorum - 1] + delay_s] if len(times) >= quorum else []
        if root_delay_s is not None and "root" in self.signed:
            ready.append(self.signed["root"] + root_delay_s)
        return min(ready, default=None)

    def may(self, now_s: int, ready_at_s: int | None) -> bool:
        in_time = ready_at_s is not None and ready_at_s <= now_s
        return in_time and (self.ended_at_s is None or (ready_at_s or 0) <= self.ended_at_s)


class Governing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.office: Office = self.run(opened(Path(self.folder.name) / "keeper.sqlite"))
        self.proposals: list[Seen] = []
        self.thaws: list[Seen] = []
        self.in_force = [self.office.policy.hash]
        self.is_frozen = False
        self.latest_s = 0

    def run(self, deed: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(deed)

    def teardown(self) -> None:
        self.office.store.close()
        self.loop.close()
        self.folder.cleanup()

    @rule(which=st.sampled_from(DOCUMENTS), who=st.lists(WHO, max_size=3))
    def propose(self, which: bytes, who: list[str]) -> None:
        one = Seen(self.office.proposal(which), which, self.office.policy.hash)
        self.proposals.append(one)
        self.sign(one, who)

    @rule(number=st.integers(0, 5), who=st.lists(WHO, min_size=1, max_size=2))
    def sign_a_proposal(self, number: int, who: list[str]) -> None:
        if number < len(self.proposals):
            self.sign(self.proposals[number], who)

    @rule(which=st.sampled_from(DOCUMENTS), who=ADMINISTRATOR)
    def cancel(self, which: bytes, who: str) -> None:
        self.carry_out()
        with suppress(KeepcoolError):
            self.run(self.office.submit(self.office.cancel(which), who))
            for one in self.proposals:
                if one.document == which and one.signed and one.ended_at_s is None:
                    one.ended_at_s = self.office.now_s

    @rule()
    def freeze(self) -> None:
        self.carry_out()
        self.run(self.office.frozen())
        self.is_frozen = True
        for one in self.thaws:  # those that the signer has been given
            if one.signed and one.ended_at_s is None:
                one.ended_at_s = self.office.now_s

    @rule(who=st.lists(WHO, max_size=3))
    def thaw(self, who: list[str]) -> None:
        report = self.office.report()
        one = Seen(self.office.thaw(report), report, self.office.policy.hash)
        self.thaws.append(one)
        self.sign(one, who)

    @rule(number=st.integers(0, 5), who=st.lists(WHO, min_size=1, max_size=2))
    def sign_a_thaw(self, number: int, who: list[str]) -> None:
        if number < len(self.thaws):
            self.sign(self.thaws[number], who)

    @rule(seconds=st.sampled_from((1, THAW_DELAY_S - 1, THAW_DELAY_S, DELAY_S - 1, DELAY_S, ROOT_DELAY_S)))
    def wait(self, seconds: int) -> None:
        self.office.later(seconds)

    @rule(seconds=st.integers(1, 10_000))
    def turn_the_clock_back(self, seconds: int) -> None:
        before = self.latest_s = self.office.now_s
        self.office.journal.now_ms(self.office.watch.at_ms)
        self.office.watch.at_ms -= seconds * 1000
        self.carry_out()
        self.office.watch.at_ms = before * 1000

    @rule()
    def restart(self) -> None:
        watch, number = self.office.watch, self.office.number
        self.office.store.close()
        self.office = self.run(opened(Path(self.folder.name) / "keeper.sqlite", FIRST, watch))
        self.office.number = number
        self.check()

    @rule()
    def carry_out(self) -> None:
        self.run(self.office.ordering.settle())
        self.check()

    def sign(self, one: Seen, who: list[str]) -> None:
        self.carry_out()
        for name in who:
            with suppress(KeepcoolError):
                self.run(self.office.submit(one.order, name, document=one.document))
                one.signed.setdefault(name, self.office.now_s)
        self.check()

    @invariant()
    def check(self) -> None:
        now_s, policy = max(self.office.now_s, self.latest_s), self.office.policy.hash
        if policy != self.in_force[-1]:
            mandated = [
                one
                for one in self.proposals
                if one.order.details["document"] == policy
                and one.policy == self.in_force[-1]
                and one.may(now_s, one.ready_at_s(QUORUM, DELAY_S, ROOT_DELAY_S))
            ]
            assert mandated, "nobody ordered this policy, or not long enough ago"
            self.in_force.append(policy)
        assert len(set(self.in_force)) == len(self.in_force), "an older policy came back"
        if self.is_frozen and not self.office.freezes.count:
            assert any(
                one.may(now_s, one.ready_at_s(THAW_QUORUM, THAW_DELAY_S, None)) for one in self.thaws
            ), "nobody ordered this thaw, or not long enough ago"
            self.is_frozen = False
            for one in self.thaws:
                one.ended_at_s = -1
        for shown in self.office.ordering.shown():
            assert shown.action != Action.THAW or "root" not in shown.signed_by


Governing.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=30, deadline=None)
TestGoverning = Governing.TestCase
TestGoverning.__doc__ = "Whatever people, clocks and restarts do, nothing takes effect without its mandate."
