"""Addresses: one spelling each, help with every other, and other networks' told apart."""

from __future__ import annotations

import pytest
from embit import base58 as embit_base58
from embit import bech32 as embit_bech32

from keepcool.chains import base58
from keepcool.chains.bitcoin import bech32
from keepcool.chains.bitcoin.address import parse_address, parse_recipient, spell
from keepcool.chains.bitcoin.network_table import (
    BITCOIN,
    BITCOIN_REGTEST,
    DASH,
    DOGECOIN,
    LITECOIN,
    LITECOIN_REGTEST,
    SHIPPED,
)
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.script import p2wsh
from keepcool.core.errors import Malformed

HASH = bytes.fromhex("89abcdefabbaabbaabbaabbaabbaabbaabbaabba")
P2SH, P2PKH = b"\xa9\x14" + HASH + b"\x87", b"\x76\xa9\x14" + HASH + b"\x88\xac"
P2WSH = "bc1qwqdg6squsna38e46795at95yu9atm8azzmyvckulcc7kytlcckxswvvzej"
P2WPKH = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"  # BIP-173
TAPROOT = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"  # BIP-350
LEGACY_LITECOIN = "3CDJNfdWX8m2NwuGUV3nhXHXEeLygMXoAj"


@pytest.mark.parametrize("script", [P2SH, P2PKH], ids=["p2sh", "p2pkh"])
@pytest.mark.parametrize("network", SHIPPED.rows, ids=lambda row: row.name)
def test_hashes_are_spelled_as_embit_spells_them(network: Network, script: bytes) -> None:
    """Under every version a network reads, embit's text of the hash is the script's, and the first is what
    we write."""
    versions = network.p2sh if script is P2SH else network.p2pkh
    texts = [embit_base58.encode_check(bytes((version,)) + HASH) for version in versions]
    assert spell(network, script) == texts[0]
    for text in texts:
        assert parse_address(network, text) == script
        assert parse_recipient(network, text) == texts[0]


@pytest.mark.parametrize(
    "script", [p2wsh(HASH), b"\x00\x14" + HASH, b"\x51\x20" + HASH[:12] * 2 + bytes(8)], ids=len
)
@pytest.mark.parametrize("network", [row for row in SHIPPED if row.hrp], ids=lambda row: row.name)
def test_witness_programs_are_spelled_as_embit_spells_them(network: Network, script: bytes) -> None:
    """embit's text of a witness program is ours, and is read back to the script."""
    version = script[0] and script[0] - 0x50
    text = embit_bech32.encode(network.hrp, version, script[2:])
    assert spell(network, script) == parse_recipient(network, text) == text
    assert parse_address(network, text) == script


def test_capital_letters_are_read_and_never_written() -> None:
    """An all-capital address, as in QR codes, is read; the one spelling is small."""
    assert parse_recipient(BITCOIN, P2WPKH) == P2WPKH.lower()
    with pytest.raises(Malformed, match="mixed"):
        parse_recipient(BITCOIN, P2WPKH[:-1] + P2WPKH[-1].lower() + "q")


def test_litecoins_older_prefix_is_read_and_never_written() -> None:
    """3… and M… are one script on Litecoin; only M… is written."""
    script = parse_address(LITECOIN, LEGACY_LITECOIN)
    assert parse_recipient(LITECOIN, LEGACY_LITECOIN) == spell(LITECOIN, script)
    assert spell(LITECOIN, script).startswith("M")


@pytest.mark.parametrize(
    ("network", "text", "says"),
    [
        (LITECOIN, P2WSH, "an address of bitcoin and this is litecoin"),
        (BITCOIN, spell(LITECOIN, P2SH), "an address of litecoin and this is bitcoin"),
        (BITCOIN, spell(LITECOIN_REGTEST, P2SH), "litecoin-test or litecoin-regtest"),
        (BITCOIN, spell(BITCOIN_REGTEST, parse_address(BITCOIN, P2WSH)), "an address of bitcoin-regtest"),
        (BITCOIN_REGTEST, P2WSH, "an address of bitcoin and this is bitcoin-regtest"),
        (DOGECOIN, LEGACY_LITECOIN, "an address of bitcoin or litecoin"),
        (DASH, spell(DOGECOIN, P2PKH), "an address of dogecoin"),
        (BITCOIN, "0x" + 40 * "a", "an EVM address"),
        (BITCOIN, "Mx" + 40 * "a", "a Minter address"),
        (BITCOIN, "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "a Tron address"),
    ],
)
def test_another_networks_address_is_named(network: Network, text: str, says: str) -> None:
    """A sound address of another network is refused as that, not as a typing error."""
    with pytest.raises(Malformed, match=says) as refusal:
        parse_recipient(network, text)
    assert refusal.value.code == "address.network"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at most 35"),
        (" " + P2WSH, "a space"),
        (P2WSH + "\n", "a space"),
        (P2WSH[:-1] + "q", "checksum"),
        (P2WSH.replace("q", "Q", 1), "mixed"),
        ("bc1", "8 to 90"),
        ("bc1bbbbbbbb", "outside the Bech32 alphabet"),
        ("bc1qqqqqqqé", "characters that no address has"),
        ("3EExK1K1TF3v7zsFtQHt14XqexCwgmXM1z", "checksum"),
        ("3EExK1K1TF3v7zsFtQHt14XqexCwgmXM10", "Base58"),
        (base58.encode(b"\x05" + HASH[:-1]), "prefix"),
        (base58.encode(b"\x77" + HASH), "prefix"),
        (base58.encode(HASH * 2), "at most 35"),
    ],
)
def test_what_is_no_address_is_explained(text: str, says: str) -> None:
    """Nothing is repaired: the error says what is wrong with the text."""
    with pytest.raises(Malformed, match=says) as refusal:
        parse_recipient(BITCOIN, text)
    assert refusal.value.code == "address.form"


@pytest.mark.parametrize(
    ("network", "version", "program"),
    [
        (BITCOIN, 1, bytes(20)),
        (BITCOIN, 1, b"\x4e\x73"),
        (BITCOIN, 2, bytes(32)),
        (BITCOIN, 16, bytes(40)),
    ],
)
def test_programs_without_rules_are_addresses_and_no_recipients(
    network: Network, version: int, program: bytes
) -> None:
    """A witness program nobody has given rules to can be spent by anybody: it is read, and never paid."""
    address = bech32.encode(network.hrp, version, program)
    assert spell(network, parse_address(network, address)) == address
    with pytest.raises(Malformed, match=r"address\.future"):
        parse_recipient(network, address)


@pytest.mark.parametrize("script", [b"", b"\x6a\x01\x00", P2SH[:-1], P2SH + b"\0", b"\x00\x15" + bytes(21)])
@pytest.mark.parametrize("network", SHIPPED.rows, ids=lambda row: row.name)
def test_scripts_without_an_address_are_refused(network: Network, script: bytes) -> None:
    """What is neither script hash, key hash nor witness program has no address."""
    with pytest.raises(Malformed):
        spell(network, script)


def test_there_is_no_witness_without_a_prefix() -> None:
    """On a network without segregated witness a witness program has no address."""
    with pytest.raises(Malformed, match=r"address\.script"):
        spell(DOGECOIN, parse_address(BITCOIN, P2WSH))
