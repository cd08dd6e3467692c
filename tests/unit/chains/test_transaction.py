"""EIP-1559 transactions: strict in reading, bounded in making."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepcool.chains import publickeys, rlp
from keepcool.chains.evm import transaction
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Malformed
from tests.unit.chains.samples import ALICE, CHAIN
from tests.vectors import evm
from tests.vectors.evm import unhex

TX = Transaction(
    chain_id=CHAIN,
    nonce=1,
    max_priority_fee_per_gas=1,
    max_fee_per_gas=10,
    gas=21_000,
    to=ALICE,
    value=5,
    data=b"\1\2",
)
RAW = unhex(evm.ACCOUNTS[1]["raw"])


def fields(payload: bytes) -> list[rlp.Item]:
    item = rlp.decode(payload[1:])
    assert isinstance(item, list)
    return item


def rebuilt(payload: bytes, at: int, value: rlp.Item) -> bytes:
    items = fields(payload)
    items[at] = value
    return b"\x02" + rlp.encode(items)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b""),
        (0, b"\0\1"),
        (0, b"\xff" * 8),
        (1, b"\0"),
        (1, b"\xff" * 8),
        (2, b"\x0b"),
        (3, b"\1" * 33),
        (4, b"\1" * 9),
        (5, b""),
        (5, bytes(19)),
        (5, bytes(32)),
        (5, []),
        (6, b"\0\5"),
        (7, []),
        (8, b""),
        (8, [[bytes(20), []]]),
    ],
)
def test_refuses_any_field_out_of_form(at: int, value: rlp.Item) -> None:
    """Wrong widths, leading zeros, a creation, a tip above the fee and an access list are refused."""
    assert transaction.parse_unsigned(TX.unsigned_payload()) == TX
    with pytest.raises(Malformed):
        transaction.parse_unsigned(rebuilt(TX.unsigned_payload(), at, value))


@pytest.mark.parametrize(
    "raw", [b"", b"\x02", b"\x01\xc0", b"\xf8\x6b", RAW[1:], RAW[:-1], RAW + b"\0", b"\x02\x80"]
)
def test_refuses_other_types_and_truncations(raw: bytes) -> None:
    """Legacy, access-list and cut transactions are refused as signed, unsigned, and when asked which."""
    for read in (transaction.parse_signed, transaction.parse_unsigned, transaction.is_signed):
        with pytest.raises(Malformed):
            read(raw)


def test_signed_and_unsigned_are_told_apart() -> None:
    """Nine fields are unsigned, twelve are signed; neither is read as the other."""
    assert transaction.is_signed(RAW)
    assert not transaction.is_signed(TX.unsigned_payload())
    with pytest.raises(Malformed):
        transaction.parse_unsigned(RAW)
    with pytest.raises(Malformed):
        transaction.parse_signed(TX.unsigned_payload())


@pytest.mark.parametrize(
    ("at", "value"), [(9, b"\2"), (9, b"\x1b"), (10, b""), (11, b""), (10, b"\0" * 31 + b"\1")]
)
def test_refuses_a_signature_out_of_form(at: int, value: bytes) -> None:
    """A parity above one, an empty half and a padded half are refused."""
    with pytest.raises(Malformed):
        transaction.parse_signed(rebuilt(RAW, at, value))


def test_the_twin_with_a_high_s_is_refused() -> None:
    """The second valid spelling of a signed transaction, with another id, is refused."""
    items = fields(RAW)
    assert isinstance(items[9], bytes)
    assert isinstance(items[11], bytes)
    twin_s = publickeys.CURVE_ORDER - int.from_bytes(items[11], "big")
    twin = rebuilt(rebuilt(RAW, 11, rlp.number(twin_s)), 9, b"" if items[9] else b"\1")
    with pytest.raises(Malformed, match=r"signature\.high_s"):
        transaction.parse_signed(twin)


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(TX, chain_id=0),
        lambda: replace(TX, nonce=2**64 - 1),
        lambda: replace(TX, nonce=-1),
        lambda: replace(TX, gas=2**64),
        lambda: replace(TX, value=2**256),
        lambda: replace(TX, max_priority_fee_per_gas=11),
        lambda: replace(TX, max_fee_per_gas=2**255),
        lambda: replace(TX, to=ALICE.lower()),
        lambda: replace(TX, data=bytes(transaction.DATA_BYTES_MAX + 1)),
    ],
)
def test_refuses_to_make_what_no_node_takes(make: Callable[[], Transaction]) -> None:
    """Numbers out of range, a tip above the fee, endless fees and data are refused at construction."""
    with pytest.raises(Malformed):
        make()


def test_a_signature_that_is_none_makes_no_raw_transaction() -> None:
    """Bytes that recover to nobody are not packed into a transaction."""
    with pytest.raises(Malformed):
        TX.with_signature(bytes(64) + b"\x1b")
