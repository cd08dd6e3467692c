"""A dry run judges what is written as the signers would: real bytes, the real decoder, every rule."""

from __future__ import annotations

import argparse
import json
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
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.core.verdict import Failed, Verdict
from keepcool.policy import trial
from keepcool.policy.case import Case
from keepcool.policy.document import Policy
from keepcool.policy.rules import ALL
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
    ],
)
def test_what_cannot_be_read_is_not_judged(
    name: str, change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """A request that is not understood is an error with its reason, never a verdict."""
    with pytest.raises(KeepcoolError) as caught:
        run(tmp_path, request(**change))
    assert told in caught.value.public, name


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
