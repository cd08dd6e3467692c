"""An honest draft is proven to the last satoshi, signed, and accepted by Bitcoin Core's script code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import wallycore

from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.claims import check_second_reader
from keepcool.chains.bitcoin.combining import carried, combine
from keepcool.chains.bitcoin.decode import effects_of
from keepcool.chains.bitcoin.digests import digests
from keepcool.chains.bitcoin.limits import Limits
from keepcool.chains.bitcoin.network_table import BITCOIN, BITCOIN_REGTEST, DASH, LITECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.prevouts import strip
from keepcool.chains.bitcoin.proving import Belongs
from keepcool.chains.bitcoin.psbt import PsbtOutput, encode_psbt, parse_psbt
from keepcool.chains.bitcoin.transaction import TxOutput, encode, encode_stripped, shown
from keepcool.core.errors import Breach, Malformed
from keepcool.core.money import Amount
from tests.unit.chains.bitcoin.psbt import samples
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import (
    ALICE,
    BOB,
    COIN,
    DOGE,
    LIMITS,
    SEGWIT,
    WALLETS,
    Wallet,
    coin,
    draft,
    honest,
    sign,
    signed_psbt,
)


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_an_honest_draft_is_proven(wallet: Wallet) -> None:
    """Coins, payment, change, fee and digests are what the draft was built from."""
    psbt = honest(wallet)
    proven = wallet.proven(encode_psbt(psbt))
    assert [one.coin.amount_sat for one in proven.inputs] == [COIN, 3 * COIN]
    assert [one.belongs for one in proven.outputs] == [Belongs.FOREIGN, Belongs.CHANGE]
    assert proven.total_sat(Belongs.FOREIGN, Belongs.CHANGE) + proven.fee_sat == 4 * COIN
    assert (proven.fee_sat, proven.tx, len(set(proven.digests))) == (2_000, psbt.tx, 2)


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_effects_of_an_honest_draft(wallet: Wallet) -> None:
    """The rules see the payment, the change, the fee with its rate, and one slot per coin."""
    psbt = honest(wallet)
    proven = wallet.proven(encode_psbt(psbt))
    effects = effects_of(proven, "pool")
    paid, back = psbt.tx.outputs
    assert [(one.recipient, one.amount.units) for one in effects.payments] == [
        (samples.spelled(wallet, paid.script), COIN // 2)
    ]
    assert [(one.recipient, one.amount.units) for one in effects.change] == [
        (samples.spelled(wallet, back.script), back.amount_sat)
    ]
    assert [(slot.space, slot.position) for slot in effects.slots] == [
        (shown(one.outpoint.txid), one.outpoint.position) for one in psbt.tx.inputs
    ]
    assert (effects.source, effects.network, effects.hazards) == ("pool", BITCOIN.id, ())
    assert effects.fee_max == Amount(BITCOIN.asset, 2_000)
    assert effects.fee_rate == -(-2_000_000 // proven.vsize)
    assert effects.digests == proven.digests


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
@pytest.mark.parametrize("owners", [("hot", "cool"), ("hot", "cold"), ("cool", "cold")], ids="+".join)
def test_two_owners_make_a_transaction_that_core_accepts(wallet: Wallet, owners: tuple[str, str]) -> None:
    """Any two of three; the result is what libwally finalises from the same signatures, to the byte."""
    proven = wallet.proven(encode_psbt(honest(wallet)))
    final = combine(proven, sign(proven, *owners), core)
    parsed = wallycore.psbt_from_bytes(signed_psbt(proven, *owners), 0)
    wallycore.psbt_finalize(parsed, 0)
    extracted = wallycore.psbt_extract(parsed, wallycore.WALLY_PSBT_EXTRACT_FINAL)
    assert final.raw == bytes(wallycore.tx_to_bytes(extracted, wallycore.WALLY_TX_FLAG_USE_WITNESS))
    assert final.txid == bytes(wallycore.tx_get_txid(extracted))[::-1].hex()
    assert final.tx.vsize <= proven.vsize <= final.tx.vsize + 4 * len(proven.inputs)


def test_signatures_come_from_several_psbts() -> None:
    """Two signers send the draft back, each with its own signatures; together they are enough."""
    proven = SEGWIT.proven(encode_psbt(honest()))
    signed = [SEGWIT.proven(signed_psbt(proven, name)) for name in ("hot", "cold")]
    assert combine(proven, carried(signed), core) == combine(proven, sign(proven, "hot", "cold"), core)
    with pytest.raises(Malformed, match=r"combine\.few"):
        combine(proven, carried(signed[:1]), core)
    other = SEGWIT.proven(encode_psbt(draft([coin(SEGWIT)], [TxOutput(COIN - 2_000, ALICE)])))
    with pytest.raises(Malformed, match=r"combine\.drafts"):
        carried([*signed, other])


def test_dogecoins_beyond_all_bitcoins() -> None:
    """A coin larger than any libwally would read is proven and signed all the same."""
    psbt = draft([coin(DOGE, 10**17)], [TxOutput(10**16, BOB)], {0: DOGE.at(1, 5)}, fee_sat=COIN)
    with pytest.raises(ValueError, match="Invalid"):
        wallycore.psbt_from_bytes(encode_psbt(psbt), 0)
    loose = replace(LIMITS, fee_sat_max=COIN, fee_rate_max=10 * COIN)
    proven = DOGE.proven(encode_psbt(psbt), loose)
    final = combine(proven, sign(proven, "hot", "cool"), core)
    assert sum(one.amount_sat for one in final.tx.outputs) == 10**17 - COIN


@pytest.mark.parametrize("network", [LITECOIN, LITECOIN_REGTEST, DASH, BITCOIN_REGTEST], ids=lambda n: n.name)
def test_the_same_proof_on_every_network(network: Network) -> None:
    """Addresses, dust and fees are the network's own; scripts and digests do not know it."""
    for kind in network.kinds:
        wallet = Wallet(kind, network)
        psbt = draft([coin(wallet)], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)}, fee_sat=4_000)
        proven = wallet.proven(encode_psbt(psbt))
        combine(proven, sign(proven, "hot", "cold"), core)
        effects = effects_of(proven, "x")
        assert effects.network == network.id
        assert effects.fee_max == Amount(network.asset, 4_000)
        assert effects.payments[0].recipient == address.spell(network, BOB)
        crumb = network.dust_sat(BOB) - 1
        small = draft([coin(wallet)], [TxOutput(crumb, BOB)], {0: wallet.at(1, 5)}, fee_sat=4_000)
        with pytest.raises(Malformed, match=r"psbt\.dust"):
            wallet.proven(encode_psbt(small), replace(LIMITS, fee_share_max=10_000))


def test_change_to_several_places_and_a_note() -> None:
    """Change may be split; data is counted when limits allow it."""
    note = TxOutput(0, b"\x6a\x04note")
    change = {COIN // 4: SEGWIT.at(1, 1), 0: SEGWIT.at(1, 2)}
    psbt = draft([coin(SEGWIT)], [TxOutput(COIN // 2, ALICE), note], change)
    proven = SEGWIT.proven(encode_psbt(psbt), replace(LIMITS, data_bytes_max=5))
    belongs = [one.belongs for one in proven.outputs]
    assert belongs == [Belongs.FOREIGN, Belongs.DATA, Belongs.CHANGE, Belongs.CHANGE]
    assert effects_of(proven, "x").data_bytes == 5
    with pytest.raises(Malformed, match=r"psbt\.data"):
        SEGWIT.proven(encode_psbt(psbt))


def test_change_that_is_not_claimed_is_a_payment() -> None:
    """Without an origin nobody looks whether an output is ours: the rules will ask who was to be paid."""
    psbt = honest()
    silent = replace(psbt, outputs=(PsbtOutput(), PsbtOutput()))
    proven = SEGWIT.proven(encode_psbt(silent), replace(LIMITS, fee_share_max=1000))
    assert len(effects_of(proven, "x").payments) == 2


def test_reading_and_writing_are_each_other() -> None:
    """What is read writes back to the same bytes."""
    for wallet in WALLETS:
        proven = wallet.proven(encode_psbt(honest(wallet)))
        raw = signed_psbt(proven, "hot")
        assert encode_psbt(parse_psbt(raw)) == raw


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("psbt.fee", {"fee_sat_max": 1_999}),
        ("psbt.fee_rate", {"fee_rate_max": 6_000}),
        ("psbt.fee_share", {"fee_share_max": 0}),
        ("psbt.locktime", {"locktime_max": 839_999}),
        ("psbt.inputs", {"inputs_max": 1}),
        ("psbt.outputs", {"outputs_max": 1}),
        ("psbt.change_many", {"change_max": 0}),
        ("psbt.change_index", {"change_index_max": 4}),
        ("psbt.vsize", {"vsize_max": 200}),
        ("psbt.size", {"psbt_bytes_max": 1_000}),
    ],
)
def test_each_limit_holds_by_itself(code: str, limits: dict[str, int]) -> None:
    """One bound tightened refuses what the others let pass, under a code of its own."""
    stated: dict[str, Any] = dict(limits)
    bounds: Limits = replace(LIMITS, **stated)
    with pytest.raises(Malformed) as refusal:
        SEGWIT.proven(encode_psbt(honest()), bounds)
    assert refusal.value.code == code


def test_two_readers_must_agree() -> None:
    """Bytes libwally cannot read, or reads as another PSBT, are refused though we understood them."""
    psbt = honest()
    raw = encode_psbt(psbt)
    previous = [one.previous_tx or b"" for one in psbt.inputs]
    for unread in (raw[:-1], encode_psbt(honest(samples.LEGACY))[:-1] + b"\1"):
        with pytest.raises(Malformed, match=r"psbt\.second_reader"):
            check_second_reader(unread, psbt, previous)
    with pytest.raises(Malformed, match=r"psbt\.second_reader"):
        check_second_reader(raw, psbt, previous)  # libwally keeps previous transactions without witness
    check_second_reader(raw, psbt, [strip(one) for one in previous])


def test_two_digests_must_agree() -> None:
    """A second opinion that differs in one bit is a breach, and nothing is signed."""
    proven = SEGWIT.proven(encode_psbt(honest()))
    spent = [(one.owned.locking, one.coin) for one in proven.inputs]
    assert digests(proven.tx, spent) == proven.digests
    with pytest.raises(Breach, match=r"bitcoin\.digests_disagree"):
        digests(proven.tx, spent, lambda *_: (bytes(32), *proven.digests[1:]))


@pytest.mark.parametrize("witness", [True, False])
def test_what_a_node_adds_to_a_transaction_is_stripped(witness: bool) -> None:
    """Without its witness and its part of an extension block a transaction keeps its id and its coins."""
    one = coin(SEGWIT, COIN, salt=int(witness))
    raw = encode(one.previous)
    assert strip(raw) == encode_stripped(one.previous)
    flags = 9 if witness else 8
    middle = raw[6:-4] if witness else raw[4:-4]
    extended = raw[:4] + bytes((0, flags)) + middle + b"\1any bytes of an extension block" + raw[-4:]
    assert strip(extended) == encode_stripped(one.previous)
    psbt = samples.with_input(draft([one], [TxOutput(COIN // 2, ALICE)], {0: SEGWIT.at(1, 5)}))
    with pytest.raises(Malformed, match=r"transaction\.extension"):
        SEGWIT.proven(encode_psbt(samples.with_input(psbt, previous_tx=extended)))
    assert SEGWIT.proven(encode_psbt(samples.with_input(psbt, previous_tx=strip(extended)))).fee_sat == 2_000
    with pytest.raises(Malformed, match=r"previous\.truncated"):
        strip(raw[:40])
