"""Descriptors and BIP-48 wallets: what is read, what leads where, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains import bip32
from keepcool.chains.bitcoin import checksum, descriptor
from keepcool.chains.bitcoin.branch import Branch
from keepcool.chains.bitcoin.descriptor import parse_descriptor
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN, DASH, DOGECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.samples import ACCOUNTS, NESTED_ACCOUNTS, PURPOSES, XPUBS, extended, points
from tests.vectors.bitcoin import btclib_script, embit_script

A, B, C = XPUBS
# A's key said to lie elsewhere: another text, another fingerprint, the same person.
MOVED = bip32.encode_xpub(replace(extended(PURPOSES[0]), depth=7, parent=b"else", number=9))
ONE, TWO, THREE = (point.hex() for point in points(3))


@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize(
    "text",
    [
        f"sh(sortedmulti(2,{A}/0/<0;1>/*,{B}/0/<0;1>/*,{C}/0/<0;1>/*))",
        f"wsh(multi(2,{C}/<0;1>/*,{B}/<4;5>/*,{A}/<0;1>/*))",
        f"sh(wsh(sortedmulti(2,{A}/<0;1>/*,{B}/<0;1>/*)))",
        f"wsh(sortedmulti(1,{A}/<0;1>/*,{THREE}))",
        f"wsh(multi(2,{A}/<0;1>/*,{B}/9))",
    ],
)
def test_three_implementations_agree(text: str, choice: int) -> None:
    """embit and btclib find the same script at each index; the bulk way finds it too."""
    found = parse_descriptor(text, BITCOIN)
    assert found.spelled(BITCOIN) == checksum.with_checksum(text)
    scripts = list(found.branch(choice).script_pubkeys(range(3)))
    for index in range(3):
        assert scripts[index] == found.branch(choice).locking(index).script_pubkey
        assert scripts[index] == btclib_script(text, index, choice)
        if "/9)" not in text:  # embit adds the index to a key without /*
            assert scripts[index] == embit_script(text, index, choice)


@pytest.mark.parametrize(("wrapper", "mark"), [("wsh({})", "2h"), ("sh(wsh({}))", "1h")])
def test_a_bip48_wallet_is_its_descriptor(wrapper: str, mark: str) -> None:
    """The three accounts make the descriptor that other wallets export, keys in the order given."""
    accounts = ACCOUNTS if mark == "2h" else NESTED_ACCOUNTS
    kind = ScriptKind.P2WSH if mark == "2h" else ScriptKind.P2SH_P2WSH
    wallet = descriptor.bip48([parse_key(account, BITCOIN) for account in accounts], 2, kind)
    inner = f"sortedmulti(2,{','.join(account + '/<0;1>/*' for account in accounts)})"
    assert wallet.spelled(BITCOIN) == checksum.with_checksum(wrapper.format(inner))


@pytest.mark.parametrize(
    ("keys", "kind", "code"),
    [
        (ACCOUNTS, ScriptKind.P2SH_P2WSH, "bip48.place"),
        (NESTED_ACCOUNTS, ScriptKind.P2WSH, "bip48.place"),
        (XPUBS, ScriptKind.P2WSH, "bip48.place"),
        ((ACCOUNTS[0] + "/0", *ACCOUNTS[1:]), ScriptKind.P2WSH, "bip48.place"),
        ((ONE, TWO, THREE), ScriptKind.P2WSH, "bip48.place"),
        (ACCOUNTS, ScriptKind.P2SH, "bip48.kind"),
        (ACCOUNTS[:1] * 3, ScriptKind.P2WSH, "script.twice"),
        (ACCOUNTS[:1], ScriptKind.P2WSH, "script.threshold"),
    ],
)
def test_keys_from_elsewhere_make_no_bip48_wallet(keys: tuple[str, ...], kind: ScriptKind, code: str) -> None:
    """An account lies at its type's place; anything else is refused, as are equal keys."""
    with pytest.raises(Malformed) as refusal:
        descriptor.bip48([parse_key(key, BITCOIN) for key in keys], 2, kind)
    assert refusal.value.code == code


def test_keys_are_written_for_the_network() -> None:
    """The same wallet on another network: the keys under its version, the scripts the same."""
    found = parse_descriptor(f"sh(sortedmulti(2,{A}/*,{B}/*,{C}/*))", BITCOIN)
    for network, beginning in ((LITECOIN_REGTEST, "tpub"), (DOGECOIN, "dgub")):
        text = found.spelled(network)
        assert text.count(beginning) == 3
        assert parse_descriptor(text, network) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "descriptor.kind"),
        (f"sortedmulti(2,{A},{B})", "descriptor.kind"),
        (f"wsh(pkh({A}))", "descriptor.kind"),
        (f"wsh(sh(sortedmulti(2,{A},{B})))", "descriptor.kind"),
        (f"sh(sh(sortedmulti(2,{A},{B})))", "descriptor.kind"),
        (f"tr(sortedmulti(2,{A},{B}))", "descriptor.kind"),
        (f"wsh(sortedmulti_a(2,{A},{B}))", "descriptor.kind"),
        (f"wsh(sortedmulti(2,{A},{B})", "descriptor.kind"),
        (f"wsh(sortedmulti(2,{A},{B})))", "key.form"),
        (f" wsh(sortedmulti(2,{A},{B}))", "descriptor.kind"),
        (f"wsh(sortedmulti(2, {A},{B}))", "key.form"),
        (f"wsh(sortedmulti({A},{B}))", "descriptor.threshold"),
        (f"wsh(sortedmulti(0,{A},{B}))", "descriptor.threshold"),
        (f"wsh(sortedmulti(02,{A},{B}))", "descriptor.threshold"),
        (f"wsh(sortedmulti(3,{A},{B}))", "script.threshold"),
        (f"wsh(sortedmulti(1,{A},{A}))", "script.twice"),
        (f"wsh(sortedmulti(1,{A}/1/*,{A}/1/*))", "script.twice"),
        (f"wsh(sortedmulti(1,{ONE},{ONE}))", "script.twice"),
        (f"wsh(sortedmulti(2,{A}/0/*,{A}/1/*))", "script.twice"),
        (f"wsh(sortedmulti(2,{A}/<0;1>/*,{A}/<2;1>/*))", "script.twice"),
        (f"wsh(sortedmulti(2,{A}/*,{MOVED}/*))", "script.twice"),
        (f"wsh(sortedmulti(2,{A}/*,{extended(PURPOSES[0]).public_key.hex()}))", "script.twice"),
        (f"wsh(sortedmulti(2,{A}/<{';'.join(map(str, range(17)))}>/*,{B}/*))", "key.choice"),
        (f"wsh(sortedmulti(2,{A}{'/0' * 17}/*,{B}/*))", "key.path"),
        (f"wsh(sortedmulti(2,{A}/<0;1>/*,{B}/<0;1;2>/*))", "descriptor.choices"),
        (f"wsh(sortedmulti(2,{A}/*,{B}/*))#aaaaaaaa", "descriptor.checksum"),
        (f"wsh(sortedmulti(2,{A}/*,{B}/*))#", "descriptor.checksum"),
        (f"wsh(sortedmulti(2,{A}/*,{B}/*))é", "descriptor.characters"),
        ("wsh(sortedmulti(2," + ",".join([A] * 99) + "))", "descriptor.form"),
    ],
)
def test_what_is_no_wallet_is_refused(text: str, code: str) -> None:
    """Other shapes, numbers and keys are refused, each for what it is."""
    with pytest.raises(Malformed) as refusal:
        parse_descriptor(text, BITCOIN)
    assert refusal.value.code == code


@pytest.mark.parametrize("wrapper", ["wsh({})", "sh(wsh({}))"])
def test_a_network_without_witness_takes_no_witness_script(wrapper: str) -> None:
    """On Dash such coins could be taken by anybody; the same wallet in P2SH is read."""
    inner = f"sortedmulti(2,{A}/*,{B}/*,{C}/*)"
    with pytest.raises(Malformed, match=r"script\.network"):
        parse_descriptor(wrapper.format(inner), DASH)
    assert parse_descriptor(f"sh({inner})", DASH).kind is ScriptKind.P2SH


def test_every_changed_letter_is_noticed() -> None:
    """With its checksum, a descriptor in which one character is another is refused."""
    text = parse_descriptor(f"wsh(sortedmulti(2,{A}/<0;1>/*,{B}/<0;1>/*))", BITCOIN).spelled(BITCOIN)
    for place, letter in enumerate(text):
        with pytest.raises(Malformed):
            parse_descriptor(text[:place] + ("2" if letter != "2" else "3") + text[place + 1 :], BITCOIN)


def test_alternatives_are_numbered() -> None:
    """There is nothing at an alternative that the descriptor does not offer."""
    found = parse_descriptor(f"wsh(sortedmulti(2,{A}/<0;1>/*,{B}/<0;1>/*))", BITCOIN)
    assert (found.choices, found.ranged) == (2, True)
    for choice in (-1, 2, True):
        with pytest.raises(Malformed, match=r"descriptor\.choice"):
            found.branch(choice)
    with pytest.raises(Malformed, match=r"key\.choice"):
        found.keys[0].chosen(2)


@pytest.mark.parametrize("index", [-1, 2**31, True])
def test_an_index_is_a_small_number(index: int) -> None:
    """Hardened indices, and what is no number, have no address."""
    branch = parse_descriptor(f"wsh(sortedmulti(2,{A}/*,{B}/*))", BITCOIN).branch()
    with pytest.raises(Malformed, match=r"bip32\.number"):
        branch.locking(index)
    with pytest.raises(Malformed, match=r"bip32\.number"):
        list(branch.script_pubkeys((0, index)))


def test_a_branch_of_equal_keys_is_never_made() -> None:
    """Whoever builds one by hand meets the same refusal, for a copy under another place or chain code too."""
    key = extended(PURPOSES[0])
    for copy in (key, replace(key, depth=9), replace(key, chain_code=bytes(32)), key.public_key):
        with pytest.raises(Malformed, match=r"script\.twice"):
            Branch(ScriptKind.P2WSH, 2, True, (key, copy))
    with pytest.raises(Malformed, match=r"script\.threshold"):
        Branch(ScriptKind.P2WSH, 2, True, (key,))


def test_a_key_smuggled_in_as_a_child_is_found() -> None:
    """A single key that is somebody's child 5 counts once: at index 5 there is no script, in bulk neither.
    Elsewhere it is a key like any other, as in btclib, which gives a script at index 5 as well."""
    child = bip32.child(extended(PURPOSES[0]), 5).public_key.hex()
    text = f"wsh(sortedmulti(2,{A}/*,{B}/*,{child}))"
    branch = parse_descriptor(text, BITCOIN).branch()
    assert list(branch.script_pubkeys(range(4, 5))) == [btclib_script(text, 4)]
    assert len(btclib_script(text, 5)) == 34
    with pytest.raises(Malformed, match=r"script\.twice"):
        list(branch.script_pubkeys(range(5, 6)))
    with pytest.raises(Malformed, match=r"script\.twice"):
        branch.locking(5)
