"""What looks unusual is said, what does not is not; no hint decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.policy.case import Case
from keepcool.policy.hints import Past, PastIntent, hints
from keepcool.policy.lookalikes import Lookalikes
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    NOW_S,
    POLICY,
    USD,
    network,
    pay,
    with_history,
    with_record,
)

HOUR_S, DAY_S, WEEK_S = 3600, 86_400, 604_800
OLD = NOW_S - DAY_S
CASE = with_record(pay((ALICE, ETH, 10)), owner="u-1", made_at_s=1)
ALIKE = ALICE[:6] + "0" * 32 + ALICE[-4:]


def past(
    *,
    owner: str = "u-1",
    at_s: int = OLD,
    to: str = ALICE,
    units: int = 10,
    asset: AssetId = ETH,
    signed: bool = True,
) -> PastIntent:
    return PastIntent(owner, at_s, (Output(to, Amount(asset, units)),), signed)


USUAL = tuple(past(at_s=OLD - n * DAY_S) for n in range(6))


def said(
    case: Case, intents: Sequence[PastIntent] = USUAL, ours: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    return hints(case, Past(intents, ours), POLICY)


def test_an_ordinary_payment_has_no_hints() -> None:
    """To a known address, as much as ever, as often as ever, from an old wallet."""
    assert said(CASE) == ()


def test_a_first_use_is_said() -> None:
    """Whether others have paid there, and how long it has been named; what was only asked for is no use."""
    assert said(CASE, ()) == (f"{ALICE} was never paid before by anybody here",)
    assert said(CASE, (past(signed=False),)) == (f"{ALICE} was never paid before by anybody here",)
    named = with_history(CASE, destinations={ALICE: NOW_S - 7200})
    assert said(named, (past(owner="u-2"),)) == (
        f"{ALICE} was never paid before by this owner, others have paid there; it was first named 2 h ago",
    )


def test_an_address_made_to_be_mistaken_is_said() -> None:
    """Alike at both ends to one that anybody paid, named or asked for; not once this owner paid it."""
    to_alike = with_record(pay((ALIKE, ETH, 10)), owner="u-1", made_at_s=1)
    looks = f"{ALIKE} looks like {ALICE}, which is known here, and is another address"
    for known in (USUAL, (past(owner="u-2"),), (past(signed=False),)):
        assert said(to_alike, known)[0] == looks
    assert said(with_history(to_alike, destinations={ALICE: 1}), ())[0] == looks
    assert looks not in said(to_alike, (*USUAL, past(to=ALIKE)))
    assert said(with_record(pay((BOB, ETH, 10)), made_at_s=1), USUAL)[0].startswith(f"{BOB} was never paid")


def test_a_destination_many_owners_name_is_said() -> None:
    """Three others within a week; fewer, older, or the same owner again are not many."""
    many = [past(owner=f"u-{n}", at_s=NOW_S - WEEK_S + 1, signed=False) for n in (2, 3, 4)]
    told = f"3 other owners asked to pay {ALICE} within 7 days"
    assert said(CASE, (*many, *USUAL)) == (told,)
    assert said(CASE, (*many[:2], *USUAL)) == ()
    assert said(CASE, (*many[:2], many[0], past(owner="u-1"), *USUAL)) == ()
    older = [replace(one, at_s=NOW_S - WEEK_S) for one in many]
    assert said(CASE, (*older, *USUAL)) == ()
    assert said(CASE, (*(replace(one, outputs=past(to=BOB).outputs) for one in many), *USUAL)) == ()


def test_a_wallet_of_our_own_is_said() -> None:
    """A round trip: what is paid there comes back as a deposit."""
    assert said(CASE, ours=frozenset({ALICE, BOB})) == (
        f"{ALICE} is a wallet of this installation: the coins come back as a deposit",
    )


@pytest.mark.parametrize(
    ("name", "units", "usual", "told"),
    [
        ("as ever", 10, [10] * 5, False),
        ("six deviations", 16, [10] * 5, False),
        ("beyond six", 17, [10] * 5, True),
        ("too few to tell", 99, [10] * 4, False),
        ("as spread as ever", 100, [10, 20, 30, 40, 50], True),
        ("as spread, within", 90, [10, 20, 30, 40, 50], False),
        ("a tenth of much", 1600, [1000] * 5, False),
        ("beyond a tenth of much", 1601, [1000] * 5, True),
        ("less is not more", 1, [1000] * 5, False),
        ("a tenth, rounded down", 166, [105] * 5, True),
        ("a unit at least", 9, [3] * 5, False),
        ("more than units", 10, [3] * 5, True),
    ],
)
def test_an_amount_far_from_usual_is_said(name: str, units: int, usual: list[int], told: bool) -> None:
    """More than six deviations from the middle of this owner's payments of this asset, from five on."""
    case = with_record(pay((ALICE, ETH, units)), made_at_s=1)
    intents = [past(units=one, at_s=OLD - n * DAY_S) for n, one in enumerate(usual)]
    found = said(case, intents)
    assert (found != ()) is told, (name, found)
    unsigned = [replace(one, signed=False) for one in intents]
    others = [past(asset=USD, units=1, at_s=OLD - n * DAY_S) for n in range(9)]
    assert not any("median" in one for one in said(case, [*unsigned, *others])), name


def test_the_amount_is_told_beside_the_usual() -> None:
    """In whole coins, by whose payments it was measured; everybody's from twenty on."""
    case = with_record(pay((ALICE, ETH, 17), (ALICE, ETH, 90), (BOB, ETH, 3)), made_at_s=1)
    known = [*(past(at_s=OLD - n * DAY_S) for n in range(5)), past(to=BOB, at_s=1)]
    assert said(case, known) == (
        "it pays 9 ETH to one recipient; the median of this owner's payments is 1 ETH",
    )
    everybody = [past(owner=f"u-{n + 2}", at_s=1) for n in range(20)]
    assert said(CASE, [past(at_s=1), *everybody]) == ()
    assert said(case, [past(), past(to=BOB), *everybody])[0].endswith(
        "the median of everybody's payments is 1 ETH"
    )
    for others, told in ((17, False), (18, True)):
        found = said(case, [past(), past(to=BOB), *everybody[:others]])
        assert any("median" in one for one in found) is told
    harbored = network(harbor=ALICE)
    assert hints(case, Past(known), harbored) == ()


@pytest.mark.parametrize(
    ("recent", "before", "told"),
    [
        (2, 0, ""),
        (3, 0, "it is the 4th of this owner within an hour, after none in the days before"),
        (3, 23, "it is the 4th of this owner within an hour, after 23 in the 24 hours before"),
        (3, 24, ""),
        (10, 23, "it is the 11th of this owner within an hour"),
        (20, 1, "it is the 21st of this owner within an hour"),
        (21, 1, "it is the 22nd of this owner within an hour"),
        (22, 1, "it is the 23rd of this owner within an hour"),
        (111, 1, "it is the 112th of this owner within an hour"),
    ],
)
def test_haste_is_said(recent: int, before: int, told: str) -> None:
    """Four within an hour, and more than four times the usual; others' haste is not this owner's."""
    intents = [past(at_s=NOW_S - HOUR_S + 1, signed=False)] * recent + [
        past(at_s=NOW_S - 24 * HOUR_S)
    ] * before
    found = [one for one in said(CASE, intents) if "within an hour" in one]
    assert [one[: len(told)] for one in found] == ([told] if told else []), found
    others = [replace(one, owner="u-2") for one in intents]
    assert not any("within an hour" in one for one in said(CASE, others))
    hour_ago = [replace(one, at_s=NOW_S - HOUR_S) for one in intents[:recent]]
    assert not any("within an hour" in one for one in said(CASE, hour_ago))


def test_what_is_older_than_a_week_is_not_haste() -> None:
    """It neither counts nor makes what is usual."""
    recent = [past(at_s=NOW_S - 1)] * 3
    old = [past(at_s=NOW_S - WEEK_S)] * 500
    assert said(CASE, [*recent, *old])[-1].endswith("after none in the days before")
    within = [past(at_s=NOW_S - WEEK_S + 1)] * 500
    assert not any("within an hour" in one for one in said(CASE, [*recent, *within]))


@pytest.mark.parametrize(
    ("age_s", "told"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (DAY_S - 1, "23 h"), (DAY_S, "")],
)
def test_a_young_wallet_is_said(age_s: int, told: str) -> None:
    """Coins that come and go within a day."""
    found = said(with_record(CASE, made_at_s=NOW_S - age_s))
    assert found == ((f"the wallet was made only {told} ago and pays out already",) if told else ())


def test_many_recipients_are_looked_at_in_part() -> None:
    """Twenty of them, and that it is so; never more than twenty hints, however long the past."""
    case = with_record(pay(*((f"0x{n:040x}", ETH, 1) for n in range(30))), made_at_s=NOW_S)
    found = said(case, USUAL * 5000)
    assert found[0] == "it pays 30 recipients: 20 of them were looked at"
    assert len(found) == 20
    assert said(with_record(pay(*((ALICE, ETH, 1) for _ in range(30))), made_at_s=1)) == ()


def test_the_harbor_is_not_looked_at() -> None:
    """What goes there is the policy's own wish; twenty others are looked at whole."""
    assert hints(with_record(pay((ALICE, ETH, 9)), made_at_s=1), Past(), network(harbor=ALICE)) == ()
    twenty = with_record(pay(*((f"0x{n:040x}", ETH, 1) for n in range(20))), made_at_s=1)
    assert said(twenty)[0].startswith("0x")
    two = with_record(pay((BOB, ETH, 9), (ALICE, ETH, 9)), made_at_s=1)
    assert said(two) == (f"{BOB} was never paid before by anybody here",)


def test_only_the_newest_payments_are_looked_at() -> None:
    """Five thousand of them: what is older is as if it had not been."""
    for fill, told in ((4999, False), (5000, True)):
        found = said(CASE, [*([past(to=BOB, at_s=1)] * fill), past(at_s=1)])
        assert any("never paid" in one for one in found) is told


BODY = ALICE[2:]


@pytest.mark.parametrize(
    ("name", "known", "asked", "alike"),
    [
        ("itself", ALICE, ALICE, False),
        ("itself in another case", ALICE, "0x" + BODY.lower(), False),
        ("four and four", ALICE, "0x" + BODY[:4] + "0" * 32 + BODY[-4:], True),
        ("in another case", ALICE, "0x" + BODY[:4].swapcase() + "0" * 32 + BODY[-4:].swapcase(), True),
        ("three and four", ALICE, "0x" + BODY[:3] + "0" * 33 + BODY[-4:], False),
        ("four and three", ALICE, "0x" + BODY[:4] + "0" * 33 + BODY[-3:], False),
        ("one changed at the start", ALICE, "0x" + "0" + BODY[1:], True),
        ("three changed", ALICE, "0x00" + BODY[2:20] + "g" + BODY[21:], True),
        ("four changed", ALICE, "0x000" + BODY[3:20] + "g" + BODY[21:], False),
        ("one left out", ALICE, "0x" + BODY[1:], True),
        ("three left out", ALICE, "0x" + BODY[3:], True),
        ("four left out", ALICE, "0x" + BODY[4:], False),
        ("two left out, one changed", ALICE, "0x" + BODY[2:30] + "g" + BODY[31:], True),
        ("two put in", ALICE, "0xgg" + BODY, True),
        ("two left out amid, one changed", ALICE, "0xg" + BODY[1:20] + BODY[22:], True),
        ("two left out amid, two changed", ALICE, "0xgg" + BODY[2:20] + BODY[22:], False),
        ("two put in amid, one changed", ALICE, "0xg" + BODY[1:20] + "gg" + BODY[20:], True),
        ("two put in amid, two changed", ALICE, "0xgg" + BODY[2:20] + "gg" + BODY[20:], False),
        ("three left out at the end", ALICE, "0x" + BODY[:-3], True),
        ("four left out at the end", ALICE, "0x" + BODY[:-4], False),
        ("three put in at the end", ALICE, "0x" + BODY + "ggg", True),
        ("four put in at the end", ALICE, "0x" + BODY + "gggg", False),
        ("another", ALICE, BOB, False),
        ("bech32", "ltc1q" + "ab" * 19, "ltc1q" + "abab" + "9" * 30 + "abab", True),
        ("its prefix alone", "ltc1q" + "ab" * 19, "ltc1q" + "9" * 34 + "abab", False),
        ("minter", "Mx" + BODY.lower(), "Mx" + BODY.lower()[:4] + "0" * 32 + BODY.lower()[-4:], True),
        ("too short", "abcdefghijk", "abcd1234hijk"[:11], False),
        ("just long enough", "abcdefghijkl", "abcd1234ijkl", True),
        ("nothing", "", "", False),
    ],
)
def test_what_looks_alike(name: str, known: str, asked: str, alike: bool) -> None:
    """Both ends, where people look, or three characters; never the address itself."""
    assert Lookalikes([known]).like(asked) == (known if alike else None), name
    assert Lookalikes([]).like(asked) is None


@pytest.mark.parametrize("whole", range(4))
def test_one_quarter_left_whole_is_enough(whole: int) -> None:
    """Whichever three of the quarters have a character changed, the fourth gives the twin away."""
    letters = list(BODY)
    for quarter in {0, 1, 2, 3} - {whole}:
        letters[10 * quarter + (0 if whole == 3 else 9)] = "g"
    assert Lookalikes([ALICE]).like("0x" + "".join(letters)) == ALICE


def test_the_work_of_comparing_is_bounded() -> None:
    """Two thousand known addresses, the first of them; twenty compared by their letters."""
    others = [f"0x{n:040x}" for n in range(5000)]
    twin = ALIKE
    assert Lookalikes([*others[:1999], ALICE]).like(twin) == ALICE
    assert Lookalikes([*others[:2000], ALICE]).like(twin) is None
    assert Lookalikes([*([others[0]] * 3000), ALICE]).like(twin) == ALICE
    middle = BODY[10:30].lower()
    near = [f"0x{n:08x}ff{middle}{n:010x}" for n in range(30)]
    changed = "0x0" + BODY[1:]
    assert Lookalikes([*near[:19], ALICE]).like(changed) == ALICE
    assert Lookalikes([*near[:20], ALICE]).like(changed) is None
