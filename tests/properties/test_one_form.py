"""An intent and a draft have one encoding, however it is written and however its form is proved."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.chains.evm import payouts
from keepcool.chains.evm.safe import encode_draft, parse_draft
from keepcool.core import canonical
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import INTENT_VERSION, Intent, Output, Purpose, parse_intent
from keepcool.core.money import Amount
from tests.unit.chains.samples import ALICE, CHAIN, SAFE

NETWORK, ETH = NetworkId("eip155:31337"), AssetId("eip155:31337/slip44:60")
UNITS = st.integers(1, 2**256 - 1)
OUTPUTS = st.lists(st.builds(Output, st.text(), st.builds(Amount, st.just(ETH), UNITS)), max_size=3)
IDS = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
DRAFT = encode_draft(payouts.pay_native(safe=SAFE, chain_id=CHAIN, nonce=1, recipient=ALICE, wei=10**18))


def intent_of(name: str, outputs: list[Output], expires_at_s: int) -> Intent:
    purpose = Purpose.PAY if outputs else Purpose.VOID
    return Intent(
        IntentId(name),
        purpose,
        NETWORK,
        WalletId("w1"),
        tuple(outputs),
        Amount(ETH, 7),
        expires_at_s,
    )


@given(IDS, OUTPUTS, st.integers(1, 2**80))
def test_an_intent_is_written_as_canonical_json(name: str, outputs: list[Output], expires_at_s: int) -> None:
    """The spelled-out encoding is that of `canonical.encode`, whatever text a recipient holds, and it reads
    back to the same intent."""
    intent = intent_of(name, outputs, expires_at_s)
    rows = [
        {"asset": one.amount.asset, "recipient": one.recipient, "units": str(one.amount.units)}
        for one in outputs
    ]
    plain: dict[str, canonical.Plain] = {
        "expires_at_s": expires_at_s,
        "fee_max": {"asset": ETH, "units": "7"},
        "intent": name,
        "network": NETWORK,
        "outputs": rows,
        "purpose": intent.purpose.value,
        "source": "w1",
        "version": INTENT_VERSION,
    }
    assert intent.encoded() == canonical.encode(plain)
    assert parse_intent(intent.encoded()) == intent


INTENT = intent_of("i1", [Output(ALICE, Amount(ETH, 5))], 1_800_000_000).encoded()
OTHER_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "a space": lambda raw: raw.replace(b",", b", ", 1),
    "a newline at the end": lambda raw: raw + b"\n",
    "another order": lambda raw: json.dumps(dict(reversed(json.loads(raw).items()))).encode(),
    "a key twice": lambda raw: raw[:-1] + b"," + raw[1:].split(b",", 1)[0] + b"}",
    "an escape": lambda raw: raw.replace(b"31337", b"\\u0033" + b"1337", 1),
    "a number with a point": lambda raw: raw.replace(b'":1', b'":1.0', 1),
    "a field more": lambda raw: raw[:-1] + b',"zz":1}',
    "no object": lambda raw: b"[" + raw + b"]",
    "deep nonsense": lambda _: b"[" * 5000 + b"]" * 5000,
    "not ASCII": lambda raw: raw.replace(b"0x", "０x".encode(), 1),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
@pytest.mark.parametrize("raw", [INTENT, DRAFT], ids=["intent", "draft"])
def test_another_spelling_is_malformed(name: str, raw: bytes) -> None:
    """The same content in any other bytes is refused; in its own bytes it is read."""
    parse = parse_intent if raw is INTENT else parse_draft
    other = OTHER_FORMS[name](raw)
    assert parse(raw)
    if other != raw:
        with pytest.raises(Malformed):
            parse(other)
