"""The tiers of a policy file: read whole, or refused where they could not have been meant."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import NeededApprovals, Tier
from tests.unit.policy.test_document import CODES, ETH, EXAMPLE, USDC
from tests.unit.policy.test_people_document import E1, E2, E3

PEOPLE = f"""
[approvers.alice]
key = "{E1}"
groups = ["a", "b"]

[approvers.bob]
key = "{E2}"
groups = ["a"]

[approvers.carol]
key = "{E3}"
groups = ["b"]
"""
ALL_KEYS = f"""
[[tiers]]
name = "all-keys"
networks = ["eip155:1"]
classes = ["treasury"]
owned = true
transaction_units_max = {{ "{ETH}" = "5", "{USDC}" = "6" }}
user_day_units_max = {{ "{ETH}" = "50", "{USDC}" = "60" }}
day_units_max = {{ "{ETH}" = "500", "{USDC}" = "600" }}
destination_age_s_min = 60
user = true
approvals = [{{ group = "a", count = 2 }}, {{ group = "b", count = 1 }}]
delay_s = 120
cooling_s = 180
"""
ETH_CAP, ETH_DAY = 5 * 10**18, 100 * 10**18


def document(*tiers: str, kinds: str = '["user", "approval"]') -> bytes:
    rows = "".join(f"\n[[tiers]]\n{tier}\n" for tier in tiers)
    return (EXAMPLE.replace('["user", "approval"]', kinds) + PEOPLE + rows).encode()


def named(*parts: str, name: str = "t") -> str:
    return "\n".join([f'name = "{name}"', *parts])


def amounts(key: str, units: int, asset: str = ETH) -> str:
    return f'{key} = {{ "{asset}" = "{units}" }}'


def test_a_tier_is_read_whole() -> None:
    """Every key is where the rules look for it, and what is left out asks nothing."""
    policy = parse_policy(
        (EXAMPLE + PEOPLE + ALL_KEYS + '[[tiers]]\nname = "rest"\nforbidden = true').encode()
    )
    assert policy.tiers == (
        Tier(
            name="all-keys",
            networks=frozenset({NetworkId("eip155:1")}),
            classes=frozenset({"treasury"}),
            owned=True,
            transaction_units_max={ETH: 5, USDC: 6},
            user_day_units_max={ETH: 50, USDC: 60},
            day_units_max={ETH: 500, USDC: 600},
            destination_age_s_min=60,
            user=True,
            approvals=(NeededApprovals("a", 2), NeededApprovals("b", 1)),
            delay_s=120,
            cooling_s=180,
        ),
        Tier("rest", forbidden=True),
    )
    plain = parse_policy(document(named())).tiers
    assert plain == (Tier("t", None, None, None, None, None, None, 0, False, (), 0, 0, False),)


@pytest.mark.parametrize(
    ("name", "tiers", "told"),
    [
        ("an unknown key", [named("x = 1")], "[[tiers]], number 1: Object contains unknown field `x`"),
        ("no name", ["user = true"], "[[tiers]], number 1: Object missing required field `name`"),
        ("a name misspelt", [named(name="T 1")], "[[tiers]], number 1, name: not a valid name"),
        ("one name twice", [named("owned = true"), named()], "[[tiers]] name: 't' stands twice"),
        ("no network", [named("networks = []")], "networks: an empty list matches nothing"),
        ("a network twice", [named('networks = ["eip155:1", "eip155:1"]')],
         "[[tiers]] t networks: 'eip155:1' st"),
        ("a network not listed", [named('networks = ["eip155:5"]')], "networks: 'eip155:5' is not listed"),
        ("no class", [named("classes = []")], "[[tiers]] t: classes: an empty list matches nothing"),
        ("a class not listed", [named('classes = ["vip"]')], "classes: 'vip' is not listed in this policy"),
        ("no amounts", [named("day_units_max = {}")], "day_units_max: an empty table matches nothing"),
        ("no asset", [named(amounts("day_units_max", 1, "ETH"))], "CAIP-19"),
        ("an asset not listed", [named(amounts("day_units_max", 1, "eip155:1/slip44:61"))],
         "not listed under"),
        ("nothing of it", [named(amounts("day_units_max", 0))], "[[tiers]] t day_units_max: at least 1"),
        ("above the cap", [named(amounts("transaction_units_max", ETH_CAP + 1))],
         f"transaction_units_max: {ETH}: above the cap of {ETH_CAP}, which no tier lifts"),
        ("above the user's cap", [named(amounts("user_day_units_max", ETH_DAY + 1))],
         f"above the cap of {ETH_DAY}"),
        ("above the day's cap", [named(amounts("day_units_max", ETH_DAY + 1))],
         f"above the cap of {ETH_DAY}"),
        ("two days' assets differ",
         [named(amounts("user_day_units_max", 1), amounts("day_units_max", 9, USDC))],
         f"{USDC} stands in only one of user_day_units_max and day_units_max"),
        ("once and a day differ",
         [named(amounts("transaction_units_max", 1), amounts("day_units_max", 9, USDC))],
         "stands in only one of transaction_units_max and day_units_max"),
        ("a day smaller than once",
         [named(amounts("transaction_units_max", 2), amounts("user_day_units_max", 1))],
         f"[[tiers]] t: {ETH}: transaction_units_max is more than user_day_units_max"),
        ("all's day smaller", [named(amounts("user_day_units_max", 2), amounts("day_units_max", 1))],
         "user_day_units_max is more than day_units_max"),
        ("no age", [named("destination_age_s_min = 0")],
         "[[tiers]] t destination_age_s_min: between 1 and 777"),
        ("an age without end", [named("destination_age_s_min = 7776001")],
         "destination_age_s_min: between 1"),
        ("a delay below nothing", [named("delay_s = -1")], "[[tiers]] t delay_s: between 0 and 7776000"),
        ("cooling below nothing", [named("cooling_s = -1")], "[[tiers]] t cooling_s: between 0 and 7776000"),
        ("cooling without end", [named("cooling_s = 7776001")],
         "[[tiers]] t cooling_s: between 0 and 7776000"),
        ("a delay as long as life", [named("delay_s = 21600")], "delay_s: every intent would expire first"),
        ("cooling the old", [named("destination_age_s_min = 60", "cooling_s = 60")],
         "only older destinations in"),
        ("an unknown key of approvals", [named('approvals = [{ group = "a", count = 1, x = 1 }]')],
         "[[tiers]] t approvals: Object contains unknown field `x`"),
        ("no people", [named('approvals = [{ group = "a", count = 0 }]')],
         "approvals count: between 1 and 100"),
        ("people without end", [named('approvals = [{ group = "a", count = 101 }]')],
         "approvals count: between"),
        ("a group misspelt", [named('approvals = [{ group = "A", count = 1 }]')],
         "approvals: not a valid name"),
        ("a group twice", [named('approvals = [{ group = "a", count = 1 }, { group = "a", count = 1 }]')],
         "[[tiers]] t approvals: 'a' stands twice"),
        ("a group of nobody", [named('approvals = [{ group = "c", count = 1 }]')],
         "[approvers] are too few: 1 of c lacking"),
        ("more than there are", [named('approvals = [{ group = "a", count = 3 }]')],
         "too few: 1 of a lacking"),
        ("more than there are, each once", [named('approvals = [{ group = "a", count = 2 },'
         ' { group = "b", count = 2 }]')], "too few: 1 of b lacking, each person counted once"),
        ("a ban with needs: user", [named("forbidden = true", "user = true")],
         "what is forbidden needs nothing"),
        ("a ban with needs: people", [named("forbidden = true", 'approvals = [{ group = "a", count = 1 }]')],
         "what is forbidden needs nothing"),
        ("a ban with needs: delay", [named("forbidden = true", "delay_s = 1")],
         "what is forbidden needs nothing"),
        ("a ban with needs: cooling", [named("forbidden = true", "cooling_s = 1")],
         "what is forbidden needs"),
        ("an owner where there is none", [named("owned = false", "user = true")],
         "has no owner who could sign"),
        ("behind all", [named(name="all"), named()],
         "[[tiers]] t: it can never match: all before it takes all"),
        ("behind two", [named("owned = true", name="x"), named(name="all"), named()],
         "all before it takes all"),
        ("behind its like", [named("owned = true", name="x"), named("owned = true")],
         "x before it takes all"),
        ("behind its network's", [named('networks = ["eip155:1"]', name="x"),
         named('networks = ["eip155:1"]', "owned = true")], "x before it takes all"),
        ("behind its class's", [named('classes = ["treasury"]', name="x"), named('classes = ["treasury"]')],
         "x before it takes all"),
        ("behind as much", [named(amounts("day_units_max", 5), name="x"), named(amounts("day_units_max", 5))],
         "x before it takes all"),
        ("behind less old",
         [named("destination_age_s_min = 5", name="x"), named("destination_age_s_min = 5")],
         "x before it takes all"),
        ("an empty list", [], "tiers"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and value.isprintable() else "",
)  # fmt: skip
def test_what_was_not_meant_is_refused_by_name(name: str, tiers: list[str], told: str) -> None:
    """A tier that could never match, never be met or never be lifted above a cap is an error that says so."""
    data = document(*tiers) if tiers else ("tiers = []\n" + EXAMPLE).encode()
    with pytest.raises(Malformed) as caught:
        parse_policy(data)
    assert told in caught.value.public, (name, caught.value.public)
    assert caught.value.code in CODES | {"id.form"}


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("the caps themselves",
         [named(amounts("transaction_units_max", ETH_CAP), amounts("day_units_max", ETH_DAY))]),
        ("the user's whole day",
         [named(amounts("user_day_units_max", ETH_DAY), amounts("day_units_max", ETH_DAY))]),
        ("one unit", [named(amounts("transaction_units_max", 1), amounts("user_day_units_max", 1))]),
        ("the longest delay", [named("delay_s = 21599")]),
        ("the longest cooling", [named("cooling_s = 7776000")]),
        ("the oldest", [named("destination_age_s_min = 7776000")]),
        ("cooling the middling", [named("destination_age_s_min = 60", "cooling_s = 61")]),
        ("all there are, each once",
         [named('approvals = [{ group = "a", count = 2 }, { group = "b", count = 1 }]')]),
        ("a ban alone", [named("forbidden = true")]),
        ("an owner, whoever", [named("user = true")]),
        ("owned, then not", [named("owned = true", name="x"), named("owned = false")]),
        ("owned, then any", [named("owned = true", name="x"), named()]),
        ("of a network, then any", [named('networks = ["eip155:1"]', name="x"), named("owned = true")]),
        ("of a class, then any", [named('classes = ["treasury"]', name="x"), named("owned = true")]),
        ("little, then more",
         [named(amounts("day_units_max", 5), name="x"), named(amounts("day_units_max", 6))]),
        ("little, then any", [named(amounts("day_units_max", 5), name="x"), named()]),
        ("another asset",
         [named(amounts("day_units_max", 5), name="x"), named(amounts("day_units_max", 5, USDC))]),
        ("another amount", [named(amounts("transaction_units_max", 5), name="x"),
         named(amounts("user_day_units_max", 5))]),
        ("old, then newer",
         [named("destination_age_s_min = 6", name="x"), named("destination_age_s_min = 5")]),
        ("old, then any", [named("destination_age_s_min = 6", name="x"), named()]),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and value.isprintable() else "",
)  # fmt: skip
def test_what_is_just_within_is_read(name: str, tiers: list[str]) -> None:
    """The twins of the refusals: the outermost that could have been meant."""
    assert len(parse_policy(document(*tiers)).tiers) == len(tiers), name


@pytest.mark.parametrize(
    ("kinds", "need", "told"),
    [
        ('["approval"]', "user = true", "'user'"),
        ('["user"]', 'approvals = [{ group = "a", count = 1 }]', "'approval'"),
    ],
)
def test_what_is_needed_must_be_listed(kinds: str, need: str, told: str) -> None:
    """A tier cannot need what the policy would refuse when it is offered; with the kind listed it can."""
    with pytest.raises(Malformed) as caught:
        parse_policy(document(named(need), kinds=kinds))
    assert f"it needs evidence of kind {told}, which [evidence] kinds does not list" in caught.value.public
    assert parse_policy(document(named(need), kinds=f"[{told}]".replace("'", '"'))).tiers
    assert parse_policy(document(named(), kinds="[]")).tiers


def test_an_asset_is_on_one_of_the_tiers_networks() -> None:
    """An amount of another network's asset would never be looked at."""
    other = EXAMPLE.replace('[networks."eip155:1"', '[networks."eip155:5"').replace(
        '"eip155:1/', '"eip155:5/'
    )
    both = EXAMPLE + "\n" + other[other.index("[networks") : other.index("[classes")]
    tier = '\n[[tiers]]\nname = "t"\nnetworks = ["eip155:5"]\n'
    with pytest.raises(Malformed, match="is on none of the tier's networks"):
        parse_policy((both + tier + amounts("day_units_max", 1)).encode())
    assert parse_policy((both + tier + amounts("day_units_max", 1, ETH.replace(":1/", ":5/"))).encode()).tiers


def test_fifty_tiers_and_no_more() -> None:
    """The most tiers a file may have, and what names the one too many."""
    rows = [named(amounts("day_units_max", n + 1), name=f"t{n}") for n in range(51)]
    assert len(parse_policy(document(*rows[:50])).tiers) == 50
    with pytest.raises(Malformed, match="their number: between 1 and 50"):
        parse_policy(document(*rows))
