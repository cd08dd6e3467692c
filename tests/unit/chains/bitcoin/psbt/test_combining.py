"""Signatures become a transaction only when each of them verifies, and there are enough."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from coincurve import PrivateKey

from keepcool.chains.bitcoin import sizes
from keepcool.chains.bitcoin.combining import combine
from keepcool.chains.bitcoin.finished import as_draft
from keepcool.chains.bitcoin.prevouts import read_previous
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.transaction import TxOutput, encode, parse_transaction
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import (
    COIN,
    LEGACY,
    SEGWIT,
    WALLETS,
    Wallet,
    coin,
    honest,
    sign,
)

PROVEN = SEGWIT.proven(encode_psbt(honest()))
GOOD = sign(PROVEN, "hot", "cool")


def refused(signatures: Sequence[dict[bytes, bytes]]) -> str:
    with pytest.raises(Malformed) as found:
        combine(PROVEN, signatures, core)
    return found.value.code


def test_three_signatures_are_more_than_needed() -> None:
    """Two are used, in the order of the script; the result is a transaction Core accepts."""
    final = combine(PROVEN, sign(PROVEN, "hot", "cool", "cold"), core)
    assert all(len(one.witness) == 4 for one in final.tx.inputs)


def test_refuses_too_few() -> None:
    """One signature, or one input without."""
    assert refused(sign(PROVEN, "hot")) == "combine.few"
    assert refused([GOOD[0], {}]) == "combine.few"
    assert refused(GOOD[:1]) == "combine.inputs"


def test_refuses_a_wrong_signature_even_when_enough_others_are_there() -> None:
    """Nothing unverified is carried along, needed or not."""
    cold_key = next(iter(sign(PROVEN, "cold")[0]))
    good = next(iter(GOOD[0].values()))
    assert refused([{**GOOD[0], cold_key: good}, GOOD[1]]) == "signature.owner"
    assert refused([GOOD[1], GOOD[0]]) == "combine.key"
    stranger = PrivateKey(b"\5" * 32)
    theirs = stranger.sign(PROVEN.inputs[0].digest, hasher=None) + b"\1"
    assert refused([{**GOOD[0], stranger.public_key.format(): theirs}, GOOD[1]]) == "combine.key"


def test_a_checker_may_veto() -> None:
    """What it raises comes out, and no transaction does."""

    def veto(raw: bytes, coins: Sequence[TxOutput]) -> None:
        assert [one.amount_sat for one in coins] == [COIN, 3 * COIN]
        assert parse_transaction(raw).outputs == PROVEN.tx.outputs
        raise Malformed("node.refused", "not in my mempool")

    with pytest.raises(Malformed, match=r"node\.refused"):
        combine(PROVEN, GOOD, veto)


def test_core_is_no_yes_man() -> None:
    """The judge of these tests refuses a flipped bit and, for witness coins, a wrong amount."""
    final = combine(PROVEN, GOOD, core)
    coins = [one.coin for one in PROVEN.inputs]
    item = final.tx.inputs[0].witness[1]
    broken = final.raw.replace(item, item[:10] + bytes([item[10] ^ 1]) + item[11:])
    with pytest.raises(Malformed, match=r"core\.script"):
        core(broken, coins)
    with pytest.raises(Malformed, match=r"core\.script"):
        core(final.raw, [TxOutput(coins[0].amount_sat + 1, coins[0].script), coins[1]])


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_a_final_transaction_is_taken_apart_again(wallet: Wallet) -> None:
    """Its draft has the same digests, and the two signatures that finished it."""
    proven = wallet.proven(encode_psbt(honest(wallet)))
    signatures = sign(proven, "cool", "cold")
    final = combine(proven, signatures)
    table = {one.coin.script: one.owned for one in proven.inputs}
    made = [encode(one.previous) for one in (coin(wallet), coin(wallet, 3 * COIN, 7, 1, 1))]
    psbt = as_draft(final.tx, made, lambda script_pubkey, _: table.get(script_pubkey))
    assert psbt.tx == proven.tx
    assert [dict(one.signatures) for one in psbt.inputs] == list(signatures)
    assert not any(one.signatures for one in as_draft(final.tx, made[:1], lambda *_: None).inputs)


def test_sizes_of_inputs_are_those_everybody_counts_with() -> None:
    """2 of 3: 297 virtual bytes as P2SH, 104.5 as P2WSH, 139.5 nested."""
    weights = {wallet.kind.value: sizes.input_weight(wallet.at(0, 0).locking, 2) for wallet in WALLETS}
    assert weights == {"p2sh": 4 * 297 + 1, "p2wsh": 164 + 254, "p2sh-p2wsh": 164 + 140 + 254}


@pytest.mark.parametrize("length", [2, 75, 76, 255, 256, 520])
def test_a_push_is_the_shortest_there_is(length: int) -> None:
    """Otherwise the signature script would be refused as not minimal."""
    pushed = sizes.pushed(b"x" * length)
    assert pushed.endswith(b"x" * length)
    assert len(pushed) - length == (1 if length < 76 else 2 if length < 256 else 3)


def test_a_previous_transaction_of_thousands_of_outputs() -> None:
    """Only the one asked for is built; the id is that of all of them."""
    one = coin(LEGACY)
    tx = parse_transaction(encode(one.previous))
    many = type(tx)(tx.version, tx.inputs, tx.outputs * 2_000, tx.locktime)
    found = read_previous(encode(many), 3_999)
    assert (found.txid, found.output) == (many.txid, one.output)
