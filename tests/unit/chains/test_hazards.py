"""Everything that is not an ordinary payment is named as a hazard or refused as malformed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepcool.chains.evm import abi, decode, payouts
from keepcool.chains.evm.batch import Call, encode_batch
from keepcool.chains.evm.profiles import PROFILES, profile_named
from keepcool.chains.evm.safe import SafeTx
from keepcool.chains.evm.selectors import FUNCTIONS, Function
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from tests.unit.chains.samples import ALICE, BOB, CHAIN, PROFILE, SAFE, TOKEN, safe_tx

ZERO = "0x" + 40 * "0"
BATCH = PROFILE.multisend_call_only.address
THRESHOLD_ONE = bytes.fromhex("694e80c3") + abi.uint(1)
SAMPLES: dict[str, bytes | abi.Tail] = {
    "address": abi.address(BOB),
    "bytes": abi.dynamic_bytes(b""),
    "bytes32": bytes(32),
    "bool": abi.uint(1),
    "address[]": abi.addresses((ALICE, BOB)),
}


def transfer(recipient: str, units: int = 5) -> bytes:
    return payouts.TRANSFER + abi.encode(abi.address(recipient), abi.uint(units))


TRANSFER = transfer(ALICE)


def codes(tx: SafeTx) -> list[str]:
    return [hazard.code for hazard in decode.decode_safe_tx(tx, PROFILE).hazards]


def batch(*calls: Call) -> SafeTx:
    return safe_tx(to=BATCH, data=encode_batch(calls), operation=1)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_selectors_are_the_hashes_of_their_signatures(function: Function) -> None:
    """Each written selector is computed again from the signature beside it."""
    assert keccak256(function.signature.encode())[:4] == function.selector


@pytest.mark.parametrize(
    "function", [f for f in FUNCTIONS.values() if f.hazard], ids=lambda function: function.signature
)
def test_a_named_function_is_a_hazard_by_name(function: Function) -> None:
    """Owners, threshold, guard, modules, approvals and their like are named, alone and in a batch."""
    arguments = [SAMPLES.get(kind, abi.uint(1)) for kind in function.kinds]
    data = function.selector + abi.encode(*arguments)
    for tx in (safe_tx(to=TOKEN, data=data), batch(Call(ALICE, 1, b""), Call(TOKEN, 0, data))):
        effects = decode.decode_safe_tx(tx, PROFILE)
        assert [hazard.code for hazard in effects.hazards] == [function.hazard]
        assert function.name in effects.hazards[0].text
        assert effects.calls[-1].name == function.signature
        assert not [payment for payment in effects.payments if payment.recipient == TOKEN]
    with pytest.raises(Malformed):
        codes(safe_tx(to=TOKEN, data=data + bytes(32)))
    if function.kinds:
        with pytest.raises(Malformed):
            codes(safe_tx(to=TOKEN, data=data[:-1]))


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("safe_tx_gas", lambda tx: replace(tx, safe_tx_gas=1)),
        ("base_gas", lambda tx: replace(tx, base_gas=1)),
        ("gas_price", lambda tx: replace(tx, gas_price=1)),
        ("gas_token", lambda tx: replace(tx, gas_token=TOKEN)),
        ("refund_receiver", lambda tx: replace(tx, refund_receiver=BOB)),
    ],
)
@pytest.mark.parametrize("tx", [safe_tx(value=1), safe_tx(to=SAFE)], ids=["payment", "void"])
def test_a_gas_refund_is_a_hazard(tx: SafeTx, field: str, change: Callable[[SafeTx], SafeTx]) -> None:
    """Any of the five fields that could pay the executor or burn the nonce is a hazard of its own."""
    assert codes(tx) == []
    assert codes(change(tx)) == [f"safe.{field}"]


@pytest.mark.parametrize(
    "to", [ALICE, SAFE, ZERO, TOKEN, profile_named("safe-1.4.1-l1").multisend_call_only.address]
)
@pytest.mark.parametrize(
    "data", [b"", TRANSFER, encode_batch([Call(ALICE, 1, b"")])], ids=["", "transfer", "batch"]
)
def test_a_delegatecall_to_anything_else_is_a_hazard(to: str, data: bytes) -> None:
    """Whatever its data look like, a delegatecall to another contract is no payment and stays opaque."""
    effects = decode.decode_safe_tx(safe_tx(to=to, data=data, operation=1), PROFILE)
    assert [hazard.code for hazard in effects.hazards] == ["safe.delegatecall"]
    assert (effects.payments, decode.opaque(effects)) == ((), effects.hazards)


def test_only_the_profiles_own_batch_contract_is_trusted() -> None:
    """The batch of one version is a payment under its profile and a hazard under every other."""
    for profile in PROFILES:
        own = profile.multisend_call_only.address
        for other in PROFILES:
            tx = safe_tx(to=own, data=encode_batch([Call(ALICE, 1, b"")]), operation=1)
            clean = not decode.decode_safe_tx(tx, other).hazards
            assert clean == (other.multisend_call_only.address == own)


@pytest.mark.parametrize(
    ("tx", "expected"),
    [
        (safe_tx(to=SAFE, value=1), ["safe.self_call"]),
        (safe_tx(to=SAFE, data=b"\1\2\3\4"), ["safe.self_call", "call.unknown"]),
        (batch(Call(SAFE, 0, b"")), ["safe.self_call", "call.empty"]),
        (batch(Call(ZERO, 0, b"")), ["recipient.zero", "call.empty"]),
        (batch(Call(ZERO, 0, TRANSFER)), ["recipient.zero"]),
        (batch(Call(ZERO, 5, b"")), ["recipient.zero"]),
        (safe_tx(to=ZERO, value=5), ["recipient.zero"]),
        (safe_tx(to="0x" + 39 * "0" + "4", value=5), ["recipient.reserved"]),
        (safe_tx(to=ALICE), ["call.empty"]),
        (safe_tx(to=TOKEN, value=1, data=TRANSFER), ["call.value"]),
        (safe_tx(to=TOKEN, data=transfer(TOKEN)), ["token.recipient"]),
        (safe_tx(to=TOKEN, data=transfer(ZERO)), ["recipient.reserved"]),
        (safe_tx(to=TOKEN, data=b"\xde\xad\xbe\xef"), ["call.unknown"]),
        (safe_tx(to=TOKEN, data=b"\xa9"), ["call.unknown"]),
        (safe_tx(to=BATCH, value=1), ["recipient.contract"]),
        (safe_tx(to=TOKEN, data=transfer(BATCH)), ["recipient.contract"]),
        (batch(), ["safe.batch_empty"]),
        (replace(batch(Call(ALICE, 1, b"")), value=1), ["safe.batch_value"]),
        (safe_tx(to=BATCH, data=encode_batch([Call(ALICE, 1, b"")])), ["safe.nested", "call.unknown"]),
        (batch(Call(BATCH, 0, encode_batch([Call(ALICE, 1, b"")]))), ["safe.nested", "call.unknown"]),
        (batch(Call(ALICE, 1, b""), Call(SAFE, 0, THRESHOLD_ONE)), ["safe.self_call", "safe.threshold"]),
    ],
)  # fmt: skip
def test_what_no_payment_has(tx: SafeTx, expected: list[str]) -> None:
    """Calls of the wallet itself, lost coins, empty, valued and unknown calls each have their code."""
    assert codes(tx) == expected


def test_value_beside_a_token_call_is_counted_as_paid() -> None:
    """Coins sent along with a contract call stand among the payments, beside the hazard."""
    effects = decode.decode_safe_tx(safe_tx(to=TOKEN, value=7, data=TRANSFER), PROFILE)
    assert [(payment.recipient, payment.amount.units) for payment in effects.payments] == [
        (TOKEN, 7),
        (ALICE, 5),
    ]


@pytest.mark.parametrize(
    "data",
    [
        TRANSFER + b"\0",
        TRANSFER + bytes(32),
        TRANSFER[:-1],
        TRANSFER[:4],
        TRANSFER[:4] + b"\1" + TRANSFER[5:],
        TRANSFER[:15] + b"\1" + TRANSFER[16:],
    ],
    ids=["a byte more", "a word more", "a byte less", "no arguments", "dirty first byte", "dirty last byte"],
)
def test_a_transfer_in_another_encoding_is_malformed(data: bytes) -> None:
    """Trailing bytes and dirty address words, which a token might ignore, are refused, also in a batch."""
    for tx in (safe_tx(to=TOKEN, data=data), batch(Call(TOKEN, 0, data))):
        with pytest.raises(Malformed, match=r"abi\.form"):
            codes(tx)


def test_a_batch_is_read_to_its_last_byte() -> None:
    """A cut call, a byte behind the last call (which the contract ignores), a delegatecall: malformed."""
    packed = encode_batch([Call(ALICE, 1, b"")])[4 + 64 : 4 + 64 + 85]
    for body in (packed[:-1], packed + b"\0", packed + bytes(31), b"\1" + packed[1:], b"\2" + packed[1:]):
        data = encode_batch([])[:4] + abi.encode(abi.dynamic_bytes(body))
        with pytest.raises(Malformed, match=r"batch\."):
            codes(safe_tx(to=BATCH, data=data, operation=1))


@pytest.mark.parametrize("operation", [2, -1, 255])
def test_an_unknown_operation_makes_no_safe_tx(operation: int) -> None:
    """There is call and delegatecall; nothing else can even be written down."""
    with pytest.raises(Malformed, match=r"safe_tx\.operation"):
        safe_tx(operation=operation)
    assert safe_tx(operation=0).chain_id == CHAIN
