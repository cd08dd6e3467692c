"""Looking around for coins of a pool at addresses that are nobody's."""

from __future__ import annotations

from keepcool.app.payouts.evm.strays import PAGE, Look, Place, Stray
from keepcool.core.ids import AssetId

ETH = AssetId("eip155:1/slip44:60")
WAIT_MS = 1_000
FULL = [Place(number, number, "0x") for number in range(1, PAGE + 1)]
ONE, OTHER = Stray(1, ETH, 5), Stray(2, ETH, 5)


def test_all_pages_are_looked_at_and_then_it_waits() -> None:
    """An empty page is followed by the next one at once; after the last one it begins anew, a while later."""
    look = Look()
    look.saw(FULL, frozenset(), 10, WAIT_MS)
    assert (look.after, look.is_due(10, WAIT_MS)) == (PAGE, True)
    look.saw(FULL[:3], frozenset(), 10, WAIT_MS)
    assert (look.after, look.next_ms) == (0, 10 + WAIT_MS)
    assert not look.is_due(9 + WAIT_MS, WAIT_MS)
    assert look.is_due(10 + WAIT_MS, WAIT_MS)


def test_a_page_is_swept_before_the_next_one() -> None:
    """While less and less lies there the same page is looked at again."""
    look = Look()
    for found in (frozenset({ONE, OTHER}), frozenset({OTHER})):
        look.saw(FULL, found, 10, WAIT_MS)
        assert (look.after, look.is_due(10, WAIT_MS)) == (0, True)
    look.saw(FULL, frozenset(), 10, WAIT_MS)
    assert (look.after, look.again) == (PAGE, 0)


def test_what_stays_hides_nothing_and_is_tried_more_seldom() -> None:
    """What a sweep did not take is passed over, and each time around it stays the wait is twice as long; once
    it is gone, as long as before. No wait has no end, whatever a clock said."""
    look, waits = Look(), list[int]()
    for _ in range(10):
        look.saw(FULL, frozenset({ONE}), 10, WAIT_MS)
        look.saw(FULL, frozenset({ONE}), 10, WAIT_MS)
        assert look.after == PAGE
        look.saw([], frozenset(), 10, WAIT_MS)
        waits.append((look.next_ms - 10) // WAIT_MS)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]
    assert look.is_due(10 - 10 * 256 * WAIT_MS, WAIT_MS)
    look.saw([], frozenset(), 10, WAIT_MS)
    assert look.next_ms == 10 + WAIT_MS
