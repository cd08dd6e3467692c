"""The twin of the lies: with our proof switched off, libraries that believe sign hundreds of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
import wallycore

from keepcool.chains.bitcoin.psbt import Psbt, encode_psbt, parse_psbt
from keepcool.chains.bitcoin.transaction import TxOutput, encode, encode_stripped, parse_transaction
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt import samples
from tests.unit.chains.bitcoin.psbt.believers import embit_signs, wally_signs
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import ALICE, COIN, SEGWIT, WALLETS, Wallet, coin, draft, honest
from tests.unit.chains.bitcoin.psbt.test_lies import LIES

BOTH = {
    "psbt.burn",
    "psbt.change_branch",
    "psbt.change_foreign",
    "psbt.change_index",
    "psbt.change_script",
    "psbt.data",
    "psbt.dust",
    "psbt.fee",
    "psbt.fee_rate",
    "psbt.fee_share",
    "psbt.input_twice",
    "psbt.locktime_time",
    "psbt.output_script",
    "psbt.sequence",
    "signature.high_s",
    "signature.owner",
}
"""Every lie of these kinds is signed by each of the two."""
EMBIT = {
    "previous.amount",
    "psbt.outputs",
    "psbt.overspent",
    "psbt.redeem",
    "psbt.sighash",
    "psbt.unsigned_script",
    "psbt.witness",
    "psbt.witness_utxo_amount",
    "psbt.witness_utxo_script",
    "signature.form",
    "signature.sighash",
}
"""Of these kinds embit signs every lie."""
WALLY = {"previous.trailing", "psbt.keypath", "psbt.trailing"}
"""Of these kinds libwally signs every lie."""


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_both_sign_an_honest_draft(wallet: Wallet) -> None:
    """So a lie they do not sign is one they noticed."""
    raw = encode_psbt(honest(wallet))
    assert embit_signs(raw)
    assert wally_signs(raw)


@pytest.mark.slow
def test_what_each_library_alone_would_have_signed() -> None:
    """Most of the corpus: hundreds of lies that only our proof stands against."""
    embit, wally = _shares(embit_signs), _shares(wally_signs)
    assert {code for code, (signed, shown) in embit.items() if signed == shown} >= BOTH | EMBIT
    assert {code for code, (signed, shown) in wally.items() if signed == shown} >= BOTH | WALLY
    assert sum(signed for signed, _ in embit.values()) > 400
    assert sum(signed for signed, _ in wally.values()) > 300


def _shares(signs: Callable[[bytes], bool]) -> dict[str, tuple[int, int]]:
    """How many lies of each code are signed, of how many."""
    shares: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for lie in LIES:
        signed, shown = shares[lie.code]
        shares[lie.code] = (signed + signs(lie.raw), shown + 1)
    return shares


def test_two_drafts_with_one_lie_each_burn_half_of_everything() -> None:
    """Each draft shows a fee of 2,000 and lies about one coin. Two believers sign both; the true halves of
    their signatures make one transaction that Core accepts and that burns two bitcoins. We refuse both."""
    coins = [coin(SEGWIT, 2 * COIN, salt=10), coin(SEGWIT, 2 * COIN, index=3, salt=12)]
    true = draft(coins, [TxOutput(2 * COIN, ALICE)])
    drafts = [_lying(true, place) for place in (0, 1)]
    for lied in drafts:
        with pytest.raises(Malformed) as refusal:
            SEGWIT.proven(encode_psbt(lied))
        assert refusal.value.code == "psbt.previous_missing"
    signed = [_believed(lied) for lied in drafts]
    stolen = replace(true, inputs=(signed[1].inputs[0], signed[0].inputs[1]))
    raw = _finalised(stolen)
    core(raw, [one.output for one in coins])
    assert sum(one.output.amount_sat for one in coins) - _paid(raw) == 2 * COIN


def _lying(true: Psbt, place: int) -> Psbt:
    """No previous transactions; the coin at `place` seems to hold just the fee."""
    bare = [replace(one, previous_tx=None) for one in true.inputs]
    utxo = bare[place].witness_utxo
    assert utxo is not None
    bare[place] = replace(bare[place], witness_utxo=replace(utxo, amount_sat=2_000))
    return replace(true, inputs=tuple(bare))


def _believed(lied: Psbt) -> Psbt:
    psbt = wallycore.psbt_from_bytes(encode_psbt(lied), wallycore.WALLY_PSBT_PARSE_FLAG_STRICT)
    for name in ("hot", "cool"):
        wallycore.psbt_sign_bip32(psbt, samples.master(name), wallycore.EC_FLAG_GRIND_R)
    return parse_psbt(bytes(wallycore.psbt_to_bytes(psbt, 0)))


def _finalised(psbt: Psbt) -> bytes:
    parsed = wallycore.psbt_from_bytes(encode_psbt(psbt), 0)
    wallycore.psbt_finalize(parsed, 0)
    tx = wallycore.psbt_extract(parsed, wallycore.WALLY_PSBT_EXTRACT_FINAL)
    return bytes(wallycore.tx_to_bytes(tx, wallycore.WALLY_TX_FLAG_USE_WITNESS))


def _paid(raw: bytes) -> int:
    tx = parse_transaction(raw)
    assert encode(tx) == raw
    assert encode_stripped(tx) != raw
    return sum(one.amount_sat for one in tx.outputs)
