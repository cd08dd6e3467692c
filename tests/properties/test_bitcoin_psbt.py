"""Properties of PSBTs: an honest one always becomes a transaction Core accepts, a changed one is refused or
does something else, and other implementations read and hash the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import wallycore
from embit.psbt import PSBT
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.bitcoin.combining import combine
from keepcool.chains.bitcoin.decode import effects_of
from keepcool.chains.bitcoin.limits import UNBOUNDED
from keepcool.chains.bitcoin.prevouts import read_previous
from keepcool.chains.bitcoin.proving import Belongs
from keepcool.chains.bitcoin.psbt import MAGIC, Psbt, encode_psbt, parse_psbt
from keepcool.chains.bitcoin.signatures import encode_signature, parse_signature
from keepcool.chains.bitcoin.transaction import (
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    parse_transaction,
)
from keepcool.chains.publickeys import CURVE_ORDER
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples, soak
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.lying import maps_of, written
from tests.unit.chains.bitcoin.psbt.samples import (
    ALICE,
    BOB,
    COIN,
    SEGWIT,
    WALLETS,
    Coin,
    Wallet,
    coin,
    draft,
    honest,
    sign,
)

pytestmark = pytest.mark.slow

AMOUNTS = st.integers(min_value=50_000, max_value=1_000 * COIN)
INDICES = st.integers(min_value=0, max_value=1_000_000)
PAIRS = st.sampled_from([("hot", "cool"), ("hot", "cold"), ("cool", "cold")])
SCRIPTS = st.one_of(
    st.sampled_from([ALICE, BOB]),
    st.binary(min_size=20, max_size=20).map(lambda h: b"\x76\xa9\x14" + h + b"\x88\xac"),
    st.binary(min_size=32, max_size=32).map(lambda h: b"\x00\x20" + h),
    st.binary(min_size=32, max_size=32).map(lambda h: b"\x51\x20" + h),
)


@st.composite
def drafts(draw: st.DrawFn) -> tuple[Wallet, Psbt]:
    """One to four coins of one wallet, payments of less than they hold, the rest in change or fee."""
    wallet = draw(st.sampled_from(WALLETS))
    places = draw(st.lists(st.tuples(AMOUNTS, INDICES, st.sampled_from([0, 1])), min_size=1, max_size=4))
    coins: list[Coin] = [
        coin(wallet, amount, index, branch, salt) for salt, (amount, index, branch) in enumerate(places)
    ]
    held = sum(amount for amount, _, _ in places)
    paid = draw(st.lists(SCRIPTS, min_size=1, max_size=4))
    each = draw(st.integers(min_value=1_000, max_value=(held - 40_000) // (2 * len(paid)) + 1_000))
    change = {0: wallet.at(1, draw(INDICES))} if draw(st.booleans()) else {}
    fee = draw(st.integers(min_value=10_000, max_value=20_000))
    return wallet, draft(coins, [TxOutput(each, script) for script in paid], change, fee)


@settings(max_examples=examples(40), deadline=None)
@given(made=drafts(), owners=PAIRS)
def test_an_honest_draft_becomes_a_transaction_core_accepts(
    made: tuple[Wallet, Psbt], owners: tuple[str, str]
) -> None:
    """It proves; the effects hold every satoshi; two owners' signatures finish it within the judged size."""
    wallet, psbt = made
    proven = wallet.proven(encode_psbt(psbt), UNBOUNDED)
    effects = effects_of(proven, "pool")
    listed = sum(one.amount.units for one in (*effects.payments, *effects.change))
    assert effects.fee_max is not None
    assert listed + effects.fee_max.units == sum(one.coin.amount_sat for one in proven.inputs)
    assert len(effects.change) == sum(one.belongs is Belongs.CHANGE for one in proven.outputs)
    final = combine(proven, sign(proven, *owners), core)
    assert proven.vsize - 5 * len(proven.inputs) - 2 <= final.tx.vsize <= proven.vsize
    assert [one.outpoint for one in final.tx.inputs] == [one.outpoint for one in psbt.tx.inputs]
    assert final.tx.outputs == psbt.tx.outputs


@settings(max_examples=examples(40), deadline=None)
@given(made=drafts())
def test_others_find_the_same_digests(made: tuple[Wallet, Psbt]) -> None:
    """embit's hash of each input is ours; libwally's was compared while proving."""
    wallet, psbt = made
    raw = encode_psbt(psbt)
    theirs = PSBT.parse(raw)
    digests = wallet.proven(raw, UNBOUNDED).digests
    assert digests == tuple(bytes(theirs.sighash(place)) for place in range(len(digests)))


def seen(raw: bytes, wallet: Wallet) -> Effects | None:
    try:
        return effects_of(wallet.proven(raw, UNBOUNDED), "pool")
    except Malformed:
        return None


def small(wallet: Wallet) -> Psbt:
    """One coin, one payment, change; its previous transaction has no witness."""
    return draft([coin(wallet)], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)})


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_no_bit_can_be_flipped_unseen(wallet: Wallet) -> None:
    """Any bit of a draft: flipped, it is refused or does something else. In a soak every bit, else two of
    each byte, others from byte to byte."""
    raw = encode_psbt(small(wallet))
    true = seen(raw, wallet)
    assert true is not None
    unseen = [
        (at, bit)
        for at in range(len(raw))
        for bit in (range(8) if soak() > 1 else (at % 8, (at + 3) % 8))
        if seen(raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :], wallet) == true
    ]
    assert unseen == []


@settings(max_examples=examples(120), deadline=None)
@given(wallet=st.sampled_from(WALLETS), data=st.data())
def test_no_bytes_can_be_exchanged_unseen(wallet: Wallet, data: st.DataObject) -> None:
    """Any stretch of a draft replaced, cut out or put in: refused, or another effect."""
    raw = encode_psbt(small(wallet))
    start = data.draw(st.integers(min_value=0, max_value=len(raw)))
    end = data.draw(st.integers(min_value=start, max_value=min(len(raw), start + 40)))
    other = raw[:start] + data.draw(st.binary(max_size=40)) + raw[end:]
    assert other == raw or seen(other, wallet) != seen(raw, wallet)


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_no_field_can_be_left_out_unseen(wallet: Wallet) -> None:
    """Only what is said twice may be missing: ALL, a witness_utxo, one origin of three."""
    raw = encode_psbt(small(wallet))
    true, maps = seen(raw, wallet), maps_of(raw)
    missable = []
    for place, pairs in enumerate(maps):
        for number, (key, _) in enumerate(pairs):
            less = [*maps[:place], pairs[:number] + pairs[number + 1 :], *maps[place + 1 :]]
            if seen(written(less), wallet) == true:
                missable.append((place, key[0]))
    origins = [(1, 6)] * 3 + [(3, 2)] * 3
    scripts = [(3, kind) for kind in (0, 1) if any(key == bytes((kind,)) for key, _ in maps[3])]
    utxo = [] if wallet.kind == "p2sh" else [(1, 1)]
    assert sorted(missable) == sorted([(1, 3), *utxo, *scripts, *origins])


def test_a_previous_witness_is_nobodys_business() -> None:
    """Its id does not cover it, so a changed one changes nothing; everything else of it does."""
    one = coin(SEGWIT, COIN, salt=1)
    assert one.previous.has_witness
    psbt = draft([one], [TxOutput(COIN // 2, BOB)], {0: SEGWIT.at(1, 5)})
    forged = replace(one.previous, inputs=(replace(one.previous.inputs[0], witness=(b"x",)),))
    lied = replace(psbt, inputs=(replace(psbt.inputs[0], previous_tx=encode(forged)),))
    assert seen(encode_psbt(lied), SEGWIT) == seen(encode_psbt(psbt), SEGWIT)


@settings(max_examples=examples(120), deadline=None)
@given(junk=st.binary(max_size=300), at=st.integers(min_value=0, max_value=300))
def test_junk_is_refused_and_nothing_else_happens(junk: bytes, at: int) -> None:
    """Whatever the bytes, the only error is Malformed."""
    raw = encode_psbt(honest())
    for given_bytes in (junk, MAGIC + junk, raw[:at] + junk, raw[:at] + junk + raw[at:]):
        if given_bytes != raw:
            seen(given_bytes, SEGWIT)


TRANSACTIONS = st.builds(
    Transaction,
    st.integers(min_value=0, max_value=2**32 - 1),
    st.lists(
        st.builds(
            TxInput,
            st.builds(Outpoint, st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1)),
            st.integers(min_value=0, max_value=2**32 - 1),
            st.binary(max_size=300),
            st.lists(st.binary(max_size=80), max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    st.lists(
        st.builds(TxOutput, st.integers(min_value=0, max_value=21 * 10**14), st.binary(max_size=300)),
        min_size=1,
        max_size=4,
    ).map(tuple),
    st.integers(min_value=0, max_value=2**32 - 1),
)


@settings(max_examples=examples(100), deadline=None)
@given(tx=TRANSACTIONS, position=st.integers(min_value=0, max_value=5))
def test_transactions_are_read_as_libwally_reads_them(tx: Transaction, position: int) -> None:
    """Bytes, id and size agree; the reader of previous transactions finds the same id and output."""
    raw = encode(tx)
    assert parse_transaction(raw) == tx
    theirs = wallycore.tx_from_bytes(raw, wallycore.WALLY_TX_FLAG_USE_WITNESS)
    assert bytes(wallycore.tx_get_txid(theirs)) == tx.txid
    assert wallycore.tx_get_vsize(theirs) == tx.vsize
    found = read_previous(raw, position)
    assert found.txid == tx.txid
    assert found.output == (tx.outputs[position] if position < len(tx.outputs) else None)
    assert found.highest == max(one.amount_sat for one in tx.outputs)


@settings(max_examples=examples(100), deadline=None)
@given(junk=st.binary(max_size=200))
def test_what_is_read_as_a_psbt_is_written_again(junk: bytes) -> None:
    """Reading never invents: what parses writes the same fields, in order."""
    for raw in (MAGIC + junk, encode_psbt(small(SEGWIT)) + junk):
        try:
            psbt = parse_psbt(raw)
        except Malformed:
            continue
        assert parse_psbt(encode_psbt(psbt)).tx == psbt.tx


@settings(max_examples=examples(100), deadline=None)
@given(r=st.integers(1, CURVE_ORDER - 1), s=st.integers(1, CURVE_ORDER // 2))
def test_signatures_have_one_spelling(r: int, s: int) -> None:
    """DER of r and s reads back, is libwally's, and its high twin is refused."""
    pair = r.to_bytes(32, "big"), s.to_bytes(32, "big")
    signature = encode_signature(*pair)
    assert parse_signature(signature) == (r, s)
    assert signature == bytes(wallycore.ec_sig_to_der(b"".join(pair))) + b"\1"
    with pytest.raises(Malformed):
        encode_signature(pair[0], (CURVE_ORDER - s).to_bytes(32, "big"))
