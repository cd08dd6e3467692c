"""The three policies the reference page works out do what the page says of them."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import encode_draft
from keepcool.cli import policy as command
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import WalletRecord
from keepcool.policy.document import parse_policy
from keepcool.policy.explain import sentences
from keepcool.policy.terms import Governance, Policy
from tests.unit.policy.samples import ALICE
from tests.unit.policy.test_document import EXAMPLE, REFERENCE, USDC
from tests.unit.policy.test_trial import ETH, INTENT, NOW_S, RECORD, request

BLOCKS: list[str] = re.findall(r"```toml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
SHOP, EXCHANGE, TREASURY = (EXAMPLE + "\n" + text for text in BLOCKS[3:6])
WEI, DAY_S = 10**18, 86_400
OWNED = replace(RECORD, user_key=f"ed25519:{'ab' * 32}")
OF_17 = replace(OWNED, owner="customer-17")
OF_CLASS = replace(RECORD, policy_class="treasury")
HARBOR = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"


def asked(
    units: int, record: WalletRecord = RECORD, asset: AssetId = ETH, to: str = ALICE, **changes: Any
) -> dict[str, Any]:
    """A request to pay so much out of this wallet."""
    outputs = (Output(to, Amount(asset, units)),)
    draft = payouts.pay(
        profile_named("safe-1.5.0-l1"), safe=record.address, chain_id=1, nonce=2, outputs=outputs
    )
    return request(
        intent=json.loads(replace(INTENT, outputs=outputs).encoded()),
        draft=json.loads(encode_draft(draft)),
        record=json.loads(record.encoded()),
        **changes,
    )


def proofs(*names: str, user: bool = False, **changes: Any) -> dict[str, Any]:
    return {"user": user, "approvals": [{"approver": name, **changes} for name in names]}


def known(days: int = 2) -> dict[str, Any]:
    return {"destinations": {ALICE: NOW_S - days * DAY_S}}


Try: TypeAlias = Callable[[str, dict[str, Any]], str]


@pytest.fixture
def trying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Try:
    """What `keepcool policy try` says of a request under a policy: "" where every rule approves."""

    def outcome(policy: str, wanted: dict[str, Any]) -> str:
        (tmp_path / "request.json").write_text(json.dumps(wanted))
        (tmp_path / "policy.toml").write_text(policy)
        parser = argparse.ArgumentParser()
        command.register(parser.add_subparsers())
        files = [str(tmp_path / "request.json"), "--policy", str(tmp_path / "policy.toml")]
        arguments = parser.parse_args(["policy", "try", *files, "--json"])
        code = arguments.run(arguments)
        told = json.loads(capsys.readouterr().out)
        objections = [row for row in told["verdicts"] if row["outcome"] != "approved"]
        assert (code == 0) is (objections == [])
        return "; ".join(f"{row['outcome']} {row['rule']} {row['reason']}" for row in objections)

    return outcome


@pytest.mark.parametrize(
    ("name", "policy", "wanted", "told"),
    [
        ("a refund", SHOP, asked(WEI // 10), ""),
        ("a larger refund", SHOP, asked(WEI // 10 + 1), "tier all-else needs 1 approval of shop"),
        ("the tenth", SHOP, asked(WEI // 10, history={"spent_day": {ETH: str(9 * WEI // 10)}}), ""),
        ("the eleventh", SHOP, asked(WEI // 10, history={"spent_day": {ETH: str(WEI)}}), "tier all-else"),
        ("any USDC", SHOP, asked(1, asset=USDC), "needs_review tiers tier all-else needs 1 approval of shop"),
        ("approved by Olga", SHOP, asked(5 * WEI, proofs=proofs("olga")), ""),
        ("beyond a cap, approved", SHOP, asked(5 * WEI + 1, proofs=proofs("olga")), "denied cap_transaction"),
        ("by nobody known", SHOP, asked(WEI, proofs=proofs("mallory")), "needs 1 approval of shop"),
        ("rejected by Olga", SHOP, asked(WEI // 10, proofs=proofs("olga", decision="reject", reason="fraud")),
         "denied tiers rejected by olga: fraud"),
        ("small", EXCHANGE, asked(WEI, OWNED, proofs=proofs(user=True), history=known()), ""),
        ("unsigned", EXCHANGE, asked(WEI, OWNED, history=known()), "tier small needs the owner's signature"),
        ("to a new address", EXCHANGE, asked(WEI, OWNED, proofs=proofs(user=True)),
         f"tier small-to-new needs {ALICE} to be known for 4 h, until 2027-01-15 12:00:00 UTC"),
        ("to one that cooled", EXCHANGE, asked(WEI, OWNED, proofs=proofs(user=True),
         history={"destinations": {ALICE: NOW_S - 14_400}}), ""),
        ("medium", EXCHANGE, asked(3 * WEI, OWNED, proofs=proofs("alice", user=True)), ""),
        ("medium without accounting", EXCHANGE, asked(3 * WEI, OWNED, proofs=proofs("carol", user=True)),
         "tier medium needs 1 approval of accounting"),
        ("her own", EXCHANGE, asked(3 * WEI, OF_17, proofs=proofs("alice", user=True)),
         "the approval of alice does not count: nobody approves what he asked for"),
        ("large", EXCHANGE, asked(4 * WEI, OWNED, proofs=proofs("alice", "carol", user=True),
         history={"waiting_since_s": NOW_S - 3600}), ""),
        ("large, too early", EXCHANGE, asked(4 * WEI, OWNED, proofs=proofs("alice", "carol", user=True),
         history={"waiting_since_s": NOW_S - 3599}), "tier large needs a wait of 1 h, until"),
        ("by Bob and Carol", EXCHANGE, asked(4 * WEI, OWNED, proofs=proofs("bob", "carol", user=True),
         history={"waiting_since_s": NOW_S - 3600}), ""),
        ("by Bob alone", EXCHANGE, asked(4 * WEI, OWNED, proofs=proofs("bob", user=True),
         history={"waiting_since_s": NOW_S - 3600}), "tier large needs 1 approval of risk"),
        ("of a pool", EXCHANGE, asked(WEI, proofs=proofs("alice", "bob")), ""),
        ("of a pool by one", EXCHANGE, asked(WEI, proofs=proofs("alice")), "1 approval of accounting"),
        ("of another wallet", TREASURY, asked(1), "denied tiers tier nothing-else is forbidden"),
        ("of the treasury", TREASURY, asked(WEI, OF_CLASS, to=HARBOR, proofs=proofs("anna", "boris", "clara"),
         history={"waiting_since_s": NOW_S - 7200}), ""),
        ("by two", TREASURY, asked(WEI, OF_CLASS, to=HARBOR, proofs=proofs("anna", "clara"),
         history={"waiting_since_s": NOW_S - 7200}), "tier treasury needs 1 approval of finance"),
        ("at once", TREASURY, asked(WEI, OF_CLASS, to=HARBOR, proofs=proofs("anna", "boris", "clara")),
         "a wait of 2 h"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
def test_the_page_keeps_its_word(
    name: str, policy: str, wanted: dict[str, Any], told: str, trying: Try
) -> None:
    """Each sentence about an example is tried with the command the page shows."""
    found = trying(policy, wanted)
    assert told in found if told else found == "", (name, found)


def test_sentences_are_whole() -> None:
    """Not a word more or less where a policy has tiers and people, or none."""
    shop, plain = (sentences(parse_policy(text.encode())) for text in (SHOP, EXAMPLE))
    key = "passkey:036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    assert {
        "A payment needs what the first tier says that takes it; one that no tier takes is refused.",
        "Tier 2, all-else, takes all payments: needs approval by 1 of shop.",
        "Caps hold in every tier. What goes to a harbor alone, and what pays nobody, needs nobody.",
        f"olga approves for shop with {key}.",
        "An approval counts for one draft, fee and policy until it expires; one rejection is final.",
        "It names no administrators: whoever has the root key and the host changes the policy.",
    } <= set(shop)
    assert "It has no tiers: what the caps allow needs nobody's signature." in plain
    assert not any(sentence.startswith("Caps hold") for sentence in plain)


def test_the_treasury_is_governed() -> None:
    """Whom the page names administers, by the numbers it gives."""
    policy = parse_policy(TREASURY.encode())
    assert set(policy.administrators) == {"root1", "root2", "clara"}
    assert policy.administrators["clara"].key == policy.approvers["clara"].key
    assert policy.governance == Governance(2, 86_400, 604_800, 2, 600, 86_400)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SHOP, (
            "A payment needs what the first tier says that takes it; one that no tier takes is refused.",
            "Tier 1, refunds, takes payments up to 0.1 ETH (eip155:1/slip44:60) at once; up to 1 ETH "
            "(eip155:1/slip44:60) a day of all wallets: needs nobody.",
            "Tier 2, all-else, takes all payments: needs approval by 1 of shop.",
            "olga approves for shop with passkey:036b17d1",
            "Approvers' and administrators' passkeys are touched for desk.shop.example at "
            "https://desk.shop.example.",
        )),
        (EXCHANGE, (
            "Tier 1, small, takes payments from wallets with a user key; up to 1 ETH",
            "up to 2 ETH (eip155:1/slip44:60) a day of one owner",
            "to destinations this owner has used for 1 day: needs the owner's signature.",
            "needs the owner's signature; 4 h since each destination was first seen.",
            "needs the owner's signature; approval by 1 of accounting and 1 of risk; a wait of 1 h.",
            "Tier 5, pool, takes payments from wallets without a user key: needs approval by 2 of acc",
            "alice approves for accounting with passkey:037cf27b188d034f7e8a52380304b51ac3c08969e277f21b3"
            "5a60b48fc47669978, but never for user customer-17, who is the same person.",
            "bob approves for accounting and risk",
            "Users' passkeys are touched for exchange.example at https://app.exchange.example and "
            "https://exchange.example.",
            "After more than 20 distinct denials of one sender within 1 min this signer freezes itself.",
            "At most 1000 payments an hour are put to wait.",
        )),
        (TREASURY, (
            "Tier 1, treasury, takes payments of class treasury: needs approval by 1 of finance and 2 of "
            "board; a wait of 2 h.",
            "Tier 2, nothing-else, takes all payments: forbidden.",
            "A new policy takes 2 of 3 administrators and 1 day; signed by the root key alone, 7 days.",
            "A new user key takes the old one, or 2 of 3 administrators and 1 day.",
            "Any one administrator freezes; a thaw takes 2 of 3 administrators, 10 min and a clean",
            "root1 administers with ed25519:066c47e6",
            "An approval counts for one draft, fee and policy until it expires; one rejection is final.",
        )),
    ],
    ids=["shop", "exchange", "treasury"],
)  # fmt: skip
def test_the_page_is_explained(text: str, words: tuple[str, ...]) -> None:
    """`keepcool policy explain` says of tiers, people and governance what they do."""
    told = "\n".join(sentences(parse_policy(text.encode())))
    for one in words:
        assert one in told, told


def test_what_is_not_there_is_not_told() -> None:
    """A policy without sites, alarm and approvers says nothing of them."""
    told = "\n".join(sentences(parse_policy(TREASURY.encode())))
    assert "passkeys are touched" not in told
    assert "freezes itself" not in told
    shop: Policy = parse_policy(SHOP.encode())
    assert "It names no administrators" in "\n".join(sentences(shop))
    assert "An approval counts" not in "\n".join(sentences(replace(shop, approvers={})))
    tiers = (replace(shop.tiers[0], networks=frozenset({INTENT.network})),)
    assert "takes payments on eip155:1; up to" in "\n".join(sentences(replace(shop, tiers=tiers)))
