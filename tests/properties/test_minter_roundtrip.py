"""What is encoded reads back as itself, and what is read encodes back to the same bytes."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains import rlp
from keepcool.chains.minter import payouts, signature
from keepcool.chains.minter.data import Data, code_of, encode_data, named, parse_data
from keepcool.chains.minter.decode import decode_transaction
from keepcool.chains.minter.kinds import KINDS
from keepcool.chains.minter.signature import SINGLE, MultiSignature, SignatureData, SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_preimage, parse_signed
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples
from tests.properties.minter_strategies import addresses, any_data, data_of, transactions
from tests.unit.chains.minter.samples import BIP, USDTE, output
from tests.vectors import minter
from tests.vectors.minter import MAINNET, WALLET

pytestmark = pytest.mark.slow

oracle = importlib.import_module("rlp")  # carries no types
lows = st.integers(1, 2**254).map(lambda number: number.to_bytes(32, "big"))
marks = st.builds(lambda r, s, v: r + s + bytes((v,)), lows, lows, st.sampled_from([27, 28]))


@pytest.mark.parametrize("code", sorted(KINDS), ids=lambda code: KINDS[code].name)
@settings(max_examples=examples(40), deadline=None)
@given(drawn=st.data())
def test_data_of_every_type(code: int, drawn: st.DataObject) -> None:
    """decode(encode(x)) is x for each of the types, and every field has a name."""
    data: Data = drawn.draw(data_of(code))
    raw = encode_data(data)
    assert (parse_data(code, raw), code_of(data)) == (data, code)
    assert oracle.encode(oracle.decode(raw)) == raw
    assert len(KINDS[code].fields) in (0, len(named(data)))


@settings(deadline=None)
@given(transactions())
def test_a_draft(tx: Transaction) -> None:
    """decode(encode(x)) is x, and an independent library reads the same nine fields."""
    assert parse_preimage(tx.preimage()) == tx
    assert oracle.decode(tx.preimage()) == tx.fields()


@settings(deadline=None)
@given(transactions(), st.lists(marks, max_size=32), addresses)
def test_a_signed_transaction(tx: Transaction, made: list[bytes], address: str) -> None:
    """Any signatures in their one spelling come back, of one account or of a multisig's owners."""
    signed: SignatureData = MultiSignature(address, tuple(made))
    if tx.signature_type == SINGLE:
        signed = SingleSignature(made[0] if made else b"\1".rjust(32) * 2 + b"\x1b")
    whole = SignedTransaction(tx, signed)
    raw = rlp.encode([*tx.fields(), signature.encode_data(signed)])
    if len(raw) > 16144:
        with pytest.raises(Malformed):
            whole.encoded()
        return
    assert whole.encoded() == raw
    assert parse_signed(raw) == whole


@settings(deadline=None)
@given(marks)
def test_a_signature(made: bytes) -> None:
    """The form the SDKs exchange reads back, leading zeros included."""
    assert signature.parse(signature.encode(made)) == made


@settings(max_examples=examples(150), deadline=None)
@given(st.binary(max_size=200))
def test_what_is_read_is_canonical(raw: bytes) -> None:
    """Arbitrary bytes are refused, or are the one encoding of what they say."""
    for read in (parse_preimage, parse_signed):
        with pytest.raises(Malformed):
            read(raw)
    for code in KINDS:
        try:
            data = parse_data(code, raw)
        except Malformed:
            continue
        assert encode_data(data) == raw


@settings(deadline=None)
@given(any_data, st.binary(max_size=64), st.integers(1, 255), st.integers(0, 2**32))
def test_any_other_rlp_of_the_right_shape(data: Data, payload: bytes, chain_id: int, nonce: int) -> None:
    """Nine canonical fields are read exactly when a transaction of ours writes the same bytes."""
    fields = [rlp.number(nonce), bytes((chain_id,)), b"\1", b"", bytes((code_of(data),)), encode_data(data)]
    raw = rlp.encode([*fields, payload, b"", b"\2"])
    assert parse_preimage(raw).preimage() == raw


pairs = st.tuples(
    addresses.filter(lambda one: int(one[2:], 16) >= 2**16 and one != WALLET),
    st.integers(1, 10**33),
    st.sampled_from([BIP, USDTE]),
)


@settings(deadline=None)
@given(st.lists(pairs, min_size=1, max_size=100), st.integers(1, 2**64 - 1))
def test_a_payout_pays_exactly_its_outputs(rows: list[tuple[str, int, str]], nonce: int) -> None:
    """What was asked for is what the signers see, without a hazard."""
    outputs = [output(recipient, units, USDTE if asset == USDTE else BIP) for recipient, units, asset in rows]
    draft = payouts.pay(network=MAINNET, nonce=nonce, outputs=outputs).preimage()
    effects = decode_transaction(parse_preimage(draft), WALLET)
    assert [(one.recipient, one.amount) for one in effects.payments] == [
        (one.recipient, one.amount) for one in outputs
    ]
    assert (effects.hazards, effects.slots[0].position) == ((), nonce)


@settings(deadline=None)
@given(st.permutations(["hot", "cool", "cold"]), st.integers(1, 2**64 - 1))
def test_assembled_bytes_do_not_depend_on_who_signed_first(names: list[str], nonce: int) -> None:
    """Two of three in any order give one transaction, signed by those two."""
    tx = payouts.burn(wallet=WALLET, network=MAINNET, nonce=nonce)
    made = {minter.PUBLIC[name]: minter.signed(minter.KEYS[name], tx.digest()) for name in names[:2]}
    raw = payouts.assemble(tx.preimage(), WALLET, made)
    assert raw == payouts.assemble(tx.preimage(), WALLET, dict(reversed(made.items())))
    assert parse_signed(raw).signers() == tuple(sorted(minter.ADDRESSES[name] for name in names[:2]))
