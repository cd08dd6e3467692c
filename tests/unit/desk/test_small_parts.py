"""Drawings of addresses, bounds on asking, people by their keys, differences of texts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import msgspec
import pytest

from keepcool.desk import diffs, past
from keepcool.desk.bounds import Rate
from keepcool.desk.identicon import svg
from keepcool.desk.people import credentials, holders
from keepcool.desk.rows import row_of
from keepcool.wire.reviews import PeopleAnswer, Person
from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, ROOT, House, people, person
from tests.unit.wire.cast import StillClock


def answer(*changed: Person) -> PeopleAnswer:
    return PeopleAnswer(
        people=[*people(), *changed], rp_id="", origins=[], policy="", policy_version=1, installation="",
        orders=[], frozen=[], head=samples.head("cooler"),
    )  # fmt: skip


@pytest.mark.parametrize("text", [samples.ALICE, "", '"><script>alert(1)</script>', "ё" * 500, "\udcff"])
def test_a_drawing_is_a_picture_whatever_it_is_of(text: str) -> None:
    """Well-formed, of rectangles alone, always the same for a text, and none of the text stands in it."""
    drawn = svg(text)
    assert drawn == svg(text)
    assert {one.tag.rpartition("}")[2] for one in ET.fromstring(drawn).iter()} == {"svg", "rect"}  # noqa: S314
    assert "script" not in drawn


def test_addresses_that_differ_in_one_digit_look_different() -> None:
    """Of many addresses that differ in their last digit alone, no two have one drawing."""
    drawn = {svg(f"{samples.ALICE[:-1]}{digit:x}") for digit in range(16)}
    assert len(drawn) == 16


def test_asking_is_bounded_for_each_and_the_bound_itself_is() -> None:
    """So many a minute for one name, others unhindered; names remembered are bounded; a clock set back opens
    nothing."""
    clock = StillClock(1_000_000)
    rate = Rate(clock, 3)
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    clock.at_ms -= 600_000
    assert not rate.allows("a")
    clock.at_ms += 20_000
    assert [rate.allows("a") for _ in range(2)] == [True, False]
    for name in range(20_000):
        rate.allows(str(name))
    assert len(rate._left) <= 10_000


def test_a_key_stands_for_one_person() -> None:
    """One key may be an approver's and an administrator's; standing for two approvers, or not being a key, it
    lets nobody in."""
    both = holders(answer(person("boss", ALICE, administrator=True)))[ALICE.text]
    assert (both.approver, both.administrator, both.groups) == ("alice", "boss", ("accounting",))
    assert ALICE.text not in holders(answer(person("alice2", ALICE)))
    broken = msgspec.structs.replace(person("x", ROOT), key="passkey:00")
    assert "passkey:00" not in holders(answer(broken))
    assert ALICE.credential in credentials(answer())
    assert "" not in credentials(answer())


def test_a_policy_is_compared_line_by_line() -> None:
    """Changed lines stand with their neighbours; equal texts show nothing; bytes that are no text do."""
    before, after = b"a = 1\nb = 2\nc = 3\n", b"a = 1\nb = 9\nc = 3\n"
    kinds = [(line.kind, line.text) for line in diffs.lines(before, after)]
    assert ("gone", "b = 2") in kinds
    assert ("new", "b = 9") in kinds
    assert diffs.lines(before, before) == []
    assert diffs.lines(before, b"\xff\xfe")


def test_an_export_holds_what_was_decided() -> None:
    """A row of CSV has a cell for each column, one of JSON the decisions with their journal rows."""
    row = row_of(
        samples.summary(samples.intent(), approvals=[samples.given("bob", "approve", "seen, twice")])
    )
    assert past.csv_line(None).strip().split(",") == list(past.COLUMNS)
    assert '"approve by bob: seen, twice"' in past.csv_line(row)
    told = past.plain(row)
    assert told["totals"] == {samples.ETH: str(5 * 10**18)}
    assert House().parts.names.amount(samples.ETH, 5 * 10**18) == "5 ETH"
