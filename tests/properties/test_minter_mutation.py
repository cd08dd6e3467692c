"""One bit or one byte changed anywhere is refused, changes what is seen, or changes who signed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains import rlp
from keepcool.chains.families import family_of
from keepcool.chains.minter import payouts
from keepcool.chains.minter.data import Data
from keepcool.chains.minter.decode import decode_transaction
from keepcool.chains.minter.inspection import Inspection, plain
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_preimage, parse_signed
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples
from tests.properties.minter_strategies import transactions
from tests.unit.chains.minter.samples import ALICE, BOB, USDTE, output
from tests.vectors import minter
from tests.vectors.minter import MAINNET, WALLET, wallet_record

pytestmark = pytest.mark.slow

PAYLOAD = b"a note"
DRAFTS = [
    tx.preimage()
    for tx in (
        payouts.pay(network=MAINNET, nonce=1, outputs=[output(ALICE, 10**18)]),
        payouts.pay(network=MAINNET, nonce=2, outputs=[output(ALICE, 1), output(BOB, 2, USDTE)], gas_price=9),
        payouts.burn(wallet=WALLET, network=MAINNET, nonce=3),
        payouts.pay(network=MAINNET, nonce=4, outputs=[output(BOB, 1, USDTE)], gas_coin=1993),
    )
]
SIGNED = [
    minter.named(name).raw
    for name in ("send basic", "multisig send 2-of-3 hot+cool", "send nonce 29", "create 2-of-3")
]


def seen(draft: bytes) -> Effects:
    return family_of(MAINNET).decode(draft, wallet_record())


def but_digest(effects: Effects) -> Effects:
    """What a person and the rules see; the digest changes with every byte anyhow."""
    return replace(effects, digests=())


def flips(raw: bytes) -> list[bytes]:
    """Every transaction one bit away."""
    return [
        raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :] for at in range(len(raw)) for bit in range(8)
    ]


def changed(raw: bytes, at: int, byte: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes((byte,)) + raw[at + 1 :]


def judged(original: bytes, other: bytes) -> bool:
    """Whether the other draft was refused; when it was read, it must look different."""
    try:
        effects = seen(other)
    except Malformed:
        return True
    before = seen(original)
    assert effects.digests != before.digests
    assert but_digest(effects) != but_digest(before)
    return False


@pytest.mark.parametrize("draft", DRAFTS, ids=["send", "multisend", "burn", "coin"])
def test_every_bit_of_a_draft_counts(draft: bytes) -> None:
    """All of them, one by one: refused, or other effects under another digest."""
    refused = [judged(draft, other) for other in flips(draft)]
    assert any(refused)
    assert not all(refused)


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(DRAFTS), st.integers(0, 2**16), st.integers(0, 255))
def test_every_byte_of_a_draft_counts(draft: bytes, at: int, byte: int) -> None:
    """Any byte put anywhere is refused, or gives other effects."""
    other = changed(draft, at, byte)
    if other != draft:
        judged(draft, other)


def who(raw: bytes) -> tuple[SignedTransaction, tuple[str, ...], str]:
    read = parse_signed(raw)
    return read, read.signers(), read.sender()


def distinguished(original: bytes, other: bytes) -> None:
    """The other signed bytes are refused, or somebody else signed them; or the same owners signed for
    another wallet: the one thing no signature covers, which is why owners are never shared."""
    try:
        read, signers, sender = who(other)
        effects = decode_transaction(read.transaction, sender)
    except Malformed:
        return
    before, owners, wallet = who(original)
    if read.transaction == before.transaction and signers == owners:
        assert sender != wallet
        assert effects.source != decode_transaction(before.transaction, wallet).source
        return
    assert set(signers).isdisjoint(owners) or read.transaction == before.transaction
    assert signers != owners


@pytest.mark.parametrize("raw", SIGNED, ids=["send", "multisig", "short s", "create"])
def test_every_bit_of_a_signed_transaction_counts(raw: bytes) -> None:
    """All of them, one by one."""
    for other in flips(raw):
        distinguished(raw, other)


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(SIGNED), st.integers(0, 2**16), st.integers(0, 255))
def test_every_byte_of_a_signed_transaction_counts(raw: bytes, at: int, byte: int) -> None:
    """Any byte put anywhere."""
    other = changed(raw, at, byte)
    if other != raw:
        distinguished(raw, other)


def test_a_lax_reader_would_take_two_spellings_of_one_payment() -> None:
    """The twin: a nonce with a leading zero is the same number, so only strictness keeps one spelling."""
    fields = rlp.decode_list(SIGNED[0], 10)
    strict, padded = b"\1", b"\0\1"
    assert fields[0] == strict
    assert int.from_bytes(padded, "big") == int.from_bytes(strict, "big")
    with pytest.raises(Malformed):
        parse_signed(rlp.encode([padded, *fields[1:]]))
    assert parse_signed(rlp.encode([strict, *fields[1:]])).transaction.nonce == 1


@settings(deadline=None)
@given(st.sampled_from([*DRAFTS, *SIGNED]), st.binary(min_size=1, max_size=40), st.booleans())
def test_a_tail_or_a_cut(raw: bytes, extra: bytes, longer: bool) -> None:
    """Bytes appended to or cut from any of them are refused."""
    other = raw + extra if longer else raw[: -len(extra)]
    with pytest.raises(Malformed):
        seen(other)
    with pytest.raises(Malformed):
        parse_signed(other)


@settings(deadline=None)
@given(transactions(), transactions())
def test_two_transactions_never_share_a_digest_or_bytes(one: Transaction, other: Transaction) -> None:
    """Different fields are different bytes and different digests; the same fields the same."""
    same = one == other
    assert (one.preimage() == other.preimage()) is same
    assert (one.digest() == other.digest()) is same


def shown(tx: Transaction) -> dict[str, object]:
    """What is printed of it, but for the hashes and the bytes themselves."""
    found = plain(Inspection(tx, WALLET, decode_transaction(tx, WALLET)))
    for name in ("sighash_keccak256", "data_rlp", "data_fields"):
        del found[name]
    return found


def every_kind() -> list[Data]:
    return [parse_signed(vector.raw).transaction.data for vector in minter.vectors("v2")]


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(every_kind()), st.integers(0, 2**16), st.integers(0, 255))
def test_every_byte_of_every_type_counts(data: Data, at: int, byte: int) -> None:
    """A byte changed in data of any type is refused, or reads as other named fields."""
    draft = Transaction(1, 1, 1, 0, data, payload=PAYLOAD).preimage()
    other = changed(draft, at, byte)
    if other == draft:
        return
    try:
        read = parse_preimage(other)
    except Malformed:
        return
    assert shown(read) != shown(parse_preimage(draft))
