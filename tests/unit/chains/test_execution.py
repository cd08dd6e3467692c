"""execTransaction and drafts: one spelling, signatures of the right owners in the right order."""

from __future__ import annotations

import json

import pytest

from keepcool.chains.evm import abi, execution, safe
from keepcool.chains.evm.safe import encode_draft, parse_draft, safe_tx_hash
from keepcool.core import canonical
from keepcool.core.errors import Malformed
from tests.unit.chains.samples import ALICE, safe_tx
from tests.vectors import evm

VECTOR = evm.safe_txs()[0]
HOT, COOL, COLD = (evm.OWNERS[name] for name in ("hot", "cool", "cold"))
TWO = {HOT: VECTOR.signatures[HOT], COLD: VECTOR.signatures[COLD]}
DATA = execution.exec_transaction(VECTOR.tx, TWO)


def test_signatures_stand_in_ascending_order_of_their_owners() -> None:
    """In whichever order they are handed in, they are packed as the contract demands."""
    turned = dict(reversed(TWO.items()))
    assert execution.exec_transaction(VECTOR.tx, turned) == DATA
    read = execution.parse_execution(DATA)
    assert execution.signers(VECTOR.tx, read.signatures) == tuple(sorted(TWO, key=str.lower))


def test_refuses_a_signature_of_somebody_else() -> None:
    """A signature under a wrong owner's name, or over another transaction, is refused before it is packed."""
    with pytest.raises(Malformed, match=r"signature\.owner"):
        execution.exec_transaction(VECTOR.tx, {HOT: TWO[COLD]})
    with pytest.raises(Malformed, match=r"signature\.owner"):
        execution.exec_transaction(safe_tx(value=1), {HOT: TWO[HOT]})
    with pytest.raises(Malformed, match=r"signature\.count"):
        execution.exec_transaction(VECTOR.tx, {})


def test_refuses_signatures_out_of_order_or_twice() -> None:
    """Descending signatures and one owner twice, on which the contract reverts, are refused."""
    first, second = execution.parse_execution(DATA).signatures
    for wrong in ((second, first), (first, first)):
        with pytest.raises(Malformed, match=r"signature\.order"):
            execution.signers(VECTOR.tx, wrong)


@pytest.mark.parametrize("at", [4, 4 + 11, 4 + 64 + 31, 4 + 96 + 30, len(DATA) - 1])
def test_refuses_call_data_in_another_encoding(at: int) -> None:
    """A dirty address, a moved offset, a wide operation and dirty padding are refused, as is any tail."""
    with pytest.raises(Malformed):
        execution.parse_execution(DATA[:at] + bytes((DATA[at] ^ 0x40,)) + DATA[at + 1 :])
    with pytest.raises(Malformed):
        execution.parse_execution(DATA + bytes(32))


@pytest.mark.parametrize("size", [0, 64, 66, 21 * 65])
def test_refuses_signatures_of_any_other_size(size: int) -> None:
    """Signatures are a whole number of 65 bytes, at least one and at most twenty."""
    with pytest.raises(Malformed, match=r"signature\.count"):
        execution.split_signatures(bytes(size))


def test_a_draft_has_one_spelling() -> None:
    """The draft reads back to the same transaction; every other spelling of it is refused."""
    draft = encode_draft(VECTOR.tx)
    assert parse_draft(draft) == VECTOR.tx
    plain = json.loads(draft)
    for changed in (
        {**plain, "value": VECTOR.tx.value},
        {**plain, "value": "0" + plain["value"]},
        {**plain, "value": "-1"},
        {**plain, "value": str(2**256)},
        {**plain, "chain_id": str(VECTOR.tx.chain_id)},
        {**plain, "chain_id": 0},
        {**plain, "nonce": -1},
        {**plain, "nonce": 2**63},
        {**plain, "nonce": True},
        {**plain, "operation": 2},
        {**plain, "to": plain["to"].lower()},
        {**plain, "safe": "0x" + 40 * "0"},
        {**plain, "data": "0xAB"},
        {**plain, "data": "ab"},
        {**plain, "data": "0x a"},
        {**plain, "data": "0xabc"},
        {**plain, "data": None},
        {**plain, "extra": 1},
        {name: value for name, value in plain.items() if name != "gas_token"},
    ):
        with pytest.raises(Malformed):
            parse_draft(canonical.encode(changed))
    for raw in (draft + b" ", b" " + draft, draft.replace(b":", b": "), b"[]", b"", b"\xff"):
        with pytest.raises(Malformed):
            parse_draft(raw)


def test_sizes_are_bounded() -> None:
    """The largest call data fits a draft; one byte more makes no transaction, a huge draft is not read."""
    largest = safe_tx(data=bytes(safe.DATA_BYTES_MAX))
    assert parse_draft(encode_draft(largest)) == largest
    with pytest.raises(Malformed, match=r"safe_tx\.data"):
        safe_tx(data=bytes(safe.DATA_BYTES_MAX + 1))
    with pytest.raises(Malformed, match=r"draft\.size"):
        parse_draft(bytes(safe.DRAFT_BYTES_MAX + 1))


def test_the_hash_binds_every_place() -> None:
    """The same payment by another Safe, chain or nonce has another hash."""
    read = execution.parse_execution(DATA)
    places = [
        (VECTOR.tx.safe, 31337, 0),
        (ALICE, 31337, 0),
        (VECTOR.tx.safe, 1, 0),
        (VECTOR.tx.safe, 31337, 1),
    ]
    assert len({safe_tx_hash(read.at(*place)) for place in places}) == 4


def test_an_operation_beyond_its_type_is_malformed() -> None:
    """execTransaction with operation 256, which wraps to a call in careless decoders, is refused."""
    wide = DATA[: 4 + 96] + abi.uint(256) + DATA[4 + 128 :]
    with pytest.raises(Malformed, match=r"abi\.form"):
        execution.parse_execution(wide)
