"""What a signer knows of owners, against a naive count over the same history."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.core.ids import AssetId
from keepcool.cosigner.entries import SIGN, WAITING, SignRow, WaitingRow
from keepcool.cosigner.owners import Owners
from keepcool.cosigner.windows import DAY_S, HOUR_S, Spending
from tests.fixtures.effort import examples

pytestmark = pytest.mark.slow

ASSET = AssetId("eip155:1/slip44:60")
OWNERS, KEYS, RECIPIENTS = ("u0", "u1"), ("", "k1"), ("a", "b", "c")


@dataclass(frozen=True)
class Told:
    """Something of an owner: signed for, or put to wait (`user`: with his signature)."""

    owner: str
    key: str
    recipients: tuple[str, ...]
    units: int
    group: int
    signed: bool
    user: bool
    later_s: int


told = st.builds(
    Told,
    owner=st.sampled_from(OWNERS),
    key=st.sampled_from(KEYS),
    recipients=st.lists(st.sampled_from(RECIPIENTS), unique=True, max_size=3).map(tuple),
    units=st.integers(0, 9),
    group=st.integers(1, 3),
    signed=st.booleans(),
    user=st.booleans(),
    later_s=st.sampled_from((0, 1, HOUR_S - 1, HOUR_S, DAY_S - 1, DAY_S)),
)
stories = st.lists(told, max_size=12)


def sign_row(one: Told, at_s: int) -> SignRow:
    return SignRow(
        at_s=at_s, kind=SIGN, digests=[], draft="", intent="", intent_bytes="", intent_hash="", policy="",
        requester="", slots=[], spent={ASSET: str(one.units)}, wallet="", owner=one.owner,
        user_key=one.key, recipients=list(one.recipients),
    )  # fmt: skip


def waiting_row(one: Told, at_s: int) -> WaitingRow:
    return WaitingRow(
        at_s=at_s, kind=WAITING, intent=b"", intent_hash="", owner=one.owner, policy="",
        recipients=list(one.recipients), tier="", user=one.user, user_key=one.key, wallet="",
    )  # fmt: skip


def group_of(one: Told) -> int:
    """Groups are of one owner: they share a slot, and a slot is of one wallet."""
    return one.group + 10 * OWNERS.index(one.owner)


def tell(owners: Owners, sequence: int, one: Told, at_s: int) -> None:
    if one.signed:
        spending = Spending(sequence, group_of(one), at_s, {ASSET: one.units})
        owners.signed(sign_row(one, at_s), spending)
    else:
        owners.waited(waiting_row(one, at_s), sequence)


def untell(owners: Owners, sequence: int, one: Told, at_s: int) -> None:
    if one.signed:
        owners.unsigned(sign_row(one, at_s), sequence)
    else:
        owners.unwaited(waiting_row(one, at_s), sequence)


def times(story: list[Told]) -> list[int]:
    at_s, found = DAY_S, []
    for one in story:
        at_s += one.later_s
        found.append(at_s)
    return found


def told_all(story: list[Told]) -> Owners:
    owners = Owners()
    for sequence, (one, at_s) in enumerate(zip(story, times(story), strict=True), 1):
        tell(owners, sequence, one, at_s)
    return owners


def naive_spent(story: list[Told], owner: str, now_s: int, length_s: int, without: int) -> int:
    largest: dict[int, int] = {}
    for one, at_s in zip(story, times(story), strict=True):
        if one.signed and one.owner == owner and at_s > now_s - length_s and group_of(one) != without:
            largest[group_of(one)] = max(largest.get(group_of(one), 0), one.units)
    return sum(largest.values())


def shown(owners: Owners, now_s: int) -> list[object]:
    return [
        *[owners.destinations((owner, key), RECIPIENTS) for owner in OWNERS for key in KEYS],
        *[owners.seen((owner, key), one) for owner in OWNERS for key in KEYS for one in RECIPIENTS],
        *[owners.spent(owner, now_s) for owner in OWNERS],
        *[owners.newest(owner, 3) for owner in OWNERS],
    ]


@given(stories, st.sampled_from(OWNERS), st.integers(0, 25), st.sampled_from((0, 1, HOUR_S, DAY_S)))
@settings(max_examples=examples(150), deadline=None)
def test_an_owners_windows_equal_a_naive_count(
    story: list[Told], owner: str, without: int, wait_s: int
) -> None:
    """Hour and day sums are, per set of drafts that exclude one another, the largest inside the window;
    whether they are asked for once at the end or all along."""
    now_s = (times(story) or [DAY_S])[-1] + wait_s
    late, along = told_all(story), Owners()
    for sequence, (one, at_s) in enumerate(zip(story, times(story), strict=True), 1):
        tell(along, sequence, one, at_s)
        along.spent(owner, at_s)
    for owners in (late, along):
        hour, day = owners.spent(owner, now_s, [without])
        assert hour.get(ASSET, 0) == naive_spent(story, owner, now_s, HOUR_S, without)
        assert day.get(ASSET, 0) == naive_spent(story, owner, now_s, DAY_S, without)


@given(stories)
@settings(max_examples=examples(150), deadline=None)
def test_destinations_are_known_since_they_were_signed_for(story: list[Told]) -> None:
    """By the owner himself, or by this signer, or where there is no key to sign with by being asked for; and
    never by another owner or key."""
    owners = told_all(story)
    for owner in OWNERS:
        for key in KEYS:
            first: dict[str, int] = {}
            signed: dict[str, int] = {}
            for one, at_s in zip(story, times(story), strict=True):
                if (one.owner, one.key) == (owner, key) and (one.signed or one.user or not key):
                    for recipient in one.recipients:
                        first.setdefault(recipient, at_s)
                        signed[recipient] = signed.get(recipient, 0) + one.signed
            assert owners.destinations((owner, key), RECIPIENTS) == first
            seen = {one: owners.seen((owner, key), one) for one in RECIPIENTS}
            assert {one: it.times for one, it in seen.items() if it is not None} == signed


@given(stories, st.integers(0, 12))
@settings(max_examples=examples(150), deadline=None)
def test_untelling_is_the_inverse_of_telling(story: list[Told], back: int) -> None:
    """What failed to commit leaves nothing behind, and owners of whom nothing is left are not kept."""
    kept = story[: max(0, len(story) - back)]
    owners, moments = told_all(story), times(story)
    for sequence in range(len(story), len(kept), -1):
        untell(owners, sequence, story[sequence - 1], moments[sequence - 1])
    now_s = (moments or [0])[-1]
    assert shown(owners, now_s) == shown(told_all(kept), now_s)


@given(stories)
@settings(max_examples=examples(100), deadline=None)
def test_owners_of_whom_nothing_is_left_are_not_kept(story: list[Told]) -> None:
    """A day after the last of an owner's payments, the next payment of anybody drops him from the windows."""
    owners, last_s = told_all(story), (times(story) or [0])[-1]
    other = Told("other", "", (), 1, 1, signed=True, user=False, later_s=0)
    owners.signed(sign_row(other, last_s + DAY_S), Spending(99, 99, last_s + DAY_S, {ASSET: 1}))
    assert owners.spending == 1
