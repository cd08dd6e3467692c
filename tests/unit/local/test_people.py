"""What an installation's first policies ask of people, from the options of `keepcool init`."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.parties import Service
from keepcool.local.people import NOBODY, People, person, site
from keepcool.local.plan import network_plan
from keepcool.local.policies import first_policy
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import Policy
from tests.fixtures.softkey import SoftEd25519, SoftPasskey

NETWORK = network_plan("eip155:10", ["http://a"])
COIN = NETWORK.assets[0]
ALICE, ROOT = SoftPasskey("alice"), SoftEd25519("root1")
APPROVER = person(
    f"alice={ALICE.text},credential={ALICE.credential},groups=accounting+risk,owner=u-1", "--approver"
)
ADMINISTRATORS = tuple(
    person(f"{name}={SoftEd25519(name).text}", "--administrator") for name in ("a", "b", "c")
)
DESK = "https://desk.example"


def policy(people: People, signer: Service = Service.COOLER) -> Policy:
    return parse_policy(first_policy(signer, NETWORK, people=people))


def test_without_people_caps_alone_decide() -> None:
    """No tier, no alarm, no evidence: as before."""
    made = policy(NOBODY)
    assert (made.tiers, made.evidence_kinds, made.users, made.alarm) == ((), frozenset(), None, None)


@pytest.mark.parametrize("signer", [Service.KEEPER, Service.COOLER])
def test_owners_sign_up_to_the_caps_and_others_pay_a_tenth(signer: Service) -> None:
    """Whoever has a user key signs; a wallet without one pays a tenth of the caps, and nothing beyond."""
    made = policy(People(user_signatures=True, users_url="https://wallet.example"), signer)
    owners, small = made.tiers
    assert (owners.owned, owners.user, owners.transaction_units_max) == (True, True, None)
    assert (small.owned, small.user, small.approvals) == (False, False, ())
    assert dict(small.transaction_units_max or {}) == {COIN.id: COIN.cap_transaction_units // 10}
    assert dict(small.day_units_max or {}) == {COIN.id: COIN.cap_day_units // 10}
    assert made.evidence_kinds == {"user"}
    assert made.users is not None
    assert made.users.rp_id == "wallet.example"
    assert made.users.origins == {"https://wallet.example"}


def test_an_approver_lets_others_pay_more() -> None:
    """With an approver what is beyond the small amounts waits for him instead of being refused."""
    made = policy(People(user_signatures=True, approvers=(APPROVER,), desk_url=DESK))
    assert [tier.name for tier in made.tiers] == ["owners", "small", "approved"]
    assert [(one.group, one.count) for one in made.tiers[-1].approvals] == [("accounting", 1)]
    alice = made.approvers["alice"]
    assert (alice.key, alice.credential, alice.owner) == (ALICE.text, ALICE.credential, "u-1")
    assert alice.groups == {"accounting", "risk"}
    assert made.evidence_kinds == {"user", "approval"}


def test_an_approver_alone_looks_at_large_payments_of_all() -> None:
    """With owners' signatures off there are small amounts and approved ones, whoever owns the wallet."""
    made = policy(People(approvers=(APPROVER,), desk_url=DESK))
    assert [(tier.name, tier.owned) for tier in made.tiers] == [("small", None), ("approved", None)]


def test_administrators_govern() -> None:
    """Two of three sign a change of policy; it waits a day, a week where the root key alone has signed."""
    made = policy(People(administrators=ADMINISTRATORS))
    assert made.governance is not None
    assert (made.governance.quorum, made.governance.delay_s, made.governance.root_delay_s) == (
        2,
        86_400,
        604_800,
    )
    assert set(made.administrators) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("alice", "person.key"),
        (f"={ROOT.text}", "init.person"),
        (f"alice={ROOT.text},shoe=44", "init.person"),
        ("alice=02abcd", "person.key"),
    ],
    ids=["no key", "no name", "an unknown field", "hex alone"],
)
def test_a_person_written_wrong_is_refused(text: str, code: str) -> None:
    """The option says how a person is written."""
    with pytest.raises(Malformed) as refused:
        person(text, "--approver")
    assert refused.value.code == code


def test_a_site_is_an_origin() -> None:
    """A path behind it is refused; a port is part of it."""
    assert site("http://localhost:8480") == {"rp_id": "localhost", "origins": ["http://localhost:8480"]}
    for text in ("https://wallet.example/sign", "wallet.example", ""):
        with pytest.raises(Malformed, match=r"init\.site"):
            site(text)
