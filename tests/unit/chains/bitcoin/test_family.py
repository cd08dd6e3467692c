"""The Bitcoin family as a co-signer uses it: drafts of a record's wallet, its effects, its signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains import publickeys
from keepcool.chains.bitcoin.family import STRUCTURE, BitcoinFamily
from keepcool.chains.bitcoin.limits import UNBOUNDED
from keepcool.chains.bitcoin.network_table import BITCOIN, LITECOIN
from keepcool.chains.bitcoin.proving import prove
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.signatures import from_wire, parse_signature
from keepcool.chains.bitcoin.transaction import TxOutput, shown
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.chains.families import family_named, family_of, first_position, ordered
from keepcool.chains.family import Family, FamilyName, terms_of
from keepcool.chains.points import sums
from keepcool.core.approvals import effects_hash
from keepcool.core.effects import Effects, Payment, Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount
from keepcool.core.registry import Role, WalletRecord
from keepcool.local.restoring.scanning import GAP
from tests.unit.chains.bitcoin.psbt import lies_about_form, lies_about_money
from tests.unit.chains.bitcoin.psbt.lying import Lie
from tests.unit.chains.bitcoin.psbt.samples import (
    ALICE,
    BOB,
    COIN,
    LEGACY,
    LIMITS,
    NESTED,
    OWNERS,
    SEGWIT,
    WALLETS,
    Wallet,
    coin,
    draft,
    honest,
    secret,
)
from tests.unit.chains.bitcoin.records import record_of

FAMILY = BitcoinFamily()
TASTE = {"psbt.fee", "psbt.fee_rate", "psbt.fee_share", "psbt.data", "psbt.locktime", "psbt.change_branch"}
ALL_LIES = [*lies_about_money.all_of_them(), *lies_about_form.all_of_them()]
LIES = [
    lie for lie in ALL_LIES if lie.wallet.owners == OWNERS and lie.limits == LIMITS and lie.code not in TASTE
]


def pool(wallet: Wallet) -> WalletRecord:
    """The record whose first cosigner's branches the wallet's are."""
    record = record_of(wallet.kind, network=wallet.network)
    place = wallet_of(record).bip45.descriptor(0)
    assert place.branch(1).locking(5) == wallet.descriptor.branch(1).locking(5)
    return record


def test_it_is_the_family_of_its_networks() -> None:
    """By name and by CAIP-2 namespace; its slots have no order, those of the others do."""
    family: Family = family_named("bitcoin")
    assert family.name is FamilyName.BITCOIN
    assert family_of(BITCOIN.id) == family_of(LITECOIN.id) == family
    evm, minter = NetworkId("eip155:1"), NetworkId("minter:1")
    assert [ordered(network) for network in (BITCOIN.id, evm, minter)] == [False, True, True]
    assert [first_position(network) for network in (BITCOIN.id, evm, minter)] == [0, 0, 1]


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_an_honest_draft_is_decoded_to_the_unit(wallet: Wallet) -> None:
    """Payment, change, fee, coins, and for each digest the path of the keys that sign it."""
    psbt, record = honest(wallet), pool(wallet)
    effects = FAMILY.decode(encode_psbt(psbt), record)
    recipient = FAMILY.parse_recipient(BITCOIN.id, effects.payments[0].recipient)
    assert (effects.family, effects.network, effects.source) == ("bitcoin", BITCOIN.id, record.address)
    assert effects.payments == (Payment(recipient, Amount(BITCOIN.asset, COIN // 2)),)
    assert [one.amount.units for one in effects.change] == [4 * COIN - COIN // 2 - 2_000]
    assert (effects.fee_max, effects.fee_asset) == (Amount(BITCOIN.asset, 2_000), BITCOIN.asset)
    assert effects.slots == tuple(
        Slot(BITCOIN.id, shown(one.outpoint.txid), one.outpoint.position) for one in psbt.tx.inputs
    )
    assert effects.leaves == ((0, 0, 0), (0, 1, 7))
    assert len(effects.digests) == 2
    assert (effects.calls, effects.hazards, effects.data_bytes, effects.ordered) == ((), (), 0, False)


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_the_leaf_of_each_digest_has_the_key_that_signs_it(wallet: Wallet) -> None:
    """Every owner's key below the record's key at that path is a key of the coin's script."""
    record = pool(wallet)
    made, proven = wallet_of(record), FAMILY.prove(encode_psbt(honest(wallet)), record)
    effects = FAMILY.decode(encode_psbt(honest(wallet)), record)
    for leaf, one in zip(effects.leaves, proven.inputs, strict=True):
        keys = {made.leaf_key(role, leaf) for role in Role}
        assert keys == {keypath.public_key for keypath in one.owned.keypaths}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.id)
def test_refuses_a_lie_to_its_record(lie: Lie) -> None:
    """What is no matter of taste is refused by the family itself, with the code of its own lie."""
    with pytest.raises(Malformed) as refusal:
        FAMILY.decode(lie.raw, pool(lie.wallet))
    assert refusal.value.code == lie.code


def test_the_corpus_goes_through_the_family() -> None:
    """Hundreds of lies, of every kind of script; what is left out is left to the rules, or to bounds that no
    family has."""
    assert len(LIES) > 600
    assert {lie.wallet.kind for lie in LIES} == set(ScriptKind)
    left = {lie.code for lie in ALL_LIES} - {lie.code for lie in LIES}
    assert left <= TASTE | {"psbt.inputs", "psbt.outputs", "psbt.vsize", "psbt.size", "psbt.change_many"}


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_another_wallets_draft_is_refused(wallet: Wallet) -> None:
    """A draft that spends this wallet's coins is none of another number's, of a pool of other keys, or of
    another network's wallet of the same keys."""
    raw = encode_psbt(honest(wallet))
    assert FAMILY.decode(raw, pool(wallet)).payments
    for record in (
        record_of(wallet.kind, number=0),
        record_of(wallet.kind, owners=("hot", "thief", "cold")),
    ):
        with pytest.raises(Malformed) as refusal:
            FAMILY.decode(raw, record)
        assert refusal.value.code == "psbt.input_foreign"


def test_what_goes_to_an_own_receiving_address_is_a_payment() -> None:
    """Only a change branch gives change: a payment to oneself is judged as any other."""
    back = SEGWIT.at(0, 9)
    raw = encode_psbt(
        draft([coin(SEGWIT)], [TxOutput(COIN // 2, back.locking.script_pubkey)], {0: SEGWIT.at(1, 2)})
    )
    effects = FAMILY.decode(raw, pool(SEGWIT))
    assert [one.amount.units for one in effects.payments] == [COIN // 2]
    assert len(effects.change) == 1


def test_data_is_counted_and_left_to_the_rules() -> None:
    """A data output is no payment; how many bytes it carries is said, and which is part of what it does."""

    def carrying(script: bytes) -> Effects:
        outputs = [TxOutput(COIN // 2, ALICE), TxOutput(0, script)]
        raw = encode_psbt(draft([coin(SEGWIT)], outputs, {0: SEGWIT.at(1, 2)}))
        return FAMILY.decode(raw, pool(SEGWIT))

    effects, others = carrying(b"\x6a\x03abc"), carrying(b"\x6a\x03abd")
    assert (len(effects.payments), effects.data_bytes) == (1, 4)
    assert effects_hash(effects) != effects_hash(others)
    assert effects_hash(replace(effects, data_hash="")) == effects_hash(replace(others, data_hash=""))


def test_a_fee_of_any_size_is_decoded_for_the_rules_to_judge() -> None:
    """Half of the coin: no bound of the family's, all of it in the effects."""
    effects = FAMILY.decode(
        encode_psbt(draft([coin(SEGWIT)], [TxOutput(COIN // 2, ALICE)], fee_sat=COIN // 2)), pool(SEGWIT)
    )
    assert effects.fee_max == Amount(BITCOIN.asset, COIN // 2)
    assert effects.fee_rate is not None
    assert effects.fee_rate > 10**8


def test_the_drafts_of_a_ladder_exclude_one_another() -> None:
    """Same coins, less change: different digests, the same slots."""
    coins, change = [coin(SEGWIT), coin(SEGWIT, salt=1)], {0: SEGWIT.at(1, 5)}
    rungs = [
        FAMILY.decode(encode_psbt(draft(coins, [TxOutput(COIN, ALICE)], change, fee)), pool(SEGWIT))
        for fee in (2_000, 4_000, 8_000)
    ]
    assert len({effects.slots for effects in rungs}) == 1
    assert len({effects.digests for effects in rungs}) == 3
    assert len({effects.payments for effects in rungs}) == 1


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "psbt.magic"),
        (b"\0", "psbt.magic"),
        (b"psbt\xff", "psbt.short"),
        (encode_psbt(honest())[:-1], "psbt.short"),
        (encode_psbt(honest()) + b"\0", "psbt.trailing"),
        (b"psbt\xff" + bytes(STRUCTURE.psbt_bytes_max), "psbt.size"),
    ],
    ids=["nothing", "a zero", "magic alone", "cut", "one byte more", "too large"],
)
def test_bytes_that_are_no_draft_are_malformed(raw: bytes, code: str) -> None:
    """They raise what a co-signer answers with, and nothing else."""
    with pytest.raises(Malformed) as refusal:
        FAMILY.decode(raw, pool(SEGWIT))
    assert refusal.value.code.startswith("psbt.")
    assert refusal.value.code == code or code in ("psbt.short", "psbt.trailing")


def signed(wallet: Wallet) -> tuple[bytes, bytes, bytes]:
    """A digest, its signature as signers answer, and the key."""
    one = FAMILY.prove(encode_psbt(honest(wallet)), pool(wallet)).inputs[0]
    key = secret(one.owned.keypaths[0])
    compact = key.sign_recoverable(one.digest, hasher=None)
    wire = publickeys.signature65(compact[:32], compact[32:64], compact[64])
    return one.digest, wire, key.public_key.format()


@pytest.mark.parametrize("wallet", [SEGWIT, LEGACY, NESTED], ids=lambda wallet: wallet.kind)
def test_a_signature_verifies_as_answered_and_as_carried(wallet: Wallet) -> None:
    """65 bytes from a signer, DER and sighash byte in a transaction: one signature."""
    digest, wire, key = signed(wallet)
    carried = FAMILY.encode_signature(wire[:32], wire[32:64], wire[64] - 27)
    assert carried == from_wire(wire)
    r, s = parse_signature(carried)
    assert r.to_bytes(32, "big") + s.to_bytes(32, "big") == wire[:64]
    for signature in (wire, carried):
        FAMILY.verify_signature(digest, signature, key.hex())


@pytest.mark.parametrize("change", ["digest", "key", "r", "v", "sighash", "high s", "short", "empty"])
def test_refuses_a_signature_that_is_not_the_keys(change: str) -> None:
    """In either form, whatever was changed."""
    digest, wire, key = signed(SEGWIT)
    carried = from_wire(wire)
    high = (publickeys.CURVE_ORDER - int.from_bytes(wire[32:64], "big")).to_bytes(32, "big")
    other = next(sums(key, [bytes(31) + b"\1"]))
    cases = {
        "digest": [(bytes(32), wire, key), (bytes(32), carried, key)],
        "key": [(digest, wire, other), (digest, carried, other)],
        "r": [
            (digest, bytes([wire[0] ^ 1]) + wire[1:], key),
            (digest, carried[:9] + bytes([carried[9] ^ 1]) + carried[10:], key),
        ],
        "v": [(digest, wire[:64] + bytes([55 - wire[64]]), key), (digest, wire[:64] + b"\0", key)],
        "sighash": [(digest, carried[:-1] + b"\x81", key)],
        "high s": [(digest, wire[:32] + high + bytes([55 - wire[64]]), key)],
        "short": [(digest, wire[:64], key), (digest, carried[:-1], key)],
        "empty": [(digest, b"", key)],
    }
    for wrong in cases[change]:
        with pytest.raises(Malformed):
            FAMILY.verify_signature(wrong[0], wrong[1], wrong[2].hex())


@pytest.mark.parametrize("wrong", [b"", bytes(64), bytes(65), bytes(64) + b"\x1d", bytes(66)])
def test_only_a_signers_answer_is_turned_into_der(wrong: bytes) -> None:
    """65 bytes with v 27 or 28."""
    with pytest.raises(Malformed):
        from_wire(wrong)


def test_recipients_are_those_of_the_network() -> None:
    """An address is read on its own network and named on another; an unknown network has none."""
    address = FAMILY.derive_address(terms_of(pool(LEGACY)))
    assert FAMILY.parse_recipient(BITCOIN.id, address) == address
    litecoin = record_of(network=LITECOIN).address
    assert FAMILY.parse_recipient(LITECOIN.id, litecoin.upper()) == litecoin
    with pytest.raises(Malformed) as refusal:
        FAMILY.parse_recipient(BITCOIN.id, litecoin)
    assert refusal.value.code == "address.network"
    with pytest.raises(Malformed) as refusal:
        FAMILY.parse_recipient(NetworkId("bip122:" + "0" * 32), address)
    assert refusal.value.code == "network.unknown"


def test_the_twin_without_bounds_takes_what_the_structure_refuses() -> None:
    """A change address where no restore looks by itself: refused here, proven where nothing is bounded."""
    raw = encode_psbt(draft([coin(SEGWIT)], [TxOutput(COIN // 2, BOB)], {0: SEGWIT.at(1, GAP)}))
    with pytest.raises(Malformed) as refusal:
        FAMILY.decode(raw, pool(SEGWIT))
    assert refusal.value.code == "psbt.change_index"
    assert prove(raw, wallet_of(pool(SEGWIT)).own(), BITCOIN, UNBOUNDED).outputs[1].owned is not None
    last = encode_psbt(draft([coin(SEGWIT)], [TxOutput(COIN // 2, BOB)], {0: SEGWIT.at(1, GAP - 1)}))
    assert FAMILY.decode(last, pool(SEGWIT)).change
