"""A record of the Bitcoin family is the BIP-45 wallet its key expressions make, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepcool.chains import bip32
from keepcool.chains.accounts import node_of, wallet_number_of
from keepcool.chains.bitcoin import descriptor, script, wallets
from keepcool.chains.bitcoin.bip45 import CHANGE, RECEIVING, Place
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import BITCOIN, DOGECOIN, LITECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.wallets import Profile, parse_profile, profile_of, wallet_of
from keepcool.chains.family import terms_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import Role, WalletRecord
from tests.unit.chains.bitcoin.records import record_of
from tests.vectors import bitcoin

VECTORS = bitcoin.DATA["bip45_derived"]
FAMILY = BitcoinFamily()


def vector_record(kind: ScriptKind) -> WalletRecord:
    """The three seeds of the vectors are those of our owners."""
    record = record_of(kind)
    assert [key.public_key for key in record.owners] == VECTORS["purpose_pubkeys"]
    return record


@pytest.mark.parametrize("row", VECTORS["addresses"], ids=lambda row: row["path"])
@pytest.mark.parametrize("kind", [ScriptKind.P2SH, ScriptKind.P2WSH])
def test_addresses_are_those_three_other_implementations_give(row: dict[str, str], kind: ScriptKind) -> None:
    """Every path of the vectors, through a pool's record."""
    wallet = wallet_of(vector_record(kind))
    cosigner, change, index = (int(step) for step in row["path"].split("/")[2:])
    assert wallet.address(Place(cosigner, change, index)) == row[kind.value]


@pytest.mark.parametrize("kind", [ScriptKind.P2SH, ScriptKind.P2WSH])
def test_a_records_address_is_the_hot_keys_first(kind: ScriptKind) -> None:
    """derive_address gives receiving address 0 of the hot key's branch, as the vectors have it."""
    ranks = VECTORS["cosigner_index_of_seed"]
    rows = {row["path"]: row[kind.value] for row in VECTORS["addresses"]}
    record = vector_record(kind)
    assert FAMILY.derive_address(terms_of(record)) == rows[f"m/45'/{ranks[0]}/0/0"]
    wallet = wallet_of(record)
    assert [wallet.ranks[role] for role in (Role.HOT, Role.COOL, Role.COLD)] == ranks
    assert wallet.hot_branch == ranks[0]


@pytest.mark.parametrize("kind", list(ScriptKind))
@pytest.mark.parametrize("number", [None, 0, 7, 2**31 - 1])
def test_keys_scripts_and_descriptors_of_a_wallet_agree(kind: ScriptKind, number: int | None) -> None:
    """At any place the script is made of the three leaf keys, sorted; the descriptors read back give the
    same script; what is owned there says the same leaf."""
    wallet = wallet_of(record_of(kind, number=number, network=LITECOIN))
    read = [descriptor.parse_descriptor(text, LITECOIN) for text in wallet.descriptors()]
    for change in (RECEIVING, CHANGE):
        place = wallet.place(change, 12)
        leaf = (place.cosigner, place.change, place.index)
        keys = sorted(wallet.leaf_key(role, leaf) for role in Role)
        made = script.locked(script.multisig(2, keys, kind), kind)
        assert wallet.script(place) == made.script_pubkey
        assert read[place.cosigner].branch(change).locking(12) == made
        owned = wallet.owned(place)
        assert owned.locking == made
        assert wallet.own()(made.script_pubkey, owned.keypaths) == owned
        assert {keypath.path[-3:] for keypath in owned.keypaths} == {leaf}
        with pytest.raises(Malformed) as refusal:
            wallet.owned(replace(place, wallet=3))
        assert refusal.value.code == "bip45.wallet"


@pytest.mark.parametrize("number", [None, 5])
def test_an_owners_expression_leads_to_its_key_on_record(number: int | None) -> None:
    """What signers take keys below is the node the wallet derives from."""
    record = record_of(number=number)
    wallet = wallet_of(record)
    for key in record.owners:
        assert node_of(key) == wallet.nodes[key.role]
        assert wallet.leaf_key(key.role, ()).hex() == key.public_key
        assert wallet_number_of(key) == number == wallet.number


def changed(origin: Callable[[str], str], role: int = 0, number: int | None = 7) -> WalletRecord:
    """One owner's origin changed."""
    record = record_of(number=number)
    owners = list(record.owners)
    owners[role] = replace(owners[role], origin=origin(owners[role].origin))
    return replace(record, owners=(owners[0], owners[1], owners[2]))


def with_key(place: int, public_key: str) -> WalletRecord:
    record = record_of(number=7)
    owners = list(record.owners)
    owners[place] = replace(owners[place], public_key=public_key)
    return replace(record, owners=(owners[0], owners[1], owners[2]))


THIEF = record_of(number=7, owners=("thief", "cool", "cold")).owners[0]
TWICE = replace(
    record_of(number=7),
    owners=(
        record_of(number=7).owners[0],
        replace(record_of(number=7).owners[0], role=Role.COOL),
        record_of(number=7).owners[2],
    ),
)
WRONG = {
    "another key": (with_key(1, THIEF.public_key), "bitcoin.owner"),
    "another's expression": (changed(lambda _: THIEF.origin), "bitcoin.owner"),
    "one key twice": (TWICE, "script.twice"),
    "another number": (changed(lambda text: text[:-1] + "8"), "bitcoin.number"),
    "no number": (changed(lambda text: text[:-2]), "bitcoin.number"),
    "a number in a pool": (changed(lambda text: text + "/7", number=None), "bitcoin.number"),
    "a number with a zero before it": (changed(lambda text: text[:-1] + "07"), "bitcoin.origin"),
    "a hardened number": (changed(lambda text: text + "h"), "bitcoin.origin"),
    "too high a number": (changed(lambda text: text[:-1] + "2147483648"), "bitcoin.origin"),
    "an apostrophe": (changed(lambda text: text.replace("45h", "45'")), "bitcoin.origin"),
    "another purpose": (changed(lambda text: text.replace("45h", "48h")), "bitcoin.origin"),
    "another fingerprint": (changed(lambda text: "[00000000" + text[9:]), "bitcoin.origin"),
    "capital letters": (changed(lambda text: text[:9].upper() + text[9:]), "bitcoin.origin"),
    "no origin": (changed(lambda text: text.partition("]")[2]), "bitcoin.origin"),
    "nothing": (changed(lambda _: ""), "bitcoin.origin"),
    "a step more": (changed(lambda text: text + "/0"), "bitcoin.origin"),
    "a checksum that fails": (changed(lambda text: text[:-3] + "1/7"), "bip32.xpub"),
    "one signature": (replace(record_of(number=7), threshold=1), "bitcoin.threshold"),
    "three signatures": (replace(record_of(number=7), threshold=3), "bitcoin.threshold"),
    "a pool's profile": (
        replace(record_of(number=7), profile=profile_of(ScriptKind.P2WSH, pooled=True)),
        "bitcoin.number",
    ),
    "an unknown profile": (replace(record_of(number=7), profile="bip45-p2tr"), "bitcoin.profile"),
    "a network unknown": (
        replace(record_of(number=7), network=NetworkId("bip122:" + "0" * 32)),
        "network.unknown",
    ),
    "a script the network does not enforce": (
        replace(record_of(number=7), network=DOGECOIN.id),
        "script.network",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_terms_that_make_no_wallet(name: str) -> None:
    """No address is derived, and the code says why."""
    record, code = WRONG[name]
    with pytest.raises(Malformed) as refusal:
        FAMILY.derive_address(terms_of(record))
    assert refusal.value.code == code


def test_the_unchanged_terms_make_a_wallet() -> None:
    """The twin: what the wrong ones were made from gives an address, one for each number and network."""
    networks = (BITCOIN, LITECOIN, LITECOIN_REGTEST)
    records = [record_of(number=number, network=one) for number in (None, 0, 7) for one in networks]
    assert len({record.address for record in records}) == len(records)
    for record in records:
        assert FAMILY.derive_address(terms_of(record)) == record.address


def test_the_owners_order_is_part_of_the_record_not_of_the_scripts() -> None:
    """With hot and cool exchanged the same places have the same scripts; only whose branch is handed out
    changes."""
    one, other = (
        wallet_of(record_of(owners=names)) for names in (("hot", "cool", "cold"), ("cool", "hot", "cold"))
    )
    assert one.bip45 == other.bip45
    assert wallets.first_address(one) != wallets.first_address(other)


def test_profiles_have_one_name_each() -> None:
    """Six profiles, written and read back; anything near them is refused."""
    names = {
        profile_of(kind, pooled): Profile(kind, pooled) for kind in ScriptKind for pooled in (True, False)
    }
    assert len(names) == 6
    assert {name: parse_profile(name) for name in names} == names
    for text in ("p2wsh", "bip45", "bip45-", "bip45-pool-", "bip45-pool", "BIP45-p2wsh", "bip45-p2wsh ", ""):
        with pytest.raises(Malformed, match="profile"):
            parse_profile(text)


def test_a_network_of_ones_own_is_found_where_it_is_known() -> None:
    """A row that only this process knows derives; without it the same record is refused."""
    mine = replace(LITECOIN, name="mycoin", genesis="ab" * 32, hrp="my")
    record = replace(record_of(number=1), network=mine.id)
    assert BitcoinFamily(Networks((mine,))).derive_address(terms_of(record)).startswith("my1")
    with pytest.raises(Malformed) as refusal:
        FAMILY.derive_address(terms_of(record))
    assert refusal.value.code == "network.unknown"


def test_an_extended_key_of_another_place_is_no_purpose_key() -> None:
    """A child that claims to be the purpose key is refused by its own depth and number."""
    record = record_of(number=7)
    node = wallet_of(record).nodes[Role.HOT]
    origin = f"[{node.parent.hex()}/45h]{bip32.encode_xpub(node)}/7"
    owners = (replace(record.owners[0], origin=origin), *record.owners[1:])
    with pytest.raises(Malformed) as refusal:
        wallet_of(replace(record, owners=(owners[0], owners[1], owners[2])))
    assert refusal.value.code == "bitcoin.origin"
