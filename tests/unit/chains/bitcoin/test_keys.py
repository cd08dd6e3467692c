"""Extended keys of every network, key expressions, and children in bulk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from embit import bip32 as embit_bip32

from keepcool.chains import bip32, points, publickeys
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin.keys import parse_key, parse_origin, parse_xpub
from keepcool.chains.bitcoin.network_table import BITCOIN, DOGECOIN, LITECOIN, LITECOIN_REGTEST, SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.samples import ACCOUNTS, PURPOSES, XPUBS, extended

KEY = extended(PURPOSES[0])
POINT = KEY.public_key.hex()
WIF = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"


@pytest.mark.parametrize("network", SHIPPED.rows, ids=lambda row: row.name)
def test_every_version_of_a_network_is_read(network: Network) -> None:
    """xpub, ypub, Ltub, dgub and the rest are one key; embit writes each the same."""
    for version in network.key_versions:
        text = bip32.encode_xpub(KEY, bytes.fromhex(version))
        assert text == embit_bip32.HDKey.from_string(XPUBS[0]).to_base58(version=bytes.fromhex(version))
        assert bip32.parse_versioned(text) == (bytes.fromhex(version), KEY)
        assert parse_xpub(text, network) == parse_xpub(XPUBS[0], network) == KEY


@pytest.mark.parametrize(
    ("version", "network", "says"),
    [
        ("043587cf", BITCOIN, "bitcoin-test or .* not for bitcoin"),
        ("02facafd", LITECOIN, "for dogecoin, not for litecoin"),
        ("019da462", DOGECOIN, "for litecoin, not"),
        ("04b24746", LITECOIN_REGTEST, "for bitcoin, not"),
        ("01020304", BITCOIN, "a network unknown here"),
    ],
)
def test_a_key_of_another_network_is_named(version: str, network: Network, says: str) -> None:
    """A key written for another network is refused as that."""
    with pytest.raises(Malformed, match=says) as refusal:
        parse_key(bip32.encode_xpub(KEY, bytes.fromhex(version)), network)
    assert refusal.value.code == "key.network"


@pytest.mark.parametrize(
    "text",
    [
        XPUBS[0],
        f"{XPUBS[0]}/0/1/*",
        f"{XPUBS[0]}/<0;1>/*",
        f"{XPUBS[0]}/2/<5;3;9>",
        f"[4ba43603/45h]{XPUBS[0]}/7/*",
        f"[4ba43603]{XPUBS[0]}",
        ACCOUNTS[1],
        POINT,
        f"[4ba43603/0h/1]{POINT}",
    ],
)
def test_an_expression_has_one_spelling(text: str) -> None:
    """A key expression is written as it was read."""
    assert parse_key(text, BITCOIN).spelled(BITCOIN) == text
    assert parse_key(text.replace("h", "'", 1) if "h]" in text else text, BITCOIN).spelled(BITCOIN) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "key.form"),
        ("[4ba43603/45h]", "key.form"),
        (f"[4ba43603/45h] {XPUBS[0]}", "key.form"),
        (f"[4ba4360/45h]{XPUBS[0]}", "key.origin"),
        (f"[4ba43603/45h/]{XPUBS[0]}", "key.origin"),
        (f"[4ba43603/*]{XPUBS[0]}", "key.origin"),
        (f"[4ba43603/2147483648]{XPUBS[0]}", "key.path"),
        (f"{XPUBS[0]}/00", "key.path"),
        (f"{XPUBS[0]}/2147483648", "key.path"),
        (f"{XPUBS[0]}/-1", "key.path"),
        (f"{XPUBS[0]}/1h", "key.hardened"),
        (f"{XPUBS[0]}/*h", "key.path"),
        (f"{XPUBS[0]}/*/1", "key.path"),
        (f"{XPUBS[0]}/", "key.form"),
        (f"{XPUBS[0]}/<0>", "key.choice"),
        (f"{XPUBS[0]}/<0;0>", "key.choice"),
        (f"{XPUBS[0]}/<0;1h>", "key.hardened"),
        (f"{XPUBS[0]}/<0;1>/<2;3>/*", "key.choice"),
        (f"{POINT}/0", "key.path"),
        ("04" + POINT[2:] * 2, "key.form"),
        (POINT[2:], "key.form"),
        ("02" + "f" * 64, "public_key.point"),
        (XPUBS[0][:-1] + "1", "bip32.xpub"),
        (WIF, "key.secret"),
    ],
)
def test_other_expressions_are_refused(text: str, code: str) -> None:
    """Each is refused for what is wrong with it, and a secret is not repeated."""
    with pytest.raises(Malformed) as refusal:
        parse_key(text, BITCOIN)
    assert refusal.value.code == code
    assert WIF not in str(refusal.value)


def test_an_origin_is_read_in_both_notations() -> None:
    """Fingerprint in small letters, hardened steps with h."""
    found = parse_origin("D34DB33F/48'/0h/5")
    assert str(found) == "[d34db33f/48h/0h/5]"
    assert found.path == (48 + HARDENED, HARDENED, 5)


def test_children_in_bulk_are_the_children() -> None:
    """Any numbers, in any order: the same keys as one by one, and those of plain addition."""
    numbers = [0, 1, 2, 1_000_000, HARDENED - 1, 5, 5]
    assert list(bip32.children(KEY, numbers)) == [bip32.child(KEY, number).public_key for number in numbers]
    scalar = bytes(31) + b"\x05"
    assert list(points.sums(KEY.public_key, [scalar])) == [publickeys.plus(KEY.public_key, scalar)]


@pytest.mark.parametrize("number", [-1, HARDENED, 2**32, True])
def test_children_in_bulk_are_never_hardened(number: int) -> None:
    """What has no public child is refused, after those before it were given."""
    made = bip32.children(KEY, [3, number])
    assert next(made) == bip32.child(KEY, 3).public_key
    with pytest.raises(Malformed, match=r"bip32\.number"):
        next(made)


def test_threads_share_nothing() -> None:
    """Several threads deriving at once, from one key, each get what one alone gets."""
    expected = list(bip32.children(KEY, range(200)))
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: list(bip32.children(KEY, range(200))), range(12))
        assert all(each == expected for each in made)


def test_sums_that_do_not_exist_are_refused() -> None:
    """A scalar of zero or beyond the order, a sum at infinity, and a key off the curve give no key."""
    order = publickeys.CURVE_ORDER
    one = next(points.sums(KEY.public_key, [bytes(31) + b"\x01"]))
    for scalar in (bytes(32), order.to_bytes(32, "big"), b"\xff" * 32, b"\x01"):
        with pytest.raises(Malformed, match=r"public_key\.sum"):
            list(points.sums(one, [scalar]))
    generator = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    with pytest.raises(Malformed, match=r"public_key\.sum"):
        list(points.sums(generator, [(order - 1).to_bytes(32, "big")]))
    for wrong in (b"", b"\x02" + b"\xff" * 32, bytes(33)):
        with pytest.raises(Malformed, match=r"public_key\.point"):
            list(points.sums(wrong, []))


def test_no_key_is_deeper_than_its_place_can_say() -> None:
    """At depth 255 there are no children, in bulk either."""
    deepest = ExtendedKey(255, bytes(4), 0, KEY.chain_code, KEY.public_key)
    with pytest.raises(Malformed, match=r"bip32\.depth"):
        bip32.children(deepest, [0])
