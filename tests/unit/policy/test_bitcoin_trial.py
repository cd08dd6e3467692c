"""A dry run of Bitcoin: real PSBTs through the real decoder, judged under the page's policy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.network_table import LITECOIN
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.cli import policy as command
from keepcool.core.errors import Malformed
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from tests.unit.chains.bitcoin.psbt.samples import ALICE, BOB, COIN, Wallet, coin, draft
from tests.unit.chains.bitcoin.records import record_of
from tests.unit.policy.test_bitcoin_document import TEXT
from tests.unit.policy.test_trial import NOW_S

WALLET = Wallet(ScriptKind.P2WSH, LITECOIN)
RECORD = record_of(network=LITECOIN)
COINS = [coin(WALLET), coin(WALLET, salt=1)]
HALF = TxOutput(COIN // 2, ALICE)


def meant(*outputs: TxOutput) -> Intent:
    paid = [
        Output(address.spell(LITECOIN, one.script), Amount(LITECOIN.asset, one.amount_sat)) for one in outputs
    ]
    return Intent(
        IntentId("i-b"),
        Purpose.PAY if outputs else Purpose.VOID,
        LITECOIN.id,
        WalletId(RECORD.wallet),
        tuple(paid),
        Amount(LITECOIN.asset, 1_000_000),
        NOW_S + 3600,
    )


def pays(*outputs: TxOutput, fee_sat: int = 5_000, change: int = 1) -> str:
    """A draft of both coins, with its change in so many parts."""
    parts = {1_000_000 * place: WALLET.at(1, place) for place in range(change)}
    return encode_psbt(draft(COINS, outputs, parts, fee_sat)).hex()


def tried(
    folder: Path, capsys: pytest.CaptureFixture[str], raw: object, intent: Intent, **changes: object
) -> tuple[int, set[str]]:
    """The exit code, and the rules that denied."""
    asked = {
        "intent": json.loads(intent.encoded()),
        "draft": raw,
        "record": json.loads(RECORD.encoded()),
        "attested_by": ["keeper", "cooler"],
        "now_s": NOW_S,
        **changes,
    }
    (folder / "request.json").write_text(json.dumps(asked))
    (folder / "policy.toml").write_text(TEXT)
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    words = ["policy", "try", str(folder / "request.json"), "--policy", str(folder / "policy.toml"), "--json"]
    parsed = parser.parse_args(words)
    code = int(parsed.run(parsed))
    told = json.loads(capsys.readouterr().out)
    return code, {row["rule"] for row in told["verdicts"] if row["outcome"] != "approved"}


FULL = {"spent_hour": {LITECOIN.asset: "50000000000"}}
HELD = [
    {
        "intent": "i-other",
        "intent_hash": "00" * 32,
        "digests": ["00" * 32],
        "slots": [{"space": COINS[0].previous.txid[::-1].hex(), "position": 1}],
        "spent": {},
        "at_s": NOW_S - 9,
    }
]


CASES: dict[str, tuple[str, Intent, dict[str, object], set[str]]] = {
    "a payment": (pays(HALF), meant(HALF), {}, set()),
    "in four parts back": (pays(HALF, change=4), meant(HALF), {}, set()),
    "in five": (pays(HALF, change=5), meant(HALF), {}, {"effects_equal_intent"}),
    "a void": (pays(), meant(), {}, set()),
    "to somebody else": (pays(TxOutput(COIN // 2, BOB)), meant(HALF), {}, {"effects_equal_intent"}),
    "a dear one": (pays(HALF, fee_sat=200_000), meant(HALF), {}, {"fee_rate"}),
    "of a full window": (pays(), meant(), {"history": FULL}, {"cap_hour"}),
    "of a coin that is held": (
        pays(HALF),
        meant(HALF),
        {"history": {"same_slots": HELD}},
        {"never_twice"},
    ),
    "a void of it": (pays(), meant(), {"history": {"same_slots": HELD}}, set()),
    "attested by one": (pays(HALF), meant(HALF), {"attested_by": ["keeper"]}, {"record_attested"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_page_judges_real_drafts(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Approved with exit code 0, or denied by the rule that is there for it with exit code 1."""
    raw, intent, changes, denied = CASES[name]
    assert tried(tmp_path, capsys, raw, intent, **changes) == (1 if denied else 0, denied)


def test_a_draft_that_lies_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What does not prove has no effects to judge; a JSON draft is another family's."""
    with pytest.raises(Malformed, match=r"psbt\."):
        tried(tmp_path, capsys, pays(HALF)[:-2], meant(HALF))
    with pytest.raises(Malformed, match="write its bytes in hex"):
        tried(tmp_path, capsys, {"to": "x"}, meant(HALF))
