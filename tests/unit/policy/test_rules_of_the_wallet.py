"""Who may pay: fresh intents, attested wallets, derived addresses, no freeze, no unknown evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.ids import NetworkId
from keepcool.core.intent import Evidence
from keepcool.core.parties import Service
from keepcool.core.registry import Standing
from keepcool.policy.case import Case
from keepcool.policy.rules import address_derived, evidence_known, intent_fresh, not_frozen, record_attested
from tests.unit.policy.samples import (
    BOB,
    LIFETIME_S,
    NOW_S,
    PAYMENT,
    POLICY,
    matches,
    network,
    with_history,
    with_intent,
    with_record,
)

KEEPER, COOLER = Service.KEEPER, Service.COOLER


def attested(*services: Service) -> Case:
    return replace(PAYMENT, attested_by=frozenset(services))


@pytest.mark.parametrize(
    ("name", "left_s", "reason"),
    [
        ("one second left", 1, None),
        ("exactly the longest life", LIFETIME_S, None),
        ("expires this second", 0, "expired 0 s ago"),
        ("expired", -90, "expired 90 s ago"),
        ("one second too long", LIFETIME_S + 1, f"live {LIFETIME_S + 1} s more; at most {LIFETIME_S} s"),
    ],
)
def test_an_intent_is_signed_only_while_it_lives(name: str, left_s: int, reason: str | None) -> None:
    """Not after its expiry, and not when it would live longer than the policy lets any intent live."""
    verdict = intent_fresh.judge(with_intent(PAYMENT, expires_at_s=NOW_S + left_s), POLICY)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("both", PAYMENT, None),
        ("more than needed", attested(KEEPER, COOLER, Service.WATCHTOWER), None),
        ("keeper alone", attested(KEEPER), "lacks the attestation of cooler"),
        ("cooler alone", attested(COOLER), "lacks the attestation of keeper"),
        ("nobody", attested(), "cooler and keeper"),
        ("somebody else", attested(KEEPER, Service.APP), "cooler"),
        ("a class the policy has", with_record(PAYMENT, policy_class="treasury"), None),
        ("a class it has not", with_record(PAYMENT, policy_class="vip"), "class 'vip'"),
        ("owners not yet read", with_record(PAYMENT, standing=Standing.RESERVED), None),
    ],
)
def test_a_wallet_pays_only_when_its_record_is_attested(name: str, case: Case, reason: str | None) -> None:
    """Every required signer attested it, and its class is one the policy knows; standing is another's."""
    verdict = record_attested.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_policy_may_require_more_attestations() -> None:
    """What the policy requires is required: a third service's attestation is missed too."""
    stricter = replace(POLICY, attestations=frozenset({KEEPER, COOLER, Service.WATCHTOWER}))
    assert matches(record_attested.judge(PAYMENT, stricter), "lacks the attestation of watchtower")
    assert matches(record_attested.judge(attested(KEEPER, COOLER, Service.WATCHTOWER), stricter), None)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("as derived", PAYMENT, None),
        ("an older profile", with_record(PAYMENT, profile="safe-1.4.1-l1"), None),
        ("another address", with_record(PAYMENT, address=BOB), f"the record says {BOB}"),
        ("another derivation", replace(PAYMENT, derived_address=BOB), f"its keys give {BOB}"),
        ("an unlisted network", with_record(PAYMENT, network=NetworkId("eip155:1")), "no network eip155:1"),
        ("another family", with_record(PAYMENT, family="minter"), "family minter"),
        ("an unlisted profile", with_record(PAYMENT, profile="safe-1.5.0-l2"), "safe-1.5.0-l1 or safe-1.4"),
        ("one of three", with_record(PAYMENT, threshold=1), "needs 1 signatures; it must need 2"),
        ("three of three", with_record(PAYMENT, threshold=3), "needs 3 signatures"),
    ],
)  # fmt: skip
def test_the_address_is_the_one_the_keys_give(name: str, case: Case, reason: str | None) -> None:
    """A record is believed only as far as this signer derives it itself, as a kind the policy names."""
    verdict = address_derived.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_profile_leaves_the_policy() -> None:
    """Without older profiles, a wallet of an earlier day is refused."""
    case = with_record(PAYMENT, profile="safe-1.4.1-l1")
    assert matches(
        address_derived.judge(case, network(older_profiles=())), "must be safe-1.5.0-l1"
    )  # the twin with the profile listed is approved above


@pytest.mark.parametrize(
    ("name", "frozen", "reason"),
    [
        ("no freeze", (), None),
        ("one", ("wallet w-1: drill",), "frozen: wallet w-1: drill"),
        ("two, both told", ("all: breach", "wallet w-1: drill"), "frozen: all: breach; wallet w-1: drill"),
    ],
)
def test_nothing_leaves_while_frozen(name: str, frozen: tuple[str, ...], reason: str | None) -> None:
    """Any freeze that touches the wallet denies, and every freeze is told."""
    verdict = not_frozen.judge(with_history(PAYMENT, frozen=frozen), POLICY)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "kinds", "known", "reason"),
    [
        ("none", [], [], None),
        ("unknown", ["webauthn"], [], "unknown kind: 'webauthn'"),
        ("one known, one not", ["webauthn", "magic"], ["webauthn"], "unknown kind: 'magic'"),
        ("listed, but nothing verifies it", ["webauthn"], ["webauthn"], "not proven: webauthn"),
    ],
)
def test_unknown_evidence_is_not_overlooked(
    name: str, kinds: list[str], known: list[str], reason: str | None
) -> None:
    """One piece of evidence of an unlisted kind denies, whatever else is known."""
    case = replace(PAYMENT, evidence=tuple(Evidence(kind, "key", b"proof") for kind in kinds))
    verdict = evidence_known.judge(case, replace(POLICY, evidence_kinds=frozenset(known)))
    assert matches(verdict, reason), (name, verdict)
