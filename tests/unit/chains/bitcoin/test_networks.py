"""Networks as data: the rows we ship, and rows that are added."""

from __future__ import annotations

import struct
import tomllib

import pytest
from embit.networks import NETWORKS as EMBIT_NETWORKS

from keepcool.chains.bitcoin.address import parse_recipient, spell
from keepcool.chains.bitcoin.network_table import (
    BITCOIN,
    BITCOIN_REGTEST,
    DASH,
    DOGECOIN,
    LITECOIN,
    LITECOIN_REGTEST,
    SHIPPED,
    with_rows,
)
from keepcool.chains.bitcoin.networks import Network, Replacement, check, described
from keepcool.chains.bitcoin.script import ScriptKind, p2sh, p2wsh
from keepcool.chains.bitcoin.transaction import hash256
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, asset_id, network_id

BITCOINS = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
LITECOINS = "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9"
DOGECOINS = "5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69"
GENESIS = [
    ("bitcoin", BITCOINS, 1231006505, 0x1D00FFFF, 2083236893),
    ("bitcoin-test", BITCOINS, 1296688602, 0x1D00FFFF, 414098458),
    ("bitcoin-signet", BITCOINS, 1598918400, 0x1E0377AE, 52613770),
    ("bitcoin-regtest", BITCOINS, 1296688602, 0x207FFFFF, 2),
    ("litecoin", LITECOINS, 1317972665, 0x1E0FFFF0, 2084524493),
    ("litecoin-test", LITECOINS, 1486949366, 0x1E0FFFF0, 293345),
    ("litecoin-regtest", LITECOINS, 1296688602, 0x207FFFFF, 0),
    ("dogecoin", DOGECOINS, 1386325540, 0x1E0FFFF0, 99943),
]
FORK = """
[[network]]
name = "digibyte"
symbol = "DGB"
genesis = "7497ea1b465eb39f1c8f507bc877078fe016d6fcb6dfad3a64c98dcc6e1e8496"
coin_type = 20
p2pkh = [30]
p2sh = [63]
hrp = "dgb"
key_versions = ["0488b21e"]
dust_rate = 3000
fee_rate_min = 10000
confirmations = [[0, 40], [100000000000, 120]]
block_s = 15
"""


@pytest.mark.parametrize("row", SHIPPED.rows, ids=lambda row: row.name)
def test_every_shipped_row_is_sound(row: Network) -> None:
    """Each row passes the checks that added rows must pass, and its ids are CAIP-2 and CAIP-19."""
    check(row)
    assert network_id(row.id) == row.id
    assert asset_id(row.asset) == row.asset
    assert SHIPPED.named(row.name) is SHIPPED.named(row.id) is SHIPPED.of(row.id) is row
    assert SHIPPED.of_asset(row.asset) is row


@pytest.mark.parametrize(("name", "merkle_root", "time_s", "bits", "nonce"), GENESIS)
def test_a_genesis_hash_is_that_of_the_header(
    name: str, merkle_root: str, time_s: int, bits: int, nonce: int
) -> None:
    """Hashing the first header of each chain gives the hash in its row. Dash hashes otherwise (X11)."""
    root = bytes.fromhex(merkle_root)[::-1]
    header = struct.pack("<I32s32sIII", 1, bytes(32), root, time_s, bits, nonce)
    assert hash256(header)[::-1].hex() == SHIPPED.named(name).genesis


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("bitcoin", "main"),
        ("bitcoin-test", "test"),
        ("bitcoin-signet", "signet"),
        ("bitcoin-regtest", "regtest"),
    ],
)
def test_bitcoins_prefixes_are_embits(name: str, theirs: str) -> None:
    """Every prefix of Bitcoin's networks stands in embit's table too."""
    row, other = SHIPPED.named(name), EMBIT_NETWORKS[theirs]
    assert (bytes(row.p2pkh), bytes(row.p2sh), row.hrp) == (other["p2pkh"], other["p2sh"], other["bech32"])
    versions = [other[kind].hex() for kind in ("xpub", "ypub", "zpub", "Ypub", "Zpub")]
    assert (list(row.key_versions), row.coin_type) == (versions, other["bip32"])


def test_ids_are_the_published_ones() -> None:
    """The CAIP registry's names of the main networks."""
    assert BITCOIN.id == "bip122:000000000019d6689c085ae165831e93"
    assert LITECOIN.asset == "bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2"
    assert DOGECOIN.id == "bip122:1a91e3dace36e2be3bf030a65679fe82"
    assert BITCOIN_REGTEST.id == "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"


@pytest.mark.parametrize(
    ("network", "script", "dust"),
    [
        (BITCOIN, p2sh(b""), 540),
        (BITCOIN, p2wsh(b""), 330),
        (BITCOIN, b"\x00\x14" + bytes(20), 294),
        (BITCOIN, b"\x51\x20" + bytes(32), 330),
        (BITCOIN, b"\x76\xa9\x14" + bytes(20) + b"\x88\xac", 546),
        (LITECOIN, p2wsh(b""), 3_300),
        (DASH, p2sh(b""), 540),
        (DOGECOIN, p2sh(b""), 1_000_000),
    ],
)
def test_dust_is_what_nodes_say(network: Network, script: bytes, dust: int) -> None:
    """The known dust limits of each kind of output."""
    assert network.dust_sat(script) == dust


def test_larger_amounts_wait_longer() -> None:
    """A credit's depth grows with its amount, each tier from its first unit on."""
    assert [BITCOIN.depth_blocks(amount) for amount in (0, 9_999_999, 10_000_000, 10**9)] == [2, 2, 3, 6]
    assert LITECOIN_REGTEST.depth_blocks(2**63) == 1


def test_the_default_script_is_the_cheapest() -> None:
    """With segregated witness it is P2WSH; without, P2SH is the only one, and others are refused: their
    coins could be taken by anybody."""
    assert BITCOIN.kinds[0] is LITECOIN.kinds[0] is ScriptKind.P2WSH
    for network in (DOGECOIN, DASH):
        assert network.kinds == (ScriptKind.P2SH,)
        for kind in (ScriptKind.P2WSH, ScriptKind.P2SH_P2WSH):
            with pytest.raises(Malformed, match=r"script\.network"):
                network.check_kind(kind)


@pytest.mark.parametrize("habit", Replacement)
def test_every_habit_has_its_advice(habit: Replacement) -> None:
    """Whatever a network does with replacements, an operator is told what to do."""
    assert "higher fee" in described(habit)


def test_a_fork_is_added_without_touching_code() -> None:
    """A row from a file gives a network that spells and reads addresses beside the shipped ones."""
    known = with_rows(tomllib.loads(FORK))
    fork = known.named("digibyte")
    assert [*known][:-1] == [*SHIPPED]
    assert fork.replacement is Replacement.NONE
    for script, beginning in ((p2sh(b""), "S"), (p2wsh(b""), "dgb1q")):
        address = spell(fork, script)
        assert address.startswith(beginning)
        assert parse_recipient(fork, address, known) == address
        with pytest.raises(Malformed, match=r"an address of digibyte and this is bitcoin"):
            parse_recipient(BITCOIN, address, known)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "digibyte"', 'name = "Digi Byte"', "name"),
        ('name = "digibyte"', 'name = "litecoin"', "one name or one genesis"),
        ('symbol = "DGB"', 'symbol = ""', "symbol"),
        ('genesis = "7497', 'genesis = "749', "genesis"),
        ("7497ea1b465eb39f1c8f507bc877078fe016d6fcb6dfad3a64c98dcc6e1e8496", LITECOIN.genesis, "one genesis"),
        ("coin_type = 20", "coin_type = -1", "coin_type"),
        ("coin_type = 20", "", "coin_type"),
        ("p2sh = [63]", "p2sh = [30]", "all different"),
        ("p2sh = [63]", "p2sh = [300]", "0-255"),
        ("p2sh = [63]", "p2sh = []", "at least one"),
        ('hrp = "dgb"', 'hrp = "DGB"', "hrp"),
        ('hrp = "dgb"', 'hrp = ""\ntaproot = true', "taproot"),
        ('key_versions = ["0488b21e"]', 'key_versions = ["xpub"]', "key_versions"),
        ('key_versions = ["0488b21e"]', "key_versions = []", "key_versions"),
        ("dust_rate = 3000", "dust_rate = 0", "dust_rate"),
        ("dust_rate = 3000", "dust_rate = 3.5", "dust_rate"),
        ("fee_rate_min = 10000", "fee_rate_minimum = 10000", "fee_rate_min"),
        ("[[0, 40], [100000000000, 120]]", "[[1, 40]]", "confirmations"),
        ("[[0, 40], [100000000000, 120]]", "[[0, 40], [10, 20]]", "confirmations"),
        ("[[0, 40], [100000000000, 120]]", "[[0, 0]]", "confirmations"),
        ("[[0, 40], [100000000000, 120]]", "[]", "confirmations"),
        ("block_s = 15", "block_s = 0", "block_s"),
        ("block_s = 15", 'block_s = 15\nreplacement = "maybe"', "replacement"),
    ],
)
def test_a_wrong_row_is_refused(old: str, new: str, says: str) -> None:
    """Whatever is wrong in a row, no network comes of the file, and the error names the place."""
    assert old in FORK
    with pytest.raises(Malformed, match=says):
        with_rows(tomllib.loads(FORK.replace(old, new)))


def test_unknown_networks_are_refused() -> None:
    """A name, an id or an asset that no row has is refused with what there is."""
    with pytest.raises(Malformed, match="known are bitcoin, "):
        SHIPPED.named("bitcoin-cash")
    with pytest.raises(Malformed, match=r"network\.unknown"):
        SHIPPED.of(NetworkId("bip122:00000000000000000000000000000000"))
    with pytest.raises(Malformed, match=r"network\.unknown"):
        SHIPPED.of(NetworkId("bitcoin"))
    with pytest.raises(Malformed, match=r"asset\.unknown"):
        SHIPPED.of_asset(AssetId(f"{BITCOIN.id}/slip44:2"))
