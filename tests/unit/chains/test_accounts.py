"""Accounts are pinned whole or not at all, and each wallet has the children that its number says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from embit.bip32 import HDKey
from embit.bip39 import mnemonic_to_seed
from eth_account import Account as Oracle

from keepcool.chains import accounts
from keepcool.chains.accounts import LAYOUT, NO_ACCOUNTS, AccountPin, account_pins, child_key, parse_account
from keepcool.core.errors import Malformed, Refused
from keepcool.core.registry import OwnerKey, Role
from keepcool.hazmat import papers
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS, address

COOL_WORDS, COLD_WORDS = ABANDON_ART, LETTERS
MASTER = (
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1"
    "EGMcet8"
)
ORIGIN = "[5436d724/44h/60h/1h]"


def pin_of(words: str, role: Role, family: str = "minter") -> AccountPin:
    return next(one.pin for one in papers.opened(words, role).accounts if one.pin.family == family)


@pytest.fixture(scope="module")
def cool() -> AccountPin:
    return pin_of(COOL_WORDS, Role.COOL)


@pytest.fixture(scope="module")
def cold() -> AccountPin:
    return pin_of(COLD_WORDS, Role.COLD)


@pytest.mark.parametrize("number", [0, 1, 7, 2**31 - 1])
def test_children_are_those_another_wallet_derives(cool: AccountPin, number: int) -> None:
    """The public child equals the account that eth-account derives, in secret, from the same words."""
    Oracle.enable_unaudited_hdwallet_features()
    oracle = Oracle.from_mnemonic(COOL_WORDS, account_path=f"m/44'/60'/1'/0/{number}")
    key = child_key(cool, number)
    assert address(bytes.fromhex(key.public_key)) == oracle.address.lower()
    assert (key.role, key.origin) == (Role.COOL, f"{ORIGIN}/0/{number}")
    assert accounts.account_origin_of(key) == cool.origin
    assert accounts.wallet_number_of(key) == number


def test_a_pin_survives_being_written_down(cool: AccountPin) -> None:
    """What stands in a file is read back to the same pin; the key expression is origin and xpub."""
    assert parse_account(Role.COOL, **accounts.plain(cool)) == cool
    assert cool.origin == ORIGIN
    assert cool.expression == ORIGIN + cool.xpub


def test_a_row_of_the_layout_is_all_a_family_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one row more, the same words give one account more, and the old one stays what it was."""
    before = [one.pin for one in papers.opened(COOL_WORDS, Role.COOL).accounts]
    monkeypatch.setitem(dict_of_layout(), "other", "48h/0h/0h/2h")
    after = [one.pin for one in papers.opened(COOL_WORDS, Role.COOL).accounts]
    assert after[: len(before)] == before
    added = after[-1]
    assert (added.family, added.origin) == ("other", "[5436d724/48h/0h/0h/2h]")
    assert parse_account(Role.COOL, **accounts.plain(added)) == added


def dict_of_layout() -> dict[str, str]:
    assert isinstance(LAYOUT, dict)
    return LAYOUT


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"family": "evm"}, r"account\.family"),
        ({"origin": "[5436d724/44h/60h/0h]"}, r"account\.origin"),
        ({"origin": "[5436D724/44h/60h/1h]"}, r"account\.origin"),
        ({"origin": "44h/60h/1h"}, r"account\.origin"),
        ({"origin": "[5436d724/44h/60h/1h]/0"}, r"account\.origin"),
        ({"xpub": MASTER}, r"account\.place"),
        ({"xpub": "xpub"}, r"bip32\.xpub"),
    ],
)  # fmt: skip
def test_refuses_a_pin_that_does_not_fit(cool: AccountPin, changed: dict[str, str], code: str) -> None:
    """Family, origin, xpub and layout must agree; a master key or another account is no pin."""
    with pytest.raises(Malformed, match=code):
        parse_account(Role.COOL, **(accounts.plain(cool) | changed))


def test_refuses_one_account_for_cool_and_cold(cool: AccountPin, cold: AccountPin) -> None:
    """Cool and cold of one secret would be one key of two; two accounts for one role are refused too."""
    with pytest.raises(Malformed, match=r"account\.same"):
        account_pins([cool, replace(cool, role=Role.COLD)])
    with pytest.raises(Malformed, match=r"account\.twice"):
        account_pins([cool, replace(cold, role=Role.COOL)])


def test_a_family_without_accounts_gets_no_wallets(cool: AccountPin, cold: AccountPin) -> None:
    """An installation that pins none, or only one, says which pin is missing; with both it makes keys."""
    for pins, lacking in (
        (NO_ACCOUNTS, "cool_accounts and cold_accounts"),
        (account_pins([cool]), "pin cold_accounts"),
        (account_pins([cold]), "pin cool_accounts"),
    ):
        with pytest.raises(Refused, match=rf"account\.unpinned.*{lacking}"):
            pins.owner_keys("minter", 0)
    made = account_pins([cool, cold]).owner_keys("minter", 0)
    assert made == (child_key(cool, 0), child_key(cold, 0))


def test_a_records_keys_are_checked_against_the_pins(cool: AccountPin, cold: AccountPin) -> None:
    """Both keys must be children under one number, each as key, origin and role; anything else is refused."""
    pins = account_pins([cool, cold])
    seven, eight = pins.owner_keys("minter", 7), pins.owner_keys("minter", 8)
    assert pins.wallet_number("minter", *seven) == 7
    stranger = child_key(replace(pin_of(COLD_WORDS, Role.COLD), role=Role.COOL, origin=cool.origin), 7)
    for wrong in (
        (seven[0], eight[1]),
        (replace(seven[0], public_key=eight[0].public_key), seven[1]),
        (replace(seven[0], origin=eight[0].origin), seven[1]),
        (stranger, seven[1]),
        (replace(seven[0], origin=f"[00000000/44h/60h/1h]/0/{7}"), seven[1]),
        (replace(seven[0], origin="44h/60h/0h/0/0"), seven[1]),
        (seven[1], seven[0]),
    ):
        with pytest.raises(Refused, match=r"account\.child"):
            pins.wallet_number("minter", *wrong)


@pytest.mark.parametrize(
    "origin",
    [f"{ORIGIN}/1/7", f"{ORIGIN}/0/7h", f"{ORIGIN}/0/07", f"{ORIGIN}/0/2147483648", f"{ORIGIN}/0", "["],
)
def test_refuses_an_origin_that_is_nearly_a_childs(origin: str) -> None:
    """Another branch, a hardened or misspelt number, or no number: malformed, never taken for a leaf key."""
    with pytest.raises(Malformed, match=r"account\.key_origin"):
        accounts.wallet_number_of(OwnerKey(Role.COOL, "02" + "11" * 32, origin))


def test_leaf_keys_belong_to_no_account() -> None:
    """The origins of EVM's shared keys and of hot keys name no account."""
    for origin in ("", "44h/60h/0h/0/0"):
        assert accounts.account_origin_of(OwnerKey(Role.COOL, "", origin)) is None
        assert accounts.wallet_number_of(OwnerKey(Role.COOL, "", origin)) is None


def test_a_bitcoin_key_carries_its_whole_expression(cool: AccountPin) -> None:
    """Wallet w: origin, xpub and /w; a pool: the account itself. Both lead back to the account and the node,
    and embit derives the same from the words."""
    pin = pin_of(COOL_WORDS, Role.COOL, "bitcoin")
    assert pin.origin == "[5436d724/45h]"
    seven, pool = child_key(pin, 7), child_key(pin, None)
    assert (seven.origin, pool.origin) == (f"{pin.expression}/7", pin.expression)
    root = HDKey.from_seed(mnemonic_to_seed(COOL_WORDS))
    for key, path, number, steps in ((seven, "m/45h/7", 7, (7,)), (pool, "m/45h", None, ())):
        assert key.public_key == root.derive(path).get_public_key().sec().hex()
        assert accounts.wallet_number_of(key) == number
        assert accounts.steps_of(key) == steps
        assert accounts.account_origin_of(key) == pin.origin
        assert accounts.account_named_by(key) == pin.expression
        node = accounts.node_of(key)
        assert node is not None
        assert node.public_key.hex() == key.public_key
    minter = child_key(cool, 7)
    assert accounts.node_of(minter) is None
    assert accounts.steps_of(minter) == (0, 7)
    assert accounts.account_named_by(minter) == cool.origin


def test_a_bitcoin_key_that_is_not_its_expressions_is_refused() -> None:
    """Public key and expression must agree, and the expression has one form."""
    pin = pin_of(COOL_WORDS, Role.COOL, "bitcoin")
    seven = child_key(pin, 7)
    with pytest.raises(Malformed, match=r"account\.key_node"):
        accounts.node_of(replace(seven, public_key=child_key(pin, 8).public_key))
    for below in ("/07", "/7h", "/2147483648", "/0/7", "/*", "/"):
        with pytest.raises(Malformed, match=r"account\.key_origin"):
            accounts.node_of(replace(seven, origin=pin.expression + below))
    with pytest.raises(Malformed, match=r"account\.pool"):
        child_key(pin_of(COOL_WORDS, Role.COOL), None)


def test_a_pools_keys_are_the_accounts_themselves() -> None:
    """Pins tell a pool (None) from wallet 0, and neither passes for the other."""
    pins = account_pins([pin_of(COOL_WORDS, Role.COOL, "bitcoin"), pin_of(COLD_WORDS, Role.COLD, "bitcoin")])
    pool, first = pins.owner_keys("bitcoin", None), pins.owner_keys("bitcoin", 0)
    assert pins.wallet_number("bitcoin", *pool) is None
    assert pins.wallet_number("bitcoin", *first) == 0
    leaf = OwnerKey(Role.COOL, pool[0].public_key, "44h/60h/0h/0/0")
    for wrong in ((pool[0], first[1]), (first[0], pool[1]), (leaf, pool[1]), (pool[1], pool[0])):
        with pytest.raises(Refused, match=r"account\.child"):
            pins.wallet_number("bitcoin", *wrong)
