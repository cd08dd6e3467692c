"""EVM addresses: one spelling, and a refusal that says what to do."""

from __future__ import annotations

import pytest

from keepcool.chains.evm import address
from keepcool.chains.publickeys import parse_public_key
from keepcool.core.errors import Malformed

GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55's first example


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0x52908400098527886E0F7030069857D2E4169EE7",  # all upper case by its checksum
        "0xde709f2102306220921060314715629080e2fb77",  # all lower case by its checksum
    ],
)
def test_reads_the_spelling_of_eip_55(text: str) -> None:
    """The examples of EIP-55 are read, and spelled the same from their bytes."""
    assert address.parse_address(text) == text
    assert address.to_checksum(bytes.fromhex(text[2:])) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD.lower(), "address.checksum"),
        ("0x" + GOOD[2:].upper(), "address.checksum"),
        (GOOD[:-1] + "D", "address.checksum"),
        (GOOD[:-1] + "e", "address.checksum"),
        ("Mx" + GOOD[2:].lower(), "address.network"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "address.network"),
        ("BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ", "address.network"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "address.network"),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "address.network"),
        ("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "address.network"),
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "address.network"),
        (GOOD[2:], "address.form"),
        (GOOD + "00", "address.form"),
        (" " + GOOD, "address.form"),
        (GOOD + "\n", "address.form"),
        ("vitalik.eth", "address.form"),
        ("", "address.form"),
    ],
)
def test_refuses_any_other_text(text: str, code: str) -> None:
    """A wrong, absent or foreign spelling is refused with a code of its own."""
    with pytest.raises(Malformed) as refused:
        address.parse_address(text)
    assert refused.value.code == code


@pytest.mark.parametrize("number", [0, 1, 9, 0x100, 0xDEAD])
def test_refuses_a_recipient_who_cannot_exist(number: int) -> None:
    """Zero, precompiles and burn addresses are addresses, and not recipients."""
    text = address.to_checksum(number.to_bytes(20, "big"))
    assert address.parse_address(text) == text
    with pytest.raises(Malformed, match=r"address\.reserved"):
        address.parse_recipient(text)


def test_an_account_comes_from_its_public_key() -> None:
    """The account of the generator point is the well-known address of the secret 1."""
    key = parse_public_key("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert address.of_public_key(key) == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
