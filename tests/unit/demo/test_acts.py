"""The demo's choices and what its act of the people rests on, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.client.devicekeys import DeviceKey
from keepcool.core.errors import Malformed
from keepcool.core.intent import parse_intent
from keepcool.core.parties import Service
from keepcool.demo import governing, story
from keepcool.demo.governing import DENIALS_MAX, Administrators
from keepcool.demo.thefts import Prey, thefts
from keepcool.local import layout, plan
from keepcool.local.layout import Layout
from keepcool.local.people import PersonPlan
from keepcool.local.policies import first_policy
from keepcool.policy.document import parse_policy
from keepcool.wire.messages import SignRequest
from tests.fixtures.chain import NATIVE, NETWORK, address_number
from tests.unit.policy.samples import RECORD

OWNERS_UNITS = 3 * 10**17


def test_people_play_on_the_evm_chain() -> None:
    """The act of the people comes with that of the EVM chain, or alone; no other chain has it."""
    assert story.chosen("evm,minter") == ("evm", "minter", "people")
    assert story.chosen(" people ") == ("people",)
    assert story.chosen("minter") == ("minter",)
    assert story.chains_of(("minter", "people", "evm")) == ("minter", "evm")
    with pytest.raises(Malformed, match="people"):
        story.chosen("ethereum")


def test_the_policy_that_is_ordered_asks_owners_and_an_approver(tmp_path: Path) -> None:
    """It follows the first one, keeps its administrators, and has a tier of owners, one of the desk, and the
    usual ones of wallets without a user key."""
    places, judy = Layout(tmp_path), PersonPlan("judy", DeviceKey(b"\x01" * 32).text)
    file = places.service(Service.KEEPER) / layout.POLICY
    file.parent.mkdir()
    network = plan.network_plan(NETWORK, ["http://127.0.0.1:1"])
    file.write_bytes(first_policy(Service.KEEPER, network, people=Administrators.drawn().people()))
    before = parse_policy(file.read_bytes())
    after = parse_policy(governing.next_policy(places, Service.KEEPER, judy, {NATIVE: OWNERS_UNITS}))
    assert (before.tiers, after.version) == ((), before.version + 1)
    assert after.administrators == before.administrators
    assert [one.name for one in after.tiers] == ["owners", "desk", "small", "approved"]
    owners, desk = after.tiers[:2]
    assert (owners.user, owners.approvals, dict(owners.transaction_units_max or {})) == (
        True,
        (),
        {NATIVE: OWNERS_UNITS},
    )
    assert desk.user
    assert [(one.group, one.count) for one in desk.approvals] == [("accounting", 1)]


def test_what_a_thief_asks_for_is_as_much_as_the_alarm_bears_and_one_more() -> None:
    """Of different intents that no signature makes good, and the approval, there are just enough to freeze:
    every refusal is told in its own words."""
    prey = Prey(
        record=RECORD,
        chain_id=31337,
        nonce=2,
        asset=NATIVE,
        owner=DeviceKey(b"\x02" * 32),
        honest=address_number(1),
        thief=address_number(666),
        installation="00" * 32,
        in_force={},
        documents={},
        now_s=1_700_000_000,
    )
    bodies = [one.body(Service.KEEPER) for one in thefts(prey) if one.typ == "sign.v1"]
    items = [one.items[0] for one in bodies if isinstance(one, SignRequest)]
    unsigned, *denied = [parse_intent(one.intent).hash() for one in items]
    assert unsigned not in denied
    assert len(set(denied)) + 1 == DENIALS_MAX + 1
    assert len({one.draft for one in items}) == 5  # App signs nothing: the drafts are what differs
