"""A signer that judges by the rules, an App that asks whatever it likes, and people who sign or do not.

What is signed here is what the model permits, no more and no less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from keepcool.core.approvals import Decision, effects_hash
from keepcool.core.effects import Effects, Payment, Slot
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.intent import Evidence
from keepcool.core.money import Amount
from keepcool.core.verdict import Approved, Denied
from keepcool.policy.case import Case, Given, History, Proofs, Remembered
from keepcool.policy.rules import ALL, Rule
from keepcool.policy.spending import leaving
from keepcool.policy.terms import Policy
from tests.properties.evidence_model import (
    BOOKS,
    DAY_S,
    FEE,
    HARBOR,
    HOUR_S,
    KEYS,
    WALLETS,
    Book,
    Said,
    Signed,
    World,
    forbidden_because,
    owner_of,
    tier_of,
)
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    RECORD,
    USD,
    call_for,
    pay,
    remembered,
    void,
    with_intent,
)

Shown: TypeAlias = Callable[[Case, Policy], tuple[Case, Policy]]
POLICIES = {book.hash: book.policy() for book in BOOKS}
SPARE = "ed25519:" + "bb" * 32
ANOTHER = ("ff" * 32,)


def whole(case: Case, policy: Policy) -> tuple[Case, Policy]:
    return case, policy


class Theft(AssertionError):
    """Something was signed that the model forbids."""


class Stage:
    """`rules`: those asked. `shown`: what `tiers` sees of a case. `found`: in which tiers it signed."""

    def __init__(self, rules: Sequence[Rule] = ALL, shown: Shown = whole) -> None:
        self.rules, self.shown = rules, shown
        self.world = World()
        self.intents: dict[str, Case] = {}
        self.remembered: list[tuple[Remembered, str]] = []
        self.found: list[str] = []

    def recent(self, back: int) -> str:
        return f"i-{max(len(self.intents) - 1 - back, 0)}"

    def draft(self, wallet: str, rows: Iterable[tuple[str, int]], asset: AssetId, lifetime_s: int) -> None:
        name, outputs = f"i-{len(self.intents)}", [(to, asset, units) for to, units in rows]
        made = pay(*outputs, intent=name) if outputs else void(name)
        expires_at_s = self.world.now_s + lifetime_s
        self.intents[name] = with_intent(
            made, source=WalletId(wallet), fee_max=Amount(ETH, FEE), expires_at_s=expires_at_s
        )

    def consent(self, back: int, wallet: str) -> None:
        """The owner signs, or somebody else with a user key of his own."""
        name = self.recent(back)
        self.world.consents.add((name, self.world.keys[wallet or self.intents[name].intent.source]))

    def decide(self, back: int, who: Iterable[str], signed: str, life_s: int) -> None:
        """People sign approvals or rejections, of this or of something else, with their keys or not."""
        intent, book = self.recent(back), self.world.book
        payments = self.intents[intent].effects.payments
        for name in who:
            key = book.people.get(name, (KEYS[name],))[0]
            said = Said(
                intent=intent,
                name=name,
                key=KEYS["cy"] if signed == "another key" else key,
                decision=Decision.REJECT if signed == "no" else Decision.APPROVE,
                payments=payments[1:] if signed == "another draft" else payments,
                fee=FEE - 1 if signed == "a lower fee" else FEE,
                books=ANOTHER if signed == "another policy" else (book.hash, *ANOTHER),
                expires_at_s=self.world.now_s + life_s,
            )
            self.world.said.append(said)

    def wait(self, later_s: int) -> None:
        self.world.now_s += later_s

    def change(self, what: Book | str) -> None:
        """Another policy comes into force, something is frozen or thawed, or a wallet gets another key."""
        if isinstance(what, Book):
            self.world.book = what
        elif what in WALLETS:
            self.world.keys[what] = WALLETS[what][1] if self.world.keys[what] == SPARE else SPARE
        else:
            self.world.frozen = what

    def ask(self, back: int, offer: str, bend: str) -> None:
        """App asks for a signature. Raises Theft when it gets one that the model forbids, AssertionError when
        it does not get one that the model permits."""
        world, wanted = self.world, self.intents[self.recent(back)]
        case, policy = self.case(wanted, bend, offer), POLICIES[world.book.hash]
        verdicts = [
            rule.judge(*(self.shown(case, policy) if rule.NAME == "tiers" else (case, policy)))
            for rule in self.rules
        ]
        payments, place = case.effects.payments, case.effects.slots[0].position
        new = Signed(wanted.intent.intent, case.intent.source, place, payments, world.now_s)
        lied = bool(case.proofs.invalid)
        again = any(row.intent == new.intent for row in world.signed)  # what is dearer counts beyond its day
        why = forbidden_because(world, wanted.intent, wanted.effects.payments, new, lied)
        if all(isinstance(verdict, Approved) for verdict in verdicts):
            if why:
                raise Theft(why, new, world)
            self.sign(case, new)
            return
        assert why or offer == "none" or again, (verdicts, new, world)
        if not any(isinstance(verdict, Denied) for verdict in verdicts):
            world.waiting.setdefault(new.intent, world.now_s)
            self.see(new)

    def sign(self, case: Case, new: Signed) -> None:
        self.found.append(tier_of(self.world, new))
        self.world.signed.append(new)
        row = replace(remembered(case, at_s=self.world.now_s), spent=leaving(case.effects, HARBOR))
        self.remembered.append((row, owner_of(new.wallet)))
        self.see(new)

    def see(self, new: Signed) -> None:
        for one in new.payments:
            self.world.seen.setdefault((owner_of(new.wallet), one.recipient), self.world.now_s)

    def case(self, wanted: Case, bend: str, offer: str) -> Case:
        """As a co-signer would build it of App's bytes and of its own memory."""
        world, wallet, name = self.world, wanted.intent.source, wanted.intent.intent
        mine = [row for row in world.signed if row.wallet == wallet]
        again = [row.position for row in mine if row.intent == name]
        free = len({row.position for row in mine})
        position = again[0] if again and bend != "again" else free
        key = world.keys[wallet]
        slot = replace(wanted.effects.slots[0], space=f"safe:{wallet}", position=position)
        case = replace(
            wanted,
            record=replace(RECORD, wallet=wallet, owner=owner_of(wallet), user_key=key),
            effects=paying(replace(wanted.effects, slots=(slot,)), bent(wanted.effects.payments, bend)),
            now_s=world.now_s,
        )
        shown = offer != "none" and bool(key) and (name, key) in world.consents
        return replace(
            case,
            history=self.history(case, free),
            evidence=(Evidence("user", key, b"p"),) if shown else (),
            proofs=Proofs(key if shown else "", self.given(wanted), ("forged",) if offer == "wrong" else ()),
        )

    def given(self, wanted: Case) -> tuple[Given, ...]:
        return tuple(
            Given(
                approver=one.name,
                key=one.key,
                decision=one.decision,
                effects=effects_hash(paying(wanted.effects, one.payments)).hex(),
                fee_units_max=one.fee,
                policies=one.books,
                expires_at_s=one.expires_at_s,
                at_s=self.world.now_s,
            )
            for one in self.world.said
            if one.intent == wanted.intent.intent
        )

    def history(self, case: Case, free: int) -> History:
        world, slots, owner = self.world, case.effects.slots, case.record.owner
        rivals = tuple(row for row, _ in self.remembered if row.slots == slots)
        others = [(row, of) for row, of in self.remembered if row.slots != slots]
        own = [one for one in others if one[1] == owner]
        return History(
            same_intent=tuple(row for row, _ in self.remembered if row.intent == case.intent.intent),
            same_slots=rivals,
            lowest_unsigned={slots[0].space: free},
            spent_hour=self.spent(others, HOUR_S),
            spent_day=self.spent(others, DAY_S),
            frozen=("a drill",) if world.frozen else (),
            waiting_since_s=world.waiting.get(case.intent.intent),
            destinations={to: at for (of, to), at in world.seen.items() if of == owner},
            user_spent_hour=self.spent(own, HOUR_S),
            user_spent_day=self.spent(own, DAY_S),
            harbor_only=world.frozen == "harbor",
        )

    def spent(self, rows: Iterable[tuple[Remembered, str]], length_s: int) -> dict[AssetId, int]:
        """Per slot the dearest, as `cosigner.windows` keeps them."""
        largest: dict[tuple[tuple[Slot, ...], AssetId], int] = {}
        for row, _ in rows:
            if row.at_s > self.world.now_s - length_s:
                for asset, units in row.spent.items():
                    largest[row.slots, asset] = max(largest.get((row.slots, asset), 0), units)
        return {
            asset: sum(units for (_, of), units in largest.items() if of == asset) for asset in (ETH, USD)
        }


def paying(effects: Effects, payments: tuple[Payment, ...]) -> Effects:
    calls = tuple(call_for(one.recipient, one.amount.asset) for one in payments)
    return replace(effects, payments=payments, calls=calls)


def bent(payments: tuple[Payment, ...], bend: str) -> tuple[Payment, ...]:
    """A draft that pays somebody else, or more, than its intent says."""
    if not payments or bend not in ("to", "units"):
        return payments
    first, *rest = payments
    if bend == "to":
        return (replace(first, recipient=BOB if first.recipient == ALICE else ALICE), *rest)
    return (replace(first, amount=Amount(first.amount.asset, first.amount.units + 1)), *rest)
