"""The families of a process: those of the release, and networks that only it knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.bitcoin.network_table import LITECOIN, SHIPPED, read_networks
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.families import Families, family_named, family_of
from keepcool.chains.family import terms_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from tests.unit.chains.bitcoin.psbt.samples import SEGWIT, honest
from tests.unit.chains.bitcoin.records import record_of

FORK = b"""
[[network]]
name = "mycoin"
symbol = "MYC"
genesis = "abababababababababababababababababababababababababababababababab"
coin_type = 9999
p2pkh = [50]
p2sh = [51]
hrp = "myc"
key_versions = ["0488b21e"]
dust_rate = 3000
fee_rate_min = 1000
confirmations = [[0, 6]]
block_s = 60
"""
NETWORKS = read_networks(FORK)
MINE = Families(NETWORKS)
NETWORK = NetworkId("bip122:" + "ab" * 16)


def test_a_fork_lives_from_a_file_alone() -> None:
    """A row of TOML and no code: addresses, drafts and recipients of it, beside all that are shipped."""
    record = replace(record_of(), network=NETWORK)
    record = replace(record, address=MINE.named("bitcoin").derive_address(terms_of(record)))
    assert record.address.startswith("myc1")
    effects = MINE.of(NETWORK).decode(encode_psbt(honest(SEGWIT)), record)
    assert (effects.network, effects.fee_asset) == (NETWORK, f"{NETWORK}/slip44:9999")
    assert effects.payments[0].recipient.startswith("myc1")
    assert MINE.parse_recipient(NETWORK, record.address.upper()) == record.address
    assert MINE.named("bitcoin") != family_named("bitcoin")
    for shipped in SHIPPED:
        assert NETWORKS.of(shipped.id) == shipped


def test_who_was_not_given_the_file_refuses_it() -> None:
    """The twin: the same record and draft, without the row."""
    record = replace(record_of(), network=NETWORK)
    for asked in (
        lambda: family_of(NETWORK).derive_address(terms_of(record)),
        lambda: family_of(NETWORK).decode(encode_psbt(honest(SEGWIT)), record),
        lambda: family_of(NETWORK).parse_recipient(NETWORK, "myc1"),
    ):
        with pytest.raises(Malformed) as refusal:
            asked()
        assert refusal.value.code == "network.unknown"


def test_the_functions_are_those_of_what_is_shipped() -> None:
    """Every family by name and by network is the same either way."""
    assert Families() == Families(SHIPPED)
    for name, network in (("evm", "eip155:1"), ("minter", "minter:1"), ("bitcoin", LITECOIN.id)):
        assert family_named(name) == Families().named(name) == family_of(NetworkId(network))
        assert MINE.of(NetworkId(network)).name == name
    for known in (Families(), MINE):
        with pytest.raises(Malformed, match="no family called"):
            known.named("dogecoin")
        with pytest.raises(Malformed, match="no family here serves"):
            known.of(NetworkId("solana:mainnet"))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"\xff", "not readable as TOML"),
        (b"[[network]", "not readable as TOML"),
        (b"a = 1", "file of networks is wrong"),
        (FORK.replace(b"p2sh = [51]\n", b""), "file of networks is wrong"),
        (FORK.replace(b"p2sh = [51]", b"p2sh = [500]"), "is wrong in p2pkh and p2sh"),
        (FORK + FORK, "one name or one genesis"),
        (FORK.replace(b"mycoin", b"litecoin"), "one name or one genesis"),
        (b"#" * (256 * 1024 + 1), "at most"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(document: bytes, told: str) -> None:
    """Nothing of it is taken."""
    with pytest.raises(Malformed) as refusal:
        read_networks(document)
    assert refusal.value.code.startswith("network.")
    assert told in refusal.value.public
