"""The signer's memory against a naive reading of the same journal, whatever was signed and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.core.effects import Slot
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.journal import EMPTY, next_head
from keepcool.cosigner import entries
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import SIGN, Entry, SignRow
from keepcool.cosigner.windows import DAY_S, HOUR_S
from tests.fixtures.effort import examples

pytestmark = pytest.mark.slow

NETWORK = NetworkId("eip155:1")
ASSETS = (AssetId("eip155:1/slip44:60"), AssetId("eip155:1/erc20:0x1"))


@dataclass(frozen=True)
class Drawn:
    """A signed draft: which nonces of which wallet, what it spends, seconds since the one before."""

    wallet: int
    positions: tuple[int, ...]
    spent: tuple[int, int]
    later_s: int


drafts = st.lists(
    st.builds(
        Drawn,
        wallet=st.integers(0, 2),
        positions=st.lists(st.integers(0, 4), min_size=1, max_size=2, unique=True).map(tuple),
        spent=st.tuples(st.integers(0, 50), st.integers(0, 50)),
        later_s=st.sampled_from([0, 1, 1799, 3599, 3600, 40_000, 86_400]),
    ),
    max_size=25,
)
single_slot = drafts.map(lambda many: [Drawn(d.wallet, d.positions[:1], d.spent, d.later_s) for d in many])


def slots_of(drawn: Drawn) -> tuple[Slot, ...]:
    return tuple(Slot(NETWORK, f"safe:{drawn.wallet}", position) for position in drawn.positions)


def journalled(many: Sequence[Drawn]) -> list[Entry]:
    """The entries a signer would have written, in order."""
    made: list[Entry] = []
    head, at_s = EMPTY, 0
    for number, drawn in enumerate(many):
        at_s += drawn.later_s
        row = SignRow(
            at_s=at_s,
            kind=SIGN,
            digests=[number.to_bytes(32, "big").hex()],
            draft="00" * 32,
            intent=f"i{number % 7}",
            intent_bytes="",
            intent_hash="00" * 32,
            policy="",
            requester="app",
            slots=[(slot.network, slot.space, slot.position) for slot in slots_of(drawn)],
            spent={asset: str(units) for asset, units in zip(ASSETS, drawn.spent, strict=True) if units},
            wallet=f"w{drawn.wallet}",
        )
        body = entries.encode(row)
        made.append(Entry(next_head(head, body), head.hash, SIGN, at_s, body))
        head = made[-1].head
    return made


def learned(made: Sequence[Entry]) -> SignedDrafts:
    memory = SignedDrafts()
    for entry in made:
        memory.learn(entry)
    return memory


def naive_spent(
    many: Sequence[Drawn], now_s: int, length_s: int, without: frozenset[Slot]
) -> dict[AssetId, int]:
    """Per slot the maximum inside the window, leaving out these slots (one slot per draft)."""
    largest: dict[tuple[Slot, AssetId], int] = {}
    at_s = 0
    for drawn in many:
        at_s += drawn.later_s
        [slot] = slots_of(drawn)
        if at_s <= now_s - length_s or slot in without:
            continue
        for asset, units in zip(ASSETS, drawn.spent, strict=True):
            largest[slot, asset] = max(largest.get((slot, asset), 0), units)
    sums: dict[AssetId, int] = {}
    for (_, asset), units in largest.items():
        sums[asset] = sums.get(asset, 0) + units
    return {asset: units for asset, units in sums.items() if units}


@given(single_slot, st.integers(0, 90_000), st.integers(0, 2), st.integers(0, 4))
@settings(max_examples=examples(150), deadline=None)
def test_windows_equal_a_naive_count(many: list[Drawn], wait_s: int, wallet: int, position: int) -> None:
    """Hour and day sums are, per nonce, the largest draft inside the window, without the case's own nonce."""
    memory = learned(journalled(many))
    own = Slot(NETWORK, f"safe:{wallet}", position)
    now_s = sum(drawn.later_s for drawn in many) + wait_s
    history = memory.history("i0", (own,), now_s, ())
    without = frozenset({own})
    assert history.spent_hour == naive_spent(many, now_s, HOUR_S, without)
    assert history.spent_day == naive_spent(many, now_s, DAY_S, without)


@given(drafts, st.integers(0, 2))
@settings(max_examples=examples(100), deadline=None)
def test_slots_and_order_equal_a_naive_search(many: list[Drawn], wallet: int) -> None:
    """Rivals are all drafts that share a slot, in journal order; the lowest unsigned nonce is the first
    that no draft holds."""
    memory = learned(journalled(many))
    case = (Slot(NETWORK, f"safe:{wallet}", 0), Slot(NETWORK, f"safe:{wallet}", 2))
    history = memory.history("i1", case, 10**9, ())
    rivals = [n for n, drawn in enumerate(many) if set(case) & set(slots_of(drawn))]
    assert [int.from_bytes(one.digests[0], "big") for one in history.same_slots] == rivals
    taken = {slot.position for drawn in many for slot in slots_of(drawn) if drawn.wallet == wallet}
    lowest = next(position for position in range(6) if position not in taken)
    assert history.lowest_unsigned == {f"safe:{wallet}": lowest}
    same_intent = [n for n in range(len(many)) if n % 7 == 1]
    assert [int.from_bytes(one.digests[0], "big") for one in history.same_intent] == same_intent


@given(drafts)
@settings(max_examples=examples(100), deadline=None)
def test_at_most_what_can_confirm_is_never_undercounted(many: list[Drawn]) -> None:
    """With several slots per draft, any set of drafts that could all confirm spends at most the sum."""
    memory = learned(journalled(many))
    now_s = sum(drawn.later_s for drawn in many)
    free = (Slot(NETWORK, "safe:elsewhere", 0),)
    counted = memory.history("none", free, now_s, ()).spent_day.get(ASSETS[0], 0)
    at_s, taken, confirmed = 0, set[Slot](), 0
    for drawn in sorted_by_spending(many):
        at_s = sum(one.later_s for one in many[: many.index(drawn) + 1])
        if at_s > now_s - DAY_S and taken.isdisjoint(slots_of(drawn)):
            taken |= set(slots_of(drawn))
            confirmed += drawn.spent[0]
    assert confirmed <= counted


def sorted_by_spending(many: Sequence[Drawn]) -> list[Drawn]:
    return sorted(many, key=lambda drawn: -drawn.spent[0])


@given(drafts, st.integers(0, 25))
@settings(max_examples=examples(100), deadline=None)
def test_unlearning_is_the_inverse_of_learning(many: list[Drawn], back: int) -> None:
    """What failed to commit leaves memory as if it had never been staged."""
    made = journalled(many)
    kept = made[: max(0, len(made) - back)]
    memory = learned(made)
    for entry in reversed(made[len(kept) :]):
        memory.unlearn(entry)
    fresh, now_s = learned(kept), made[-1].at_s if made else 0
    for wallet in range(3):
        case = tuple(Slot(NETWORK, f"safe:{wallet}", position) for position in (0, 3))
        ours, theirs = memory.history("i2", case, now_s, ()), fresh.history("i2", case, now_s, ())
        assert ours.same_intent == theirs.same_intent
        assert ours.same_slots == theirs.same_slots
        assert ours.lowest_unsigned == theirs.lowest_unsigned
        # what had aged out of a window when it was staged does not come back: the clock only grows
        assert ours.spent_hour == theirs.spent_hour
        assert ours.spent_day == theirs.spent_day
    assert len(memory) == len(fresh)
