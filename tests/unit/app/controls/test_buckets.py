"""So many requests a second and so many at once, to the millisecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.app.controls import buckets
from keepcool.app.controls.buckets import Buckets, Rate
from keepcool.core.errors import Unavailable

RATE = Rate(per_s=10, burst=5)


def test_a_burst_passes_and_the_next_waits() -> None:
    """Five at once, the sixth is told how long to wait, and passes then."""
    some = Buckets()
    assert [some.take("k", RATE, 0).remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    with pytest.raises(Unavailable) as caught:
        some.take("k", RATE, 0)
    assert (caught.value.code, caught.value.fields["retry_after_s"]) == ("rate.requests", 1)
    some.take("k", RATE, 100)


def test_each_key_has_its_own() -> None:
    """One that is worn out spoils no other."""
    some = Buckets()
    for _ in range(5):
        some.take("a", RATE, 0)
    some.take("b", RATE, 0)
    with pytest.raises(Unavailable):
        some.take("a", RATE, 0)


@given(st.lists(st.integers(0, 3_000), max_size=200))
def test_never_more_than_the_burst_and_the_rate(steps: list[int]) -> None:
    """However calls are spread, and also when the clock goes back, no span of time passes more."""
    some, now_ms, passed = Buckets(), 0, list[int]()
    for at, step in enumerate(steps):
        now_ms = now_ms + step if at % 7 else max(0, now_ms - step)
        try:
            some.take("k", RATE, now_ms)
            passed.append(now_ms)
        except Unavailable:
            continue
    forward = sum(step for at, step in enumerate(steps) if at % 7)
    assert len(passed) <= RATE.burst + forward * RATE.per_s // 1000 + 1


def test_no_limit_is_no_limit() -> None:
    """A rate of zero counts nothing and tells nothing."""
    some = Buckets()
    told = [some.take("k", Rate(0, 1), 0).headers() for _ in range(1000)]
    assert told == [[]] * 1000


def test_headers_tell_limit_and_rest() -> None:
    """What is left, and when it is whole again."""
    some = Buckets()
    some.take("k", RATE, 0)
    told = dict(some.take("k", RATE, 0).headers())
    assert told == {
        b"ratelimit-limit": b"5",
        b"ratelimit-remaining": b"3",
        b"ratelimit-reset": b"1",
        b"ratelimit-policy": b"5;w=1",
    }


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that called longest ago are forgotten: they are full by then."""
    monkeypatch.setattr(buckets, "KEYS_MAX", 20)
    some = Buckets()
    for number in range(100):
        some.take(f"k{number}", RATE, number * 1000)
    assert some.take("k99", RATE, 99_000).remaining == 3
