"""Bitcoin's public-key side against published vectors and against two other implementations.

Source: github.com/bitcoin/bips at the commit named in bitcoin.json, and addresses computed from three seeds
by embit, libwally and BDK, which agree.
"""

from __future__ import annotations

from typing import Any

import pytest

from keepcool.chains import bip32
from keepcool.chains.bitcoin import bip45, checksum, descriptor, script
from keepcool.chains.bitcoin.address import parse_address, spell
from keepcool.chains.bitcoin.descriptor import parse_descriptor
from keepcool.chains.bitcoin.keys import parse_key, parse_path
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed
from tests.vectors import bitcoin
from tests.vectors.bitcoin import DATA, SEEDS, btclib_script, embit_script, public_form

CHAINS = [(row["path"], row) for vector in DATA["bip32"] for row in vector["chains"]]
BIP45 = DATA["bip45_derived"]
BIP48 = [
    (row["descriptor"], address) for row in DATA["bip48_derived"]["by_script_type"].values()
    for address in row["addresses"]
]  # fmt: skip
MULTIS = [row for row in DATA["bip383"]["valid"] if row["desc"].startswith(("sh(", "wsh("))]
BARE = [row["desc"] for row in DATA["bip383"]["valid"] if not row["desc"].startswith(("sh(", "wsh("))]
OTHERS = [row["desc"] for bip in ("bip381", "bip382", "bip386") for row in DATA[bip]["valid"]]
NO_WALLETS = [row["desc"] for bip in ("bip381", "bip382", "bip383", "bip386") for row in DATA[bip]["invalid"]]
CHECKSUMS = [row["desc"] for row in DATA["bip380"]["valid"] if row["desc"].startswith("raw(")]
KEYS = [row["desc"] for row in DATA["bip380"]["valid"] if not row["desc"].startswith(("raw(", "'"))]


@pytest.mark.parametrize(("path", "row"), CHAINS)
def test_every_published_extended_key_has_one_text(path: str, row: dict[str, str]) -> None:
    """BIP-32: an xpub is read and written back to the same text, and lies as deep as its path says."""
    version, key = bip32.parse_versioned(row["xpub"])
    assert bip32.encode_xpub(key, version) == row["xpub"]
    assert key.depth == path.count("/")


@pytest.mark.parametrize("row", DATA["bip32_invalid"], ids=lambda row: row["reason"])
def test_invalid_extended_keys_are_refused_without_being_repeated(row: dict[str, str]) -> None:
    """BIP-32: none of the published invalid keys is read, and no error repeats one."""
    with pytest.raises(Malformed) as refusal:
        parse_key(row["key"], BITCOIN)
    assert row["key"][4:20] not in str(refusal.value)


@pytest.mark.parametrize("row", DATA["bip67"], ids=lambda row: str(row["vector"]))
def test_keys_are_sorted_by_their_bytes(row: dict[str, Any]) -> None:
    """BIP-67: the sorted keys, the script and the address of each vector."""
    keys = sorted(bytes.fromhex(key) for key in row["list"])
    assert [key.hex() for key in keys] == row["sorted"]
    made = script.multisig(row["m"], keys, ScriptKind.P2SH)
    assert made.hex() == row["script"]
    assert spell(BITCOIN, script.p2sh(made)) == row["address"]
    assert script.parse_multisig(made) == (row["m"], tuple(keys))


def test_cosigners_are_ranked_by_their_purpose_keys() -> None:
    """BIP-45: the published order, and the paths of its examples."""
    listed = [bytes.fromhex(key) for key in DATA["bip45"]["purpose_pubkeys_listed"]]
    assert [key.hex() for key in sorted(listed)] == DATA["bip45"]["cosigner_order"]
    wallet = bip45.pooled(bitcoin.purposes())
    ranks = [wallet.rank(bytes.fromhex(key)) for key in BIP45["purpose_pubkeys"]]
    assert ranks == BIP45["cosigner_index_of_seed"]
    for row in DATA["bip45"]["examples"]:
        path = row["path"].replace("*", "0")
        assert str(bip45.parse_place(path)) == path


@pytest.mark.parametrize("kind", [ScriptKind.P2SH, ScriptKind.P2WSH])
@pytest.mark.parametrize("row", BIP45["addresses"], ids=lambda row: row["path"])
def test_bip45_addresses(row: dict[str, str], kind: ScriptKind) -> None:
    """BIP-45: every address of the three seeds, on all branches, from public keys alone."""
    wallet = bip45.pooled(bitcoin.purposes(), BIP45["m"], kind)
    place = bip45.parse_place(row["path"])
    assert spell(BITCOIN, wallet.locking(place).script_pubkey) == row[kind.value]
    assert parse_address(BITCOIN, row[kind.value]) == wallet.locking(place).script_pubkey


def test_bip45_descriptor_is_the_published_one() -> None:
    """The receiving branch of cosigner 0, spelled as other tools were given it."""
    found = bip45.pooled(bitcoin.purposes(), kind=ScriptKind.P2SH).descriptor(0).chosen(0)
    assert found.spelled(BITCOIN).partition("#")[0] == BIP45["descriptor_sh_cos0_ext"]


@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize("index", [0, 1, 19, 2**31 - 1])
@pytest.mark.parametrize("kind", ScriptKind)
def test_three_implementations_agree_on_bip45(kind: ScriptKind, index: int, choice: int) -> None:
    """Pooled and segregated, every script: embit and btclib derive the same from our descriptors."""
    wallets = [
        bip45.pooled(bitcoin.purposes(), 2, kind),
        bip45.segregated(bitcoin.purposes(), 70_000, 2, kind),
    ]
    for wallet in wallets:
        for found in wallet.descriptors():
            ours = found.branch(choice).locking(index).script_pubkey
            assert next(found.branch(choice).script_pubkeys((index,))) == ours
            text = found.spelled(BITCOIN)
            assert embit_script(text, index, choice) == ours
            assert btclib_script(text, index, choice) == ours


@pytest.mark.parametrize(("text", "row"), BIP48)
def test_bip48_addresses(text: str, row: dict[str, Any]) -> None:
    """BIP-48: the descriptors are read and written to the same text, and lead to the same addresses."""
    found = parse_descriptor(text, BITCOIN)
    assert found.spelled(BITCOIN) == text
    assert found.choices == 2
    locking = found.branch(row["chain"]).locking(row["index"])
    assert spell(BITCOIN, locking.script_pubkey) == row["address"]


@pytest.mark.parametrize("row", DATA["bip48"]["examples"], ids=lambda row: row["path"])
def test_bip48_paths(row: dict[str, str]) -> None:
    """BIP-48: at each example path our script is the one btclib makes of the keys embit finds there."""
    numbers = list(parse_path(row["path"][2:]))
    account, kind = row["path"].rsplit("/", 2)[0], ScriptKind(row["script"])
    assert numbers[4] == (1 if row["chain"] == "change" else 0)
    accounts = [parse_key(bitcoin.public_at(seed, account), BITCOIN) for seed in SEEDS]
    wallet = descriptor.bip48(accounts, 2, kind)
    leaves = [bitcoin.public_at(seed, row["path"]).partition("]")[2] for seed in SEEDS]
    around = {ScriptKind.P2WSH: "wsh({})", ScriptKind.P2SH_P2WSH: "sh(wsh({}))"}[kind]
    by_leaf = around.format(f"sortedmulti(2,{','.join(leaves)})")
    assert wallet.branch(numbers[4]).locking(numbers[5]).script_pubkey == btclib_script(by_leaf, 0)


@pytest.mark.parametrize("text", CHECKSUMS)
def test_checksums(text: str) -> None:
    """BIP-380: the right checksum, or none, is taken; empty, short, long and altered ones are not."""
    if text in ("raw(deadbeef)#89f8spxm", "raw(deadbeef)"):
        assert checksum.without_checksum(text) == "raw(deadbeef)"
        assert checksum.with_checksum("raw(deadbeef)") == "raw(deadbeef)#89f8spxm"
    else:
        with pytest.raises(Malformed):
            checksum.without_checksum(text)


@pytest.mark.parametrize("text", KEYS)
def test_key_expressions(text: str) -> None:
    """BIP-380: a public one is written as it was read (h for '); secret, uncompressed and hardened ones
    are refused for what they are."""
    body = text.partition("]")[2] or text
    refused = {
        "xprv": "bip32.secret", "04a3": "key.form", "5KYZ": "key.secret", "L4rK": "key.secret",
    }.get(body[:4], "key.hardened" if "h" in body[111:] else None)  # fmt: skip
    if refused is None:
        assert parse_key(text, BITCOIN).spelled(BITCOIN) == text.replace("'", "h")
    else:
        with pytest.raises(Malformed) as refusal:
            parse_key(text, BITCOIN)
        assert refusal.value.code == refused
        assert body[4:24] not in str(refusal.value)


@pytest.mark.parametrize("row", DATA["bip380"]["invalid"], ids=lambda row: row["why"])
def test_invalid_key_expressions(row: dict[str, str]) -> None:
    """BIP-380: none of the published invalid expressions is read."""
    with pytest.raises(Malformed):
        parse_key(row["desc"], BITCOIN)


@pytest.mark.parametrize("row", MULTIS, ids=lambda row: row["desc"][:24])
def test_multisig_scripts(row: dict[str, Any]) -> None:
    """BIP-383: the published scripts, the published secret keys replaced by the public ones they stand for;
    with the secrets in it the descriptor is refused."""
    for index, expected in enumerate(row["scripts"]):
        found = parse_descriptor(public_form(row["desc"], index), BITCOIN)
        assert found.branch().locking(index).script_pubkey.hex() == expected
    if "prv" in row["desc"] or public_form(row["desc"], 0) != row["desc"].partition("#")[0]:
        with pytest.raises(Malformed):
            parse_descriptor(row["desc"], BITCOIN)


@pytest.mark.parametrize("text", [*OTHERS, *BARE, *NO_WALLETS])
def test_what_is_no_wallet_here_is_refused(text: str) -> None:
    """BIP-381, 382, 383, 386: single keys, bare multisig, taproot, and all invalid ones give no wallet."""
    with pytest.raises(Malformed):
        parse_descriptor(text, BITCOIN)


@pytest.mark.parametrize("row", DATA["bip389"]["valid"], ids=lambda row: row["desc"][:30])
def test_alternatives(row: dict[str, Any]) -> None:
    """BIP-389: each alternative of a key is the published one; a descriptor of ours splits as published."""
    if row["desc"].startswith("sh(multi"):
        found = parse_descriptor(row["desc"], BITCOIN)
        split = [found.chosen(each).spelled(BITCOIN).partition("#")[0] for each in range(found.choices)]
        assert split == row["scripts"]
    elif "prv" not in row["desc"]:
        for place, key in enumerate(_arguments(row["desc"])):
            found_key = parse_key(key, BITCOIN)
            for choice, single in enumerate(row["scripts"]):
                assert found_key.chosen(choice).spelled(BITCOIN) == _arguments(single)[place]


@pytest.mark.parametrize("row", DATA["bip389"]["invalid"], ids=lambda row: row["why"])
def test_invalid_alternatives(row: dict[str, str]) -> None:
    """BIP-389: none of the published invalid ones is read, neither its keys nor as a descriptor."""
    with pytest.raises(Malformed):
        parse_descriptor(row["desc"], BITCOIN)
    if row["why"] != "Multipath specifiers of mismatched lengths":
        with pytest.raises(Malformed):
            parse_key(_arguments(row["desc"])[0], BITCOIN)


def _arguments(text: str) -> list[str]:
    inside = text.rpartition("(")[2].partition(")")[0].split(",")
    return inside[1:] if inside[0].isdigit() else inside
