"""The codec of version 2: one spelling, ten fields, the node's limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keepcool.chains import publickeys, rlp
from keepcool.chains.minter import signature
from keepcool.chains.minter.data import (
    CreateMultisig,
    Multisend,
    Other,
    Owners,
    Send,
    encode_data,
    parse_data,
)
from keepcool.chains.minter.signature import SINGLE, MultiSignature, SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_preimage, parse_signed
from keepcool.core.errors import Malformed
from tests.unit.chains.minter.samples import ALICE, signatures, tx
from tests.vectors import minter

RAW = minter.named("send basic").raw
MULTI_RAW = minter.named("multisig send 2-of-3 hot+cool").raw
ZERO, TWO_BYTES = b"\0", b"\1\1"


def rebuilt(raw: bytes, at: int, value: rlp.Item) -> bytes:
    """The same transaction with one field replaced."""
    fields = rlp.decode_list(raw, 10)
    fields[at] = value
    return rlp.encode(fields)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\1" * 9), (0, ZERO), (0, []), (1, b""), (1, TWO_BYTES), (1, []), (2, b"\1" * 5), (2, b"\0\1"),
        (3, b"\1" * 5), (3, []), (4, b""), (4, b"\x27"), (4, TWO_BYTES), (5, []), (5, b""), (5, b"\xc0"),
        (6, []), (6, b"x" * 10001), (7, []), (7, b"x" * 129), (8, b""), (8, b"\3"), (8, b"\2"), (9, []),
        (9, b""), (9, b"\xc0"),
    ],
)  # fmt: skip
def test_refuses_any_field_out_of_form(at: int, value: rlp.Item) -> None:
    """Zero-padded and overlong numbers, lists for bytes, unknown types and kinds are refused."""
    assert parse_signed(rebuilt(RAW, 0, b"\7")).transaction.nonce == 7
    with pytest.raises(Malformed):
        parse_signed(rebuilt(RAW, at, value))


@pytest.mark.parametrize("count", [8, 9, 11])
def test_refuses_any_other_number_of_fields(count: int) -> None:
    """Ten fields signed, nine unsigned, and neither is read as the other."""
    fields = [*rlp.decode_list(RAW, 10), b""][:count]
    with pytest.raises(Malformed):
        parse_signed(rlp.encode(fields))
    with pytest.raises(Malformed):
        parse_preimage(rlp.encode(fields) if count != 9 else RAW)


@pytest.mark.parametrize(
    "hexed",
    [
        "", "80", "c0", RAW.hex() + "00", RAW.hex()[:-2], "f90070" + RAW.hex()[4:],
        RAW.hex().replace("f8700101", "f871018101", 1),
    ],
)  # fmt: skip
def test_refuses_any_other_rlp(hexed: str) -> None:
    """Long forms of sizes and small bytes, tails, cuts and what is no list are refused."""
    with pytest.raises(Malformed):
        parse_signed(bytes.fromhex(hexed))


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (1, [b"", b"a" * 21, b"\1"]), (1, [b"", b"a" * 19, b"\1"]), (1, [b"", b"a" * 20]),
        (1, [b"", b"a" * 20, b"\1", b""]), (1, [b"\1" * 5, b"a" * 20, b"\1"]), (1, [b"", b"a" * 20, b"\0\1"]),
        (1, [b"", b"a" * 20, b"\1" * 33]), (1, [b"", [], b"\1"]),
        (13, [[]]), (13, []), (13, [b""]), (13, [[[b"", b"a" * 20, b"\1"]], b""]),
        (13, [[[b"", b"a" * 20, b"\1"]] * 101]), (13, [[b"", b"a" * 20, b"\1"]]),
        (12, [b"\2", [b"\1"], []]), (12, [b"\2", [], []]), (12, [b"\2", [b"\1"], [b"a" * 21]]),
        (12, [b"\2", [b"\1"] * 33, [bytes([i]) * 20 for i in range(33)]]),
        (12, [b"\2", [b"\1", b"\1"], [b"a" * 20, b"a" * 20]]), (12, [b"\2", [b"\4\0"], [b"a" * 20]]),
        (18, [b"\1" * 5, [b"\1"], [b"a" * 20]]), (18, [b"\2", b"", [b"a" * 20]]), (12, [b"\2", [[]], [[]]]),
        (5, [b"n", b"ABC", b"", b"", b"", b""]), (5, [b"\xff", b"ABC" + bytes(7), b"", b"", b"", b""]),
        (5, [b"n", b"A\0BC" + bytes(6), b"", b"", b"\xa0", b""]), (5, [b"n", bytes(10), b"", b"", b"", b""]),
        (5, [[], b"ABC" + bytes(7), b"", b"", b"", b""]), (5, [b"n", b"\xff" * 10, b"", b"", b"", b""]),
        (9, [b"", b"a" * 64]), (9, [[], b"a" * 65]), (10, [b"a" * 31]),
        (30, [b"n", b"ABC" + bytes(7), b"", b"", b"\2", b""]), (25, [b"", b""]), (25, [[b"\1" * 5], b""]),
        (37, [b""]), (38, [b"\1" * 9, b"", b""]), (0, []), (39, []), (255, []),
    ],
)  # fmt: skip
def test_refuses_data_out_of_form(code: int, fields: list[rlp.Item]) -> None:
    """Wrong sizes, counts, limits and texts are refused in every type of data."""
    with pytest.raises(Malformed):
        parse_data(code, rlp.encode(fields))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tx(nonce=-1), lambda: tx(nonce=2**64), lambda: tx(chain_id=0), lambda: tx(chain_id=256),
        lambda: tx(gas_price=2**32), lambda: tx(gas_coin=2**32), lambda: tx(gas_coin=-1),
        lambda: tx(payload=b"x" * 10001), lambda: tx(service_data=b"x" * 129), lambda: tx(signature_type=3),
        lambda: Send(0, ALICE, -1), lambda: Send(0, ALICE, 2**256), lambda: Send(2**32, ALICE, 1),
        lambda: Send(0, ALICE[:-1], 1), lambda: Multisend(()), lambda: Multisend((Send(0, ALICE, 1),) * 101),
        lambda: Owners(2, (1,), ()), lambda: Owners(2, (1024,), (ALICE,)), lambda: Owners(-1, (1,), (ALICE,)),
        lambda: Other(1, (0, ALICE, 1)), lambda: Other(0x24, ()), lambda: Other(0x27, ()),
        lambda: encode_data(Other(0x24, ("1",))), lambda: encode_data(Other(0x0A, ("Mp12",))),
        lambda: encode_data(Other(0x11, ("TOOLONGSYMBOL", ALICE))), lambda: encode_data(Other(0x19, (1, 1))),
        lambda: encode_data(Other(0x21, (1, 1, 1))), lambda: encode_data(Other(0x19, ((-1,), 1))),
        lambda: encode_data(Other(0x1E, ("n", "S", 1, 1, 1, True))),
    ],
)  # fmt: skip
def test_nothing_out_of_range_is_made(make: Callable[[], object]) -> None:
    """A value beyond the format's limits is refused where it is made, not where it is sent."""
    with pytest.raises(Malformed):
        make()


def test_the_size_of_a_transaction_is_limited() -> None:
    """Data that make it longer than a node takes are refused, read or written."""
    long = tx(Other(0x09, ("Mc" + "ab" * 7000, "cd" * 65)), payload=b"x" * 10000, signature_type=SINGLE)
    key = minter.KEYS["hot"]
    signed = SignedTransaction(long, SingleSignature(minter.signed(key, long.digest())))
    with pytest.raises(Malformed, match="16144"):
        signed.encoded()
    with pytest.raises(Malformed, match="16144"):
        parse_preimage(long.preimage())
    fits = tx(Other(0x09, ("Mc" + "ab" * 5000, "cd" * 65)), payload=b"x" * 10000)
    assert parse_preimage(fits.preimage()) == fits


def high_s(made: bytes) -> bytes:
    s = publickeys.CURVE_ORDER - int.from_bytes(made[32:64], "big")
    return made[:32] + s.to_bytes(32, "big") + bytes((55 - made[64],))


def test_the_high_twin_of_a_signature_is_refused() -> None:
    """A signature has one spelling: its twin with the high s, valid to the curve, is not read or written."""
    made = minter.signed(minter.KEYS["hot"], tx().digest())
    twin = high_s(made)
    fields = [twin[64:], twin[:32].lstrip(b"\0"), twin[32:64]]
    with pytest.raises(Malformed, match="upper half"):
        signature.encode(twin)
    with pytest.raises(Malformed, match="upper half"):
        signature.parse(rlp.encode(fields))


@pytest.mark.parametrize(
    "fields",
    [
        [b"\x1d", b"\1", b"\1"], [b"\1", b"\1", b"\1"], [b"", b"\1", b"\1"], [b"\x1b", b"", b"\1"],
        [b"\x1b", b"\1", b""], [b"\x1b", b"\0\1", b"\1"], [b"\x1b", b"\1" * 33, b"\1"], [b"\x1b", b"\1"],
        [b"\x1b", b"\1", b"\1", b"\1"], [b"\x1b", [], b"\1"], b"\x1b",
    ],
)  # fmt: skip
def test_refuses_signatures_out_of_form(fields: rlp.Item) -> None:
    """Any v but 27 and 28, zero, padded and overlong numbers are refused."""
    with pytest.raises(Malformed):
        signature.parse(rlp.encode(fields))


def test_a_multisig_takes_32_signatures_and_no_more() -> None:
    """The node's limit holds, and the address has 20 bytes."""
    made = [signature.encode(one) for one in signatures(tx()).values()]
    rows = [rlp.decode(one) for one in made]
    for address, listed in ((b"a" * 20, rows * 17), (b"a" * 21, rows), ([], rows), (b"a" * 20, b"")):
        with pytest.raises(Malformed):
            signature.parse_data(2, rlp.encode([address, listed]))
    assert len(signature.parse_data(2, rlp.encode([b"a" * 20, rows * 16])).signatures) == 32


def test_an_owner_signs_once() -> None:
    """Two signatures of one owner are refused, as the node refuses them."""
    one = signatures(tx())[minter.PUBLIC["hot"]]
    doubled = SignedTransaction(tx(), MultiSignature(minter.WALLET, (one, one)))
    with pytest.raises(Malformed, match="twice"):
        doubled.signers()


def test_the_kind_of_signature_is_the_announced_one() -> None:
    """A single signature under a multisig's transaction, or the reverse, is refused."""
    one = minter.signed(minter.KEYS["hot"], tx().digest())
    for kind, held in (
        (tx(), SingleSignature(one)),
        (tx(signature_type=SINGLE), MultiSignature(ALICE, (one,))),
    ):
        with pytest.raises(Malformed, match="type it announces"):
            SignedTransaction(kind, held)
    with pytest.raises(Malformed):
        parse_signed(rebuilt(MULTI_RAW, 8, b"\1"))


def test_a_type_may_be_read_before_it_may_be_signed() -> None:
    """A multisig anybody could spend is understood when read; building it is what is refused."""
    open_to_all = CreateMultisig(Owners(0, (1,), (ALICE,)))
    made: Transaction = tx(open_to_all, signature_type=SINGLE)
    assert parse_preimage(made.preimage()) == made
