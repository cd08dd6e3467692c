"""keepcool inspect bitcoin: what is printed, and exit code 2 on anything that is not proven."""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.combining import Final, combine
from keepcool.chains.bitcoin.psbt import PsbtOutput, encode_psbt
from keepcool.chains.bitcoin.transaction import encode
from keepcool.cli import inspect
from tests.unit.chains.bitcoin.psbt.samples import (
    COIN,
    SEGWIT,
    WALLETS,
    Wallet,
    coin,
    descriptor_text,
    honest,
    sign,
    signed_psbt,
    with_input,
)

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        inspect.register(parser.add_subparsers(required=True))
        arguments = parser.parse_args(["inspect", "bitcoin", *words])
        code = arguments.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def finished(wallet: Wallet) -> Final:
    proven = wallet.proven(encode_psbt(honest(wallet)))
    return combine(proven, sign(proven, "hot", "cold"))


def previous(wallet: Wallet) -> list[str]:
    words = [encode(one.previous).hex() for one in (coin(wallet), coin(wallet, 3 * COIN, 7, 1, 1))]
    return ["--previous", words[0], "--previous", words[1]]


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_a_psbt_in_every_form(run: Run, tmp_path: Path, wallet: Wallet) -> None:
    """Hexadecimal, base64, a binary file and a text file say the same, everything proven."""
    raw = encode_psbt(honest(wallet))
    binary, text = tmp_path / "draft.psbt", tmp_path / "draft.txt"
    binary.write_bytes(raw)
    text.write_bytes(base64.encodebytes(raw))
    sources = (raw.hex(), base64.b64encode(raw).decode(), str(binary), str(text))
    answers = {run(source, "--descriptor", descriptor_text(wallet), "--json") for source in sources}
    assert len(answers) == 1
    code, out, err = answers.pop()
    found = json.loads(out)
    assert (code, err, found["complete"], found["fee_sat"]) == (0, "", True, "2000")
    assert [(one["amount_sat"], one["path"]) for one in found["inputs"]][1] == (
        "300000000",
        "0/1/7",
    )
    assert [one["belongs"] for one in found["outputs"]] == ["foreign", "change"]
    assert len(found["effects"]["digests"]) == 2


def test_a_psbt_in_words(run: Run) -> None:
    """Who spends what, who is paid, what comes back, and the fee."""
    code, out, err = run(encode_psbt(honest()).hex(), "--descriptor", descriptor_text(SEGWIT))
    assert (code, err) == (0, "")
    assert "Pays           0.50000000 BTC to bc1q5xs6rgdp5xs6rgdp5xs6rgdp5xs6rgdp4gkthz" in out
    assert "Change         3.49998000 BTC" in out
    assert "(ours at 0/1/5)" in out
    assert "Fee            0.00002000 BTC" in out


def test_signatures_are_named(run: Run) -> None:
    """A PSBT that one owner has signed shows his key on every input."""
    raw = signed_psbt(SEGWIT.proven(encode_psbt(honest())), "hot")
    _, out, _ = run(raw.hex(), "--descriptor", descriptor_text(SEGWIT), "--json")
    assert [len(one["signed_by"]) for one in json.loads(out)["inputs"]] == [1, 1]


def test_without_a_descriptor_nothing_is_ours(run: Run) -> None:
    """Amounts and fee are shown, whose the outputs are is not; the exit code is 2."""
    code, out, err = run(encode_psbt(honest()).hex(), "--json")
    found = json.loads(out)
    assert (code, found["complete"], found["unproven"]["code"]) == (2, False, "psbt.input_foreign")
    assert (found["fee_sat"], found["effects"]) == ("2000", None)
    assert {one["belongs"] for one in found["outputs"]} == {"unproven"}
    assert "[psbt.input_foreign]" in err


def test_a_lie_is_named_and_its_amount_not_shown(run: Run) -> None:
    """An amount with a lie beside it is not proven, and no fee is computed from it."""
    utxo = replace(coin(SEGWIT).output, amount_sat=2 * COIN)
    lied = encode_psbt(with_input(honest(), witness_utxo=utxo))
    code, out, err = run(lied.hex(), "--descriptor", descriptor_text(SEGWIT), "--json")
    found = json.loads(out)
    assert (code, found["fee_sat"], found["inputs"][0]["amount_sat"]) == (2, None, None)
    assert "[psbt.witness_utxo_amount]" in err
    code, out, _ = run(lied.hex(), "--descriptor", descriptor_text(SEGWIT))
    assert "an amount not proven" in out
    assert "Fee            not proven" in out


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_a_transaction_with_what_made_its_coins(run: Run, wallet: Wallet) -> None:
    """Both signers are found by their keys, change by searching the descriptor; without the previous
    transactions nothing is proven."""
    final = finished(wallet)
    words = (final.raw.hex(), "--descriptor", descriptor_text(wallet), "--json")
    code, out, err = run(*words, *previous(wallet))
    found = json.loads(out)
    assert (code, err, found["kind"], found["txid"]) == (0, "", "transaction", final.txid)
    assert [len(one["signed_by"]) for one in found["inputs"]] == [2, 2]
    assert [one["belongs"] for one in found["outputs"]] == ["foreign", "change"]
    code, out, err = run(*words)
    assert (code, json.loads(out)["fee_sat"]) == (2, None)
    assert "[psbt.previous_missing]" in err


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_a_transaction_with_a_broken_signature(run: Run, wallet: Wallet) -> None:
    """One bit of one signature, and the transaction is not proven."""
    final = finished(wallet)
    signature = sign(wallet.proven(encode_psbt(honest(wallet))), "cold")[1]
    real = next(iter(signature.values()))
    broken = final.raw.replace(real, real[:20] + bytes([real[20] ^ 1]) + real[21:])
    assert broken != final.raw
    code, _, err = run(broken.hex(), "--descriptor", descriptor_text(wallet), *previous(wallet))
    assert code == 2
    assert "[combine.few]" in err


def test_own_outputs_nobody_claims_are_found(run: Run) -> None:
    """The addresses of a descriptor are searched, so silence about change changes nothing here."""
    silent = encode_psbt(replace(honest(), outputs=(PsbtOutput(), PsbtOutput())))
    words = (silent.hex(), "--descriptor", descriptor_text(SEGWIT), "--json")
    belongs = [
        [one["belongs"] for one in json.loads(run(*words, *more)[1])["outputs"]]
        for more in ((), ("--search", "5"))
    ]
    assert belongs == [["foreign", "change"], ["foreign", "foreign"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["zz"], "inspect.file"),
        (["00" * 30], "transaction"),
        (["70736274ff00"], "inspect.file"),
        (["70736274ff" + "00" * 10], "psbt.unsigned_missing"),
        (["ab" * 20, "--network", "bitcon"], "network.unknown"),
        (["ab" * 20, "--descriptor", "tr(x)"], "descriptor.kind"),
        (["ab" * 20, "--search", "-1"], "inspect.search"),
        (["ab" * 20, "--networks", "/nowhere"], "network.file"),
    ],
)
def test_refuses_what_is_neither(run: Run, words: list[str], code: str) -> None:
    """Exit code 2 and a reason; nothing is printed."""
    answer, out, err = run(*words)
    assert (answer, out) == (2, "")
    assert f"[{code}" in err
