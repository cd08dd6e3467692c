"""keepcool inspect evm: prints what a transaction does, exits 2 on what it does not understand."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keepcool.chains.evm import execution, payouts, wallets
from keepcool.chains.evm.batch import Call, encode_batch
from keepcool.chains.evm.transaction import Transaction
from keepcool.cli import inspect
from tests.unit.chains.samples import ALICE, BOB, CHAIN, PROFILE, SAFE, TOKEN, safe_tx
from tests.vectors import evm

PAID, REFUNDED, BATCHED = evm.safe_txs()[3:]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        inspect.register(parser.add_subparsers(required=True))
        arguments = parser.parse_args(["inspect", "evm", *words])
        code = arguments.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def unsigned(to: str, data: bytes, value: int = 0) -> str:
    tx = Transaction(
        chain_id=CHAIN,
        nonce=4,
        max_priority_fee_per_gas=1,
        max_fee_per_gas=2,
        gas=100_000,
        to=to,
        value=value,
        data=data,
    )
    return "0x" + tx.unsigned_payload().hex()


def effects(out: str) -> Any:
    return json.loads(out)["effects"]


def test_a_safe_tx_in_a_file(run: Run, tmp_path: Path) -> None:
    """The JSON of a vector gives its hash, its payment and its three signers."""
    file = tmp_path / "tx.json"
    file.write_text(json.dumps(PAID.row), encoding="utf-8")
    code, out, err = run(str(file), "--json")
    found = json.loads(out)
    assert (code, err, found["complete"]) == (0, "", True)
    assert found["safe_tx_hash"] == PAID.row["safe_tx_hash"]
    assert set(found["signers"]) == set(evm.OWNERS.values())
    assert effects(out)["payments"] == [
        {"recipient": PAID.tx.to, "asset": "eip155:31337/slip44:60", "units": str(PAID.tx.value)}
    ]
    code, text, _ = run(str(file))
    assert code == 0
    assert PAID.row["safe_tx_hash"] in text
    assert "Hazards        none" in text


@pytest.mark.parametrize("vector", [REFUNDED, BATCHED], ids=["unknown call", "unknown call in a batch"])
def test_what_is_not_decoded_completely_is_refused(run: Run, vector: evm.SignedVector) -> None:
    """Unknown data exit with 2 and say so, while hash and hazards are shown all the same."""
    code, out, err = run(json.dumps(vector.row), "--json")
    assert code == 2
    assert "not decoded completely" in err
    assert json.loads(out)["complete"] is False
    assert json.loads(out)["safe_tx_hash"] == vector.row["safe_tx_hash"]


@pytest.mark.parametrize("form", ["names", "list", "packed", "none"])
def test_signatures_in_any_form(run: Run, form: str) -> None:
    """Signatures come by name, as a list, packed, or not at all; numbers as numbers or digits."""
    row = {name: value for name, value in PAID.row.items() if name != "packed_hot_cool"}
    signatures = list(row["signatures"].values())
    row["value"] = int(row["value"])
    row["nonce"] = str(row["nonce"])
    if form == "list":
        row["signatures"] = signatures[:2]
    if form == "packed":
        row["signatures"] = PAID.row["packed_hot_cool"]
    if form == "none":
        del row["signatures"]
    code, out, _ = run(json.dumps(row), "--json")
    expected = {"names": 3, "list": 2, "packed": 2, "none": 0}[form]
    assert (code, len(json.loads(out)["signers"])) == (0, expected)


@pytest.mark.parametrize(
    "change",
    [
        {"value": 1},
        {"safe_tx_hash": "0x" + 64 * "0"},
        {"domain_separator": "0x" + 64 * "0"},
        {"surprise": 1},
        {"value": 1.5},
        {"value": "0x10"},
        {"value": -1},
        {"value": None},
        {"data": "zz"},
        {"data": "0xabc"},
        {"to": PAID.tx.to.lower()},
        {"operation": 2},
        {"signatures": "0x12"},
        {"signatures": 5},
        {"signatures": [5]},
        {"signatures": ["0x" + 130 * "0"]},
    ],
)
def test_a_file_that_contradicts_itself_or_is_unknown_is_refused(run: Run, change: dict[str, object]) -> None:
    """Changed, foreign, missing and doubled fields print nothing and exit with 2."""
    code, out, err = run(json.dumps({**PAID.row, **change}))
    assert (code, out) == (2, "")
    assert err.startswith("refused: ")


def test_a_missing_or_doubled_field_is_refused(run: Run) -> None:
    """A SafeTx without one of its fields, or with one twice, is none."""
    lacking = {name: value for name, value in PAID.row.items() if name != "nonce"}
    doubled = json.dumps(PAID.row)[:-1] + ', "value": "1"}'
    for text in (json.dumps(lacking), doubled, "{", "{}"):
        assert run(text)[:2] == (2, "")


def test_a_raw_signed_transaction_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed self-transfer names sender, nonce and fee, and pays nobody."""
    row = evm.ACCOUNTS[0]
    monkeypatch.setattr("sys.stdin", io.StringIO(row["raw"] + "\n"))
    code, out, _ = run("-", "--json")
    found = json.loads(out)
    assert (code, found["kind"], found["transaction"]["sender"]) == (0, "transaction", row["address"])
    assert (effects(out)["payments"], effects(out)["hazards"]) == ([], [])
    assert run(row["raw"], "--chain-id", "2")[0] == 2
    assert run(row["raw"].removeprefix("0x"))[0] == 0


def test_execution_needs_the_safes_nonce(run: Run) -> None:
    """execTransaction, in a transaction or bare, gives the SafeTx's hash once nonce and place are known."""
    data = execution.exec_transaction(PAID.tx, PAID.signatures)
    raw = unsigned(PAID.tx.safe, data)
    nonce = ["--safe-nonce", str(PAID.tx.nonce), "--json"]
    code, out, _ = run(raw, *nonce)
    assert (code, json.loads(out)["safe_tx_hash"]) == (0, PAID.row["safe_tx_hash"])
    assert set(json.loads(out)["signers"]) == set(PAID.signatures)
    bare = "0x" + data.hex()
    code, out, _ = run(bare, *nonce, "--safe", PAID.tx.safe, "--chain-id", str(CHAIN))
    assert (code, json.loads(out)["safe_tx_hash"]) == (0, PAID.row["safe_tx_hash"])
    for words in (
        [raw],
        [bare, *nonce],
        [bare, *nonce, "--safe", PAID.tx.safe],
        [raw, *nonce, "--safe", ALICE],
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert err.startswith("refused: ")


def test_another_nonce_names_other_signers(run: Run) -> None:
    """With a wrong Safe nonce the signatures belong to nobody we know, or do not ascend."""
    data = execution.exec_transaction(PAID.tx, {evm.OWNERS["hot"]: PAID.signatures[evm.OWNERS["hot"]]})
    words = ["--safe-nonce", "1", "--safe", PAID.tx.safe, "--chain-id", str(CHAIN), "--json"]
    code, out, _ = run("0x" + data.hex(), *words)
    assert code == 0
    assert not set(json.loads(out)["signers"]) & set(evm.OWNERS.values())


def test_value_carried_along_is_a_hazard(run: Run) -> None:
    """Coins the carrying transaction sends into the Safe are named."""
    data = execution.exec_transaction(PAID.tx, PAID.signatures)
    _, out, _ = run(unsigned(PAID.tx.safe, data, value=5), "--safe-nonce", "0", "--json")
    assert [hazard["code"] for hazard in effects(out)["hazards"]] == ["transaction.value"]


def test_a_deployment_names_owners_and_address(run: Run) -> None:
    """A factory call is read as the Safe it creates; a setup that does more is refused."""
    setup = wallets.setup_of(PROFILE, (ALICE, BOB, TOKEN), 2)
    data = wallets.create_proxy_with_nonce(PROFILE, setup.initializer(), 7)
    code, out, _ = run(unsigned(PROFILE.factory.address, data), "--json")
    found = json.loads(out)
    assert (code, found["kind"], found["effects"]["hazards"]) == (0, "deployment", [])
    assert found["deployment"]["address"] == wallets.derive_address(PROFILE, setup.owners, 2, 7)
    assert found["deployment"]["owners"] == [ALICE, BOB, TOKEN]
    text = run(unsigned(PROFILE.factory.address, data))[1]
    assert f"any 2 of {ALICE}" in text
    evil = wallets.create_proxy_with_nonce(PROFILE, setup.initializer()[:-32] + ALICE.encode()[:32], 7)
    assert run(unsigned(PROFILE.factory.address, evil))[0] == 2


def test_a_token_payment_by_a_plain_account(run: Run) -> None:
    """A transfer of tokens is named; an unsigned transaction has no sender yet."""
    data = payouts.pay_token(safe=SAFE, chain_id=1, nonce=0, token=TOKEN, recipient=ALICE, units=9).data
    code, out, _ = run(unsigned(TOKEN, data), "--json")
    asset = f"eip155:{CHAIN}/erc20:{TOKEN}"
    assert (code, effects(out)["payments"]) == (0, [{"recipient": ALICE, "asset": asset, "units": "9"}])
    assert (effects(out)["source"], json.loads(out)["transaction"]["sender"]) == ("", None)


def test_a_delegatecall_is_shown_and_refused(run: Run) -> None:
    """The shape of the largest thefts: a delegatecall to a stranger says so in the first word and exits 2."""
    row = {**PAID.row, "operation": 1, "to": ALICE}
    for name in ("safe_tx_hash", "signatures", "packed_hot_cool"):
        row.pop(name)
    code, out, err = run(json.dumps(row))
    assert code == 2
    assert "HAZARD         DELEGATECALL" in out
    assert "safe.delegatecall" in err


def test_a_pinned_profile_distrusts_other_batch_contracts(run: Run) -> None:
    """With --profile only that profile's batch contract is read; without it any known one."""
    tx = safe_tx(
        to=PROFILE.multisend_call_only.address, data=encode_batch([Call(ALICE, 1, b"")]), operation=1
    )
    row = {name: value for name, value in BATCHED.row.items() if name in ("gas_token", "refund_receiver")}
    row |= {
        "safe": tx.safe,
        "chain_id": 1,
        "to": tx.to,
        "value": 0,
        "data": "0x" + tx.data.hex(),
        "operation": 1,
    }
    row |= {"safe_tx_gas": 0, "base_gas": 0, "gas_price": 0, "nonce": 0}
    assert run(json.dumps(row))[0] == 0
    assert run(json.dumps(row), "--profile", "safe-1.5.0-l2")[0] == 0
    assert run(json.dumps(row), "--profile", "safe-1.4.1-l1")[0] == 2
    assert run(json.dumps(row), "--profile", "safe-9")[0] == 2


@pytest.mark.parametrize("source", ["0x1234", "no-such-file", "0x", "ff" * 20, "\0"])
def test_bytes_of_no_known_kind_are_refused(run: Run, source: str) -> None:
    """Other bytes, an absent file and nothing at all print nothing and exit with 2."""
    code, out, err = run(source)
    assert (code, out) == (2, "")
    assert err.startswith("refused: ")
