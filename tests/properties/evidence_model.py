"""What may be signed, as plain rows and sums: the reference the rules are held against.

It shares nothing with the rules but the values both are given, and tries every way to seat approvers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations

from keepcool.core.approvals import Decision
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId
from keepcool.core.intent import Intent
from keepcool.policy.terms import Approver, NeededApprovals, Policy, Tier
from tests.unit.policy.samples import CAP, CAP_DAY, CAP_HOUR, ETH, USD
from tests.unit.policy.samples import network as with_network

HOUR_S, DAY_S = 3600, 86_400
HARBOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
FEE = 100
KEYS = {name: f"ed25519:{number:064x}" for number, name in enumerate(("ann", "bea", "cy", "dan", "eve"), 1)}
WALLETS = {  # owner, user key
    "w-0": ("u-1", "ed25519:" + "aa" * 32),
    "w-1": ("u-2", KEYS["dan"]),  # a customer who is an approver, by his key
    "w-2": ("u-1", ""),
    "w-3": ("", ""),
}
BOTH = frozenset({"user", "approval"})


@dataclass(frozen=True)
class Step:
    """A tier as the model knows it."""

    name: str
    owned: bool | None = None
    at_once: int | None = None
    users_day: int | None = None
    alls_day: int | None = None
    age_s: int = 0
    user: bool = False
    people: tuple[str, ...] = ()
    delay_s: int = 0
    cooling_s: int = 0
    forbidden: bool = False

    def tier(self) -> Tier:
        def limits(units: int | None) -> dict[AssetId, int] | None:
            return None if units is None else {ETH: units}  # USD is in no tier that names amounts

        return Tier(
            self.name, None, None, self.owned, limits(self.at_once), limits(self.users_day),
            limits(self.alls_day), self.age_s, self.user,
            tuple(NeededApprovals(group, self.people.count(group)) for group in dict.fromkeys(self.people)),
            self.delay_s, self.cooling_s, self.forbidden,
        )  # fmt: skip


@dataclass(frozen=True)
class Book:
    """A policy as the model knows it: `people`: name to (key, groups, own account)."""

    hash: str
    steps: tuple[Step, ...]
    people: dict[str, tuple[str, str, str]]

    def policy(self) -> Policy:
        return replace(
            with_network(harbor=HARBOR, allow=None),
            hash=self.hash, evidence_kinds=BOTH, intent_lifetime_s_max=10**9, version=1,
            tiers=tuple(step.tier() for step in self.steps),
            approvers={
                name: Approver(name, key, groups=frozenset(groups), owner=owner)
                for name, (key, groups, owner) in self.people.items()
            },
        )  # fmt: skip


PEOPLE = {
    "ann": (KEYS["ann"], "a", "u-1"), "bea": (KEYS["bea"], "ab", ""), "cy": (KEYS["cy"], "b", ""),
    "dan": (KEYS["dan"], "a", ""),
}  # fmt: skip
SMALL = Step("small", owned=True, at_once=50, users_day=60, alls_day=90, age_s=600, user=True)
NEW = Step("new", owned=True, at_once=50, users_day=60, alls_day=90, user=True, cooling_s=300)
BOOKS = (
    Book("a1" * 32, (SMALL, NEW, Step("mid", at_once=99, people=("a",)),
                     Step("big", people=("a", "b"), delay_s=300)), PEOPLE),
    Book("b2" * 32, (Step("auto", at_once=40, alls_day=40), Step("mid", at_once=99, people=("a", "a")),
                     Step("never", forbidden=True)), {**PEOPLE, "ann": (KEYS["eve"], "a", "u-1")}),
    Book("c3" * 32, (SMALL, Step("mid", users_day=100, people=("b",)), Step("big", people=("a", "a", "b"))),
         {name: PEOPLE[name] for name in ("bea", "cy", "dan")} | {"eve": (KEYS["eve"], "a", "")}),
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What somebody signed, as it happened."""

    intent: str
    name: str
    key: str
    decision: Decision
    payments: tuple[Payment, ...]
    fee: int
    books: tuple[str, ...]
    expires_at_s: int


@dataclass(frozen=True)
class Signed:
    intent: str
    wallet: str
    position: int
    payments: tuple[Payment, ...]
    at_s: int


@dataclass
class World:
    """All that happened, in plain rows: what the model looks at."""

    now_s: int = 10 * DAY_S
    book: Book = BOOKS[0]
    frozen: str = ""
    keys: dict[str, str] = field(default_factory=lambda: {name: key for name, (_, key) in WALLETS.items()})
    consents: set[tuple[str, str]] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)
    signed: list[Signed] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)


def owner_of(wallet: str) -> str:
    return WALLETS[wallet][0]


def gone(payments: tuple[Payment, ...], asset: AssetId) -> int:
    """To others than the harbor."""
    return sum(one.amount.units for one in payments if one.amount.asset == asset and one.recipient != HARBOR)


def within(world: World, new: Signed, asset: AssetId, length_s: int, owner: str | None) -> int:
    """The most of an asset that could have left in a window with this one signed: per nonce the dearest."""
    dearest: dict[tuple[str, int], int] = {}
    for row in [*world.signed, new]:
        if row.at_s > world.now_s - length_s and owner in (None, owner_of(row.wallet)):
            place = (row.wallet, row.position)
            dearest[place] = max(gone(row.payments, asset), dearest.get(place, 0))
    return sum(dearest.values())


def fits(step: Step, world: World, new: Signed) -> bool:
    others = {one.recipient for one in new.payments} - {HARBOR}
    limits = (
        (step.at_once, gone(new.payments, ETH)),
        (step.users_day, within(world, new, ETH, DAY_S, owner_of(new.wallet))),
        (step.alls_day, within(world, new, ETH, DAY_S, None)),
    )
    if any(limit is not None and (gone(new.payments, USD) or total > limit) for limit, total in limits):
        return False
    if step.owned is not None and step.owned is not bool(world.keys[new.wallet]):
        return False
    seen = (world.seen.get((owner_of(new.wallet), one)) for one in others)
    return not step.age_s or all(at is not None and at <= world.now_s - step.age_s for at in seen)


def forbidden_because(
    world: World, intent: Intent, wanted: tuple[Payment, ...], new: Signed, lied: bool
) -> str:
    """Why the model forbids this signature; "" where it does not. `wanted`: what the intent pays; `lied`:
    what App offered beside it did not verify."""
    return next(_objections(world, intent, wanted, new, lied), "")


def _objections(
    world: World, intent: Intent, wanted: tuple[Payment, ...], new: Signed, lied: bool
) -> Iterator[str]:
    solely_harbor = bool(new.payments) and all(one.recipient == HARBOR for one in new.payments)
    if world.frozen and not (world.frozen == "harbor" and solely_harbor):
        yield "frozen"
    if intent.expires_at_s <= world.now_s or lied:
        yield "expired, or evidence that does not hold"
    if new.payments != wanted:
        yield "the draft is not what was asked"
    for asset in (ETH, USD):
        hour, day = (within(world, new, asset, length_s, None) for length_s in (HOUR_S, DAY_S))
        if gone(new.payments, asset) > CAP or hour > CAP_HOUR or day > CAP_DAY:
            yield "cap"
    if any((row.intent == new.intent) is not (row.position == new.position)
           for row in world.signed if row.wallet == new.wallet):  # fmt: skip
        yield "twice"
    if new.payments and not solely_harbor:
        yield from _lacking(world, new)


def _lacking(world: World, new: Signed) -> Iterator[str]:
    said = [one for one in world.said if one.intent == new.intent]
    people, key = world.book.people, world.keys[new.wallet]
    if any(one.decision is Decision.REJECT and people.get(one.name, ("",))[0] == one.key for one in said):
        yield "rejected"
    step = next((one for one in world.book.steps if fits(one, world, new)), None)
    if step is None or step.forbidden:
        yield "no tier"
        return
    if step.user and (not key or (new.intent, key) not in world.consents):
        yield "the owner did not sign"
    if not seatable(step.people, [one for one in people if agrees(one, said, world, new)], people):
        yield "people are missing"
    if step.delay_s and world.waiting.get(new.intent, world.now_s) > world.now_s - step.delay_s:
        yield "the delay is not over"
    others = {one.recipient for one in new.payments} - {HARBOR}
    seen = (world.seen.get((owner_of(new.wallet), one), world.now_s) for one in others)
    if step.cooling_s and any(at > world.now_s - step.cooling_s for at in seen):
        yield "a destination is new"


def agrees(name: str, said: list[Said], world: World, new: Signed) -> bool:
    key, _, own = world.book.people[name]
    if (own and own == owner_of(new.wallet)) or key == world.keys[new.wallet]:
        return False
    return any(
        one.name == name and one.key == key and one.decision is Decision.APPROVE and one.fee >= FEE
        and one.payments == new.payments and world.book.hash in one.books and one.expires_at_s > world.now_s
        for one in said
    )  # fmt: skip


def seatable(places: tuple[str, ...], names: list[str], people: dict[str, tuple[str, str, str]]) -> bool:
    """Whether some people, each on one chair, fill all the chairs: every order is tried."""
    return any(
        all(group in people[name][1] for group, name in zip(places, seated, strict=True))
        for seated in permutations(names, len(places))
    )


def tier_of(world: World, new: Signed) -> str:
    """For a test that shows what was reached."""
    return next((one.name for one in world.book.steps if fits(one, world, new)), "none")
