"""A dry run judges what is written as the signers would: real bytes, the real decoder, every rule."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.chains.evm import payouts
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import encode_draft
from keepcool.chains.family import terms_of
from keepcool.cli import policy as command
from keepcool.core import registry
from keepcool.core.approvals import Decision, effects_hash
from keepcool.core.effects import Slot
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.core.verdict import Failed, Verdict
from keepcool.policy import trial
from keepcool.policy.case import Case, Given, History, Proofs, Remembered
from keepcool.policy.document import Policy
from keepcool.policy.rules import ALL
from keepcool.policy.terms import Approver
from tests.unit.policy.samples import ALICE, PAYMENT, POLICY
from tests.unit.policy.test_document import DOCUMENT

ETH = AssetId("eip155:1/slip44:60")
NOW_S = 1_800_000_000
PUBLIC_KEYS = (
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",  # the curve's G, 2G, 3G
    "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
)


def record() -> WalletRecord:
    hot, cool, cold = (OwnerKey(role, key) for role, key in zip(Role, PUBLIC_KEYS, strict=True))
    blank = WalletRecord(
        wallet=WalletId("w-1"), revision=1, previous=registry.NO_PREVIOUS, family="evm",
        network=NetworkId("eip155:1"), profile="safe-1.5.0-l1", threshold=2, owners=(hot, cool, cold),
        address="", owner="u-1", user_key="", policy_class="", standing=Standing.PROVEN, made_at_s=1,
    )  # fmt: skip
    return replace(blank, address=EvmFamily().derive_address(terms_of(blank)))


RECORD = record()
INTENT = Intent(
    IntentId("i-1"), Purpose.PAY, NetworkId("eip155:1"), WalletId("w-1"),
    (Output(ALICE, Amount(ETH, 5 * 10**18)),), Amount(ETH, 10**16), NOW_S + 3600,
)  # fmt: skip
DRAFT = payouts.pay(
    profile_named("safe-1.5.0-l1"), safe=RECORD.address, chain_id=1, nonce=2, outputs=INTENT.outputs
)


def request(**changes: Any) -> dict[str, Any]:
    return {
        "intent": json.loads(INTENT.encoded()),
        "draft": json.loads(encode_draft(DRAFT)),
        "record": json.loads(RECORD.encoded()),
        "attested_by": ["keeper", "cooler"],
        "now_s": NOW_S,
        **changes,
    }


def run(tmp_path: Path, asked: dict[str, Any], *extra: str) -> int:
    (tmp_path / "request.json").write_text(json.dumps(asked))
    (tmp_path / "policy.toml").write_bytes(DOCUMENT)
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    arguments = parser.parse_args(
        ["policy", "try", str(tmp_path / "request.json"), "--policy", str(tmp_path / "policy.toml"), *extra]
    )
    return int(arguments.run(arguments))


def outcomes(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    told = json.loads(capsys.readouterr().out)
    return {row["rule"]: row["reason"] for row in told["verdicts"] if row["outcome"] != "approved"}


def test_an_honest_request_would_be_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real SafeTx of a real Safe, as objects or as hex: every rule approves and the exit code is 0."""
    as_hex = request(
        intent="0x" + INTENT.encoded().hex(), draft=encode_draft(DRAFT).hex(), record=RECORD.encoded().hex()
    )
    for asked in (request(), as_hex):
        assert run(tmp_path, asked, "--json") == 0
        assert outcomes(capsys) == {}
    assert run(tmp_path, request()) == 0
    told = capsys.readouterr().out
    assert told.count("approved ") == len(ALL)
    assert told.endswith("Would be signed.\n")


def test_every_objection_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gas refund, one attestation, an expired intent and a full window: four reasons, exit code 1."""
    draft = json.loads(encode_draft(replace(DRAFT, gas_price=7)))
    history = {"spent_hour": {ETH: str(16 * 10**18)}, "lowest_unsigned": {f"safe:{RECORD.address}": 2}}
    asked = request(draft=draft, attested_by=["keeper"], now_s=NOW_S + 3600, history=history)
    assert run(tmp_path, asked, "--json") == 1
    reasons = outcomes(capsys)
    assert set(reasons) == {"intent_fresh", "record_attested", "hazards", "cap_hour"}
    assert "gas_price is 7" in reasons["hazards"]
    assert (
        "signed for 16 ETH within an hour and this would add 5 ETH; the cap is 20 ETH" in reasons["cap_hour"]
    )
    assert run(tmp_path, asked) == 1
    assert "Would not be signed." in capsys.readouterr().out


def test_what_was_signed_before_is_taken_into_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stated history is judged like a signer's own: the same intent at another nonce is denied."""
    row = {
        "intent": "i-1",
        "intent_hash": INTENT.hash(),
        "digests": ["00" * 32],
        "slots": [{"space": f"safe:{RECORD.address}", "position": 1}],
        "spent": {ETH: "5000000000000000000"},
        "at_s": NOW_S - 9,
    }
    space = {f"safe:{RECORD.address}": 2}
    assert run(tmp_path, request(history={"same_intent": [row], "lowest_unsigned": space}), "--json") == 1
    assert set(outcomes(capsys)) == {"never_twice"}
    frozen = request(history={"frozen": ["drill"]}, evidence=[{"kind": "k", "key": "k", "proof": "00"}])
    assert run(tmp_path, frozen, "--json") == 1
    assert set(outcomes(capsys)) == {"not_frozen", "evidence_known"}


def case_of(**changes: Any) -> Case:
    """The case behind a request, under a policy that knows alice."""
    asked = trial.parse_request(json.dumps(request(**changes)).encode())
    people = replace(POLICY, approvers={"alice": Approver("alice", "ed25519:" + "0a" * 32)})
    family = EvmFamily()
    draft: bytes = encode_draft(DRAFT)
    return trial.case_of(
        asked,
        lambda _, record: family.decode(draft, record),
        lambda record: family.derive_address(terms_of(record)),
        people,
    )


ROW: dict[str, Any] = {
    "intent": "i-0", "intent_hash": "ab" * 32, "digests": ["0x" + "01" * 32, "02" * 32],
    "slots": [{"space": "s", "position": 3}], "spent": {ETH: "7"}, "at_s": 9,
}  # fmt: skip
REMEMBERED = Remembered(
    "i-0", "ab" * 32, (b"\1" * 32, b"\2" * 32), (Slot(NetworkId("eip155:1"), "s", 3),), {ETH: 7}, 9
)


def test_a_history_is_what_was_written() -> None:
    """Every key of it, and what it is where it was left out."""
    history = {
        "same_intent": [ROW],
        "same_slots": [ROW, ROW],
        "lowest_unsigned": {"s": 4},
        "spent_hour": {ETH: "1"},
        "spent_day": {ETH: "2"},
        "frozen": ["a drill"],
        "waiting_since_s": 5,
        "destinations": {ALICE: 6},
        "user_spent_hour": {ETH: "3"},
        "user_spent_day": {ETH: "4"},
        "harbor_only": True,
    }
    assert case_of(history=history).history == History(
        same_intent=(REMEMBERED,),
        same_slots=(REMEMBERED, REMEMBERED),
        lowest_unsigned={"s": 4},
        spent_hour={ETH: 1},
        spent_day={ETH: 2},
        frozen=("a drill",),
        waiting_since_s=5,
        destinations={ALICE: 6},
        user_spent_hour={ETH: 3},
        user_spent_day={ETH: 4},
        harbor_only=True,
    )
    assert case_of().history == History((), (), {f"safe:{RECORD.address}": 2}, {}, {}, ())


def test_approvals_fit_unless_it_is_written() -> None:
    """A name alone is an approval that counts; every other key of it is taken as it stands."""
    case = case_of(proofs={"approvals": [{"approver": "alice"}, {"approver": "mallory"}]})
    effects = effects_hash(case.effects).hex()
    fits = Given(
        "alice",
        "ed25519:" + "0a" * 32,
        Decision.APPROVE,
        effects,
        10**16,
        (POLICY.hash,),
        NOW_S + 3600,
        NOW_S,
    )
    assert case.proofs == Proofs("", (fits, replace(fits, approver="mallory", key="")), ())
    written = {
        "approver": "alice",
        "decision": "reject",
        "key": "k",
        "effects": "e",
        "fee_units_max": "8",
        "policies": ["p", "q"],
        "expires_at_s": 3,
        "at_s": 2,
        "reason": "fraud",
    }
    told = case_of(proofs={"approvals": [written], "invalid": ["forged"]}).proofs
    expected = Given("alice", "k", Decision.REJECT, "e", 8, ("p", "q"), 3, 2, "fraud")
    assert told == Proofs("", (expected,), ("forged",))


def test_a_stated_fee_is_what_an_approval_fits() -> None:
    """Of a draft that states one, not what its intent would allow; and the owner's signature is his key's."""
    family = EvmFamily()
    owned = json.loads(replace(RECORD, user_key="ed25519:" + "0b" * 32).encoded())
    body = request(record=owned, proofs={"user": True, "approvals": [{"approver": "alice"}]})
    case = trial.case_of(
        trial.parse_request(json.dumps(body).encode()),
        lambda _, record: replace(family.decode(encode_draft(DRAFT), record), fee_max=Amount(ETH, 12)),
        lambda record: record.address,
        POLICY,
    )
    assert case.proofs.user_key == "ed25519:" + "0b" * 32
    assert case.proofs.approvals[0].fee_units_max == 12


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("an unknown key", {"foo": 1}, "foo"),
        ("no time", {"now_s": "now"}, "now_s"),
        ("an unknown service", {"attested_by": ["mint"]}, "'mint'"),
        ("hex that is none", {"intent": "xyz"}, "not hexadecimal"),
        ("an intent with a float", {"intent": {"version": 1.0}}, "no canonical form"),
        ("an intent of another version", {"intent": {"version": 2}}, "version is not known"),
        ("a record that is none", {"record": {"version": 1}}, "a field is missing"),
        ("a draft with an unknown field", {"draft": {"x": 1}}, "lacks"),
        ("a draft that is none", {"draft": "7b7d"}, "a field is missing"),
        ("an amount as a number", {"history": {"spent_day": {ETH: 5}}}, "spent_day"),
        ("an asset that is none", {"history": {"spent_day": {"ETH": "5"}}}, "CAIP-19"),
        (
            "a digest that is none",
            {"history": {"same_slots": [{**ROW, "digests": ["x"]}]}},
            "digest: not hex",
        ),
        ("an unknown key of proofs", {"proofs": {"users": True}}, "users"),
        ("an unknown decision", {"proofs": {"approvals": [{"approver": "a", "decision": "maybe"}]}}, "maybe"),
        (
            "a fee as a number",
            {"proofs": {"approvals": [{"approver": "a", "fee_units_max": 1}]}},
            "fee_units_max",
        ),
    ],
)
def test_what_cannot_be_read_is_not_judged(
    name: str, change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """A request that is not understood is an error with its reason, never a verdict."""
    with pytest.raises(KeepcoolError) as caught:
        run(tmp_path, request(**change))
    assert told in caught.value.public, name
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", caught.value.code)


def test_a_request_is_json() -> None:
    """Other bytes are malformed."""
    for data in (b"", b"[]", b"\xff", b"{"):
        with pytest.raises(Malformed):
            trial.parse_request(data)


class Broken:
    """Satisfies `Rule`, in form."""

    NAME = "broken"

    def judge(self, case: Case, policy: Policy) -> Verdict:
        raise ZeroDivisionError(case, policy)


def test_a_broken_rule_has_failed() -> None:
    """An exception inside a rule is shown as a failure of that rule, and the others are still asked."""
    verdicts = trial.verdicts(PAYMENT, POLICY, (Broken(), *ALL))
    broken = Failed("broken", "the rule broke (ZeroDivisionError)")
    assert verdicts == (broken, *trial.verdicts(PAYMENT, POLICY))
