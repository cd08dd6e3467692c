"""Whose signature counts under an order, and how long the order then waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from keepcool.core.approvals import DETAILS as DETAILS_OF
from keepcool.core.approvals import Action, Order, order_challenge
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.cosigner.mandates import PROOFS_MAX, Mandates, Terms
from keepcool.cosigner.orders import SignedBy
from keepcool.policy.terms import Administrator, Governance, Policy, SiteTerms
from keepcool.wire import proofs
from keepcool.wire.reviews import OrderProof, SubmitOrder
from tests.fixtures.softkey import ORIGIN, RP_ID, SoftEd25519, SoftKey, SoftPasskey
from tests.unit.cosigner.house import NOW_S
from tests.unit.policy.samples import POLICY

ANNA, BORIS, ROOT = SoftPasskey("anna"), SoftEd25519("boris"), SoftEd25519("root")
GOVERNED = replace(
    POLICY,
    desk=SiteTerms(RP_ID, frozenset({ORIGIN})),
    administrators={
        "anna": Administrator("anna", ANNA.text, ANNA.credential),
        "boris": Administrator("boris", BORIS.text),
        "again": Administrator("again", BORIS.text),
    },
    governance=Governance(2, 1000, 5000, 3, 60, 300),
)
INSTALLATION = ROOT.text.partition(":")[2]
DETAILS = {"document": "aa" * 32, "policy_version": "2", "previous": "bb" * 32, "service": "keeper"}
ORDER = Order("order-0001", INSTALLATION, Action.POLICY_PROPOSE, DETAILS, NOW_S + 3600)
THAW = Order(
    "order-0002", INSTALLATION, Action.THAW,
    {"level": "all", "reason": "found", "report": "cc" * 32, "target": ""}, NOW_S + 3600,
)  # fmt: skip


def proof(name: str, key: SoftKey, order: Order = ORDER) -> OrderProof:
    return OrderProof(administrator=name, proof=proofs.encode(key.proof(order_challenge(order.encoded()))))


def fresh(
    *many: OrderProof, order: Order = ORDER, policy: Policy = GOVERNED, before: Sequence[SignedBy] = ()
) -> list[tuple[str, str]]:
    body = SubmitOrder(order=order.encoded(), proofs=list(many))
    found = Mandates(policy, INSTALLATION).fresh(order, body, before)
    return [(one.administrator, one.key) for one, _ in found]


def code(*many: OrderProof, order: Order = ORDER, policy: Policy = GOVERNED) -> str:
    with pytest.raises(KeepcoolError) as caught:
        fresh(*many, order=order, policy=policy)
    return caught.value.code


def test_a_passkey_and_a_device_key_sign_alike() -> None:
    """Both under the names the policy knows, each with the key it has for that name."""
    both = fresh(proof("anna", ANNA), proof("boris", BORIS))
    assert both == [("anna", ANNA.text), ("boris", BORIS.text)]


@pytest.mark.parametrize(
    "desk",
    [
        None,
        SiteTerms("elsewhere.example", frozenset({ORIGIN})),
        SiteTerms(RP_ID, frozenset({"https://elsewhere.example"})),
    ],
)
def test_a_passkey_signs_orders_on_the_desks_site_alone(desk: SiteTerms | None) -> None:
    """Touched for another domain or origin than the policy's desk, or where no desk is named, it is refused;
    a device key, which knows no site, is not."""
    policy = replace(GOVERNED, desk=desk)
    with pytest.raises((Refused, Malformed)):
        fresh(proof("anna", ANNA), policy=policy)
    assert fresh(proof("boris", BORIS), policy=policy) == [("boris", BORIS.text)]


def test_a_proof_that_does_not_hold_closes_the_whole_submission() -> None:
    """Of another key, about another order, or by nobody the policy names: its sender meant it to count."""
    held = proof("boris", BORIS)
    for wrong in (proof("anna", SoftPasskey("mallory")), proof("boris", BORIS, THAW)):
        with pytest.raises((Refused, Malformed)):
            fresh(held, wrong)
    assert code(held, proof("mallory", BORIS)) == "order.administrator"


def test_each_name_and_each_key_counts_once() -> None:
    """Twice under one name, under a second name with the same key, or known before: no news."""
    held = proof("boris", BORIS)
    assert fresh(held, held, proof("again", BORIS)) == [("boris", BORIS.text)]
    assert fresh(held, before=[SignedBy("boris", BORIS.text)]) == []
    assert fresh(held, before=[SignedBy("boris", ANNA.text)]) == []
    assert fresh(held, before=[SignedBy("again", BORIS.text)]) == []
    assert fresh(held, before=[SignedBy("anna", ANNA.text)]) == [("boris", BORIS.text)]


def test_no_more_proofs_than_are_worth_verifying() -> None:
    """As many as allowed are read, one more is turned away unread."""
    held = proof("boris", BORIS)
    assert fresh(*[held] * PROOFS_MAX) == [("boris", BORIS.text)]
    assert code(*[held] * (PROOFS_MAX + 1)) == "order.proofs"


def test_root_orders_a_policy_and_nothing_else() -> None:
    """The root key replaces administrators who are lost; it neither thaws nor counts under another's name."""
    assert fresh(proof("root", ROOT)) == [("root", ROOT.text)]
    assert code(proof("root", ROOT, THAW), order=THAW) == "order.root"
    with pytest.raises((Refused, Malformed)):
        fresh(proof("root", BORIS))


SIGNED = {
    "anna": SignedBy("anna", ANNA.text),
    "boris": SignedBy("boris", BORIS.text),
    "again": SignedBy("again", BORIS.text),
    "rekeyed": SignedBy("anna", BORIS.text),
    "gone": SignedBy("gone", SoftEd25519("gone").text),
    "root": SignedBy("root", ROOT.text),
}


@pytest.mark.parametrize(
    ("names", "delay_s"),
    [
        ("", None),
        ("anna", None),
        ("anna boris", 1000),
        ("boris again", None),
        ("boris rekeyed", None),
        ("anna gone", None),
        ("root", 5000),
        ("root anna", 5000),
        ("root anna boris", 1000),
    ],
)
def test_a_policy_waits_by_who_signed(names: str, delay_s: int | None) -> None:
    """A quorum of different keys that the policy in force knows waits its delay, root alone the longer one;
    one key under two names, a key replaced since, or somebody gone makes no quorum."""
    signed = [SIGNED[name] for name in names.split()]
    assert Mandates(GOVERNED, INSTALLATION).delay_s(ORDER, signed) == delay_s


def test_each_order_has_its_own_terms() -> None:
    """By the policy in force; a freeze and a cancelling take one and no delay, governed or not."""
    mandates, bare = Mandates(GOVERNED, INSTALLATION), Mandates(POLICY, INSTALLATION)
    wanted = {
        Action.POLICY_PROPOSE: Terms(2, 1000), Action.THAW: Terms(3, 60), Action.REKEY: Terms(2, 300),
    }  # fmt: skip
    for action in Action:
        order = replace(ORDER, action=action, details=dict.fromkeys(DETAILS_OF[action], "1"))
        terms = wanted.get(action, Terms(1, 0))
        assert (mandates.terms(order), mandates.quorum(order)) == (terms, terms.quorum)
        if action not in wanted:
            assert bare.terms(order) == terms
            continue
        with pytest.raises(Refused) as caught:
            bare.terms(order)
        assert (caught.value.code, bare.quorum(order)) == ("order.ungoverned", 0)
