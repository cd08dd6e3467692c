"""Minter addresses and assets: one spelling, and help with every other."""

from __future__ import annotations

import pytest

from keepcool.chains.minter.address import of_multisig, parse_address, parse_recipient, spelled
from keepcool.chains.minter.assets import chain_id_of, coin_asset, coin_of, network_of_chain
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, asset_id, network_id
from tests.unit.chains.minter.samples import ALICE, BIP, USDTE
from tests.vectors import minter

DIGITS = ALICE[2:]


@pytest.mark.parametrize("address", [*minter.ADDRESSES.values(), minter.WALLET, ALICE])
def test_an_address_keeps_its_one_spelling(address: str) -> None:
    """Mx and 40 lower-case digits are an address, and a recipient."""
    assert parse_address(address) == parse_recipient(address) == address


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("Mx" + DIGITS[:-1], "address.form", "exactly 40 digits, here are 39"),
        ("Mx" + DIGITS + "0", "address.form", "exactly 40 digits, here are 41"),
        ("Mx" + DIGITS.upper(), "address.form", "lower case"),
        ("Mx" + DIGITS[:-1] + "A", "address.form", "lower case"),
        ("Mx" + DIGITS[:-1] + "g", "address.form", "only the digits"),
        ("Mx" + DIGITS[:-1] + "١", "address.form", "only the digits"),
        ("mx" + DIGITS, "address.form", "capital M, small x"),
        ("MX" + DIGITS, "address.form", "capital M, small x"),
        (DIGITS, "address.form", "capital M, small x"),
        (" " + ALICE, "address.form", "a space"),
        (ALICE + "\n", "address.form", "a space"),
        ("", "address.form", "capital M, small x"),
        ("Mp" + 64 * "a", "address.form", "a public key"),
        ("Mt" + 64 * "a", "address.form", "a transaction's hash"),
        ("Mc" + 80 * "a", "address.form", "a cheque"),
        ("0x" + DIGITS, "address.network", "an EVM address"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "address.network", "Bitcoin"),
        ("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "address.network", "Tron"),
    ],
)  # fmt: skip
def test_any_other_spelling_is_refused_and_explained(text: str, code: str, says: str) -> None:
    """Nodes pad and crop what they are given; here everything else is refused, with what is wrong with it."""
    with pytest.raises(Malformed, match=says) as refusal:
        parse_address(text)
    assert refusal.value.code == code


@pytest.mark.parametrize("number", [0, 1, 0xFFFF])
def test_an_address_that_is_nobodys_is_no_recipient(number: int) -> None:
    """Zero and what a node makes of a few digits are addresses, but nobody is paid there."""
    address = f"Mx{number:040x}"
    assert parse_address(address) == address
    with pytest.raises(Malformed, match="belongs to nobody"):
        parse_recipient(address)


@pytest.mark.parametrize("nonce", [0, -1, 2**64])
def test_a_creation_has_a_nonce(nonce: int) -> None:
    """No account has a transaction of such a nonce."""
    with pytest.raises(Malformed, match="whole number from 1"):
        of_multisig(ALICE, nonce)


def test_an_address_is_twenty_bytes() -> None:
    """Neither 19 nor 21 bytes are spelled."""
    assert spelled(bytes(20)) == "Mx" + 40 * "0"
    for size in (19, 21):
        with pytest.raises(Malformed, match="20 bytes"):
            spelled(bytes(size))


@pytest.mark.parametrize("chain_id", [1, 2, 255])
def test_a_network_is_its_chain_id(chain_id: int) -> None:
    """CAIP-2 and CAIP-19 names go both ways, and are well formed."""
    network = network_of_chain(chain_id)
    assert network == network_id(f"minter:{chain_id}")
    assert chain_id_of(network) == chain_id
    for coin in (0, 1993, 2**32 - 1):
        assert coin_of(asset_id(coin_asset(network, coin)), network) == coin


@pytest.mark.parametrize("text", ["minter:0", "minter:256", "minter:01", "minter:", "eip155:1", "minter:1 "])
def test_no_other_network_is_read(text: str) -> None:
    """Other families, chain ids beyond a byte and second spellings are refused."""
    with pytest.raises(Malformed, match="not a Minter network"):
        chain_id_of(text)


@pytest.mark.parametrize(
    ("asset", "code"),
    [
        ("minter:2/coin:0", "asset.network"),
        ("eip155:1/slip44:60", "asset.network"),
        ("minter:1/coin:00", "asset.unknown"),
        ("minter:1/coin:4294967296", "asset.unknown"),
        ("minter:1/coin:BIP", "asset.unknown"),
        ("minter:1/slip44:60", "asset.unknown"),
    ],
)
def test_no_other_asset_is_read(asset: str, code: str) -> None:
    """A coin is its number on this network; symbols, which can change hands, name nothing."""
    assert (coin_of(BIP, NetworkId("minter:1")), coin_of(USDTE, NetworkId("minter:1"))) == (0, 1993)
    with pytest.raises(Malformed) as refusal:
        coin_of(AssetId(asset), NetworkId("minter:1"))
    assert refusal.value.code == code


@pytest.mark.parametrize("wrong", [0, 256, True])
def test_no_number_beyond_a_byte_is_a_chain(wrong: int) -> None:
    """Zero, 256 and what is no number name no chain; nor a coin beyond 32 bits."""
    with pytest.raises(Malformed):
        network_of_chain(wrong)
    with pytest.raises(Malformed):
        coin_asset(NetworkId("minter:1"), 2**32)
