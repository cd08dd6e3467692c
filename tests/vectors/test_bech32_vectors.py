"""Segregated witness addresses against the test vectors of BIP-350.

Source: github.com/bitcoin/bips, bip-0350.mediawiki, "Test vectors for v0-v16 native segregated witness
addresses".
"""

from __future__ import annotations

import pytest

from keepcool.chains.bitcoin.address import parse_address, spell
from keepcool.chains.bitcoin.network_table import BITCOIN, BITCOIN_TEST
from keepcool.core.errors import Malformed

VALID = [
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    ("BC1SW50QGDZ25J", "6002751e"),
    ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
    (
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
]
INVALID = [
    ("human-readable part", "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut"),
    ("checksum of Bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    ("checksum of Bech32", "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf"),
    ("checksum of Bech32", "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL"),
    ("checksum of Bech32m", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh"),
    ("checksum of Bech32m", "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47"),
    ("character in checksum", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4"),
    ("witness version", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R"),
    ("1 byte", "bc1pw5dgrnzv"),
    ("41 bytes", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav"),
    ("16 bytes in version 0", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P"),
    ("mixed case", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq"),
    ("more than 4 padding bits", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf"),
    ("padding is not zero", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j"),
    ("no data", "bc1gmk9yu"),
]


@pytest.mark.parametrize(("text", "script"), VALID)
def test_valid_addresses(text: str, script: str) -> None:
    """Each leads to its script, and the script back to its small spelling."""
    network = BITCOIN if text.lower().startswith("bc") else BITCOIN_TEST
    assert parse_address(network, text).hex() == script
    assert spell(network, bytes.fromhex(script)) == text.lower()


@pytest.mark.parametrize(("why", "text"), INVALID)
def test_invalid_addresses(why: str, text: str) -> None:
    """None is read, on either network."""
    for network in (BITCOIN, BITCOIN_TEST):
        with pytest.raises(Malformed) as refusal:
            parse_address(network, text)
        assert refusal.value.code == "address.form", why
