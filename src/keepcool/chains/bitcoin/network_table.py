"""The networks this release knows, one row each, and rows added from a file.

Sources: chainparams.cpp, policy.h and validation.h of Bitcoin Core, Litecoin Core, Dogecoin Core and Dash
Core; SLIP-44 and SLIP-132. Depths are ours. A row may be added; a shipped one is changed with a reason.
To add a fork without touching code, write a `[[network]]` table with these same names: docs/operate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from keepcool.chains.bitcoin.networks import Network, Networks, Replacement, check
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId

_COIN = 10**8
_BYTES_MAX = 256 * 1024
_TEST_KEYS = ("043587cf", "044a5262", "045f1cf6", "024289ef", "02575483")  # tpub upub vpub Upub Vpub
_DEPTHS_OF_TESTS = ((0, 1),)

BITCOIN = Network(
    name="bitcoin",
    symbol="BTC",
    genesis="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    coin_type=0,
    p2pkh=(0x00,),
    p2sh=(0x05,),
    hrp="bc",
    key_versions=("0488b21e", "049d7cb2", "04b24746", "0295b43f", "02aa7ed3"),  # xpub ypub zpub Ypub Zpub
    taproot=True,
    dust_rate=3_000,
    dust_floor=0,
    fee_rate_min=1_000,
    fee_rate_step=1_000,
    replacement=Replacement.ANY,
    confirmations=((0, 2), (_COIN // 10, 3), (10 * _COIN, 6)),
    coinbase_maturity=100,
    block_s=600,
)
BITCOIN_TEST = replace(
    BITCOIN,
    name="bitcoin-test",
    symbol="tBTC",
    genesis="000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
    coin_type=1,
    p2pkh=(0x6F,),
    p2sh=(0xC4,),
    hrp="tb",
    key_versions=_TEST_KEYS,
    confirmations=_DEPTHS_OF_TESTS,
)
BITCOIN_SIGNET = replace(
    BITCOIN_TEST,
    name="bitcoin-signet",
    genesis="00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
)
BITCOIN_REGTEST = replace(
    BITCOIN_TEST,
    name="bitcoin-regtest",
    genesis="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    hrp="bcrt",
)
LITECOIN = Network(
    name="litecoin",
    symbol="LTC",
    genesis="12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
    coin_type=2,
    p2pkh=(0x30,),
    p2sh=(0x32, 0x05),  # M…, and 3… of before 2017, which reads like Bitcoin's
    hrp="ltc",
    key_versions=("0488b21e", "019da462", "01b26ef6"),  # xpub as Litecoin Core writes it, Ltub, Mtub
    taproot=True,
    dust_rate=30_000,
    dust_floor=0,
    fee_rate_min=1_000,
    fee_rate_step=1_000,
    replacement=Replacement.NONE,
    confirmations=((0, 6), (100 * _COIN, 12), (10_000 * _COIN, 24)),
    coinbase_maturity=100,
    block_s=150,
)
LITECOIN_TEST = replace(
    LITECOIN,
    name="litecoin-test",
    symbol="tLTC",
    genesis="4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0",
    coin_type=1,
    p2pkh=(0x6F,),
    p2sh=(0x3A, 0xC4),
    hrp="tltc",
    key_versions=("043587cf", "0436f6e1"),  # tpub, ttub
    confirmations=_DEPTHS_OF_TESTS,
)
LITECOIN_REGTEST = replace(
    LITECOIN_TEST,
    name="litecoin-regtest",
    genesis="530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",
    hrp="rltc",
)
DOGECOIN = Network(
    name="dogecoin",
    symbol="DOGE",
    genesis="1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691",
    coin_type=3,
    p2pkh=(0x1E,),
    p2sh=(0x16,),
    hrp="",
    key_versions=("02facafd",),  # dgub
    taproot=False,
    dust_rate=1_000,
    dust_floor=_COIN // 100,
    fee_rate_min=_COIN // 100,
    fee_rate_step=_COIN // 1000,
    replacement=Replacement.NONE,
    confirmations=((0, 20), (1_000 * _COIN, 40), (1_000_000 * _COIN, 60)),
    coinbase_maturity=240,
    block_s=60,
    merged_mining=True,
)
DASH = Network(
    name="dash",
    symbol="DASH",
    genesis="00000ffd590b1485b3caadc19b22e6379c733355108f107a430458cdf3407ab6",
    coin_type=5,
    p2pkh=(0x4C,),
    p2sh=(0x10,),
    hrp="",
    key_versions=("0488b21e", "02fe52cc"),  # xpub as Dash Core writes it, drkp
    taproot=False,
    dust_rate=3_000,
    dust_floor=0,
    fee_rate_min=1_000,
    fee_rate_step=1_000,
    replacement=Replacement.NONE,
    confirmations=((0, 6), (100 * _COIN, 12)),
    coinbase_maturity=100,
    block_s=150,
    header_sha256d=False,
    payloads=True,
)

SHIPPED = Networks(
    (
        BITCOIN,
        BITCOIN_TEST,
        BITCOIN_SIGNET,
        BITCOIN_REGTEST,
        LITECOIN,
        LITECOIN_TEST,
        LITECOIN_REGTEST,
        DOGECOIN,
        DASH,
    )
)


class _Row(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A row as a file has it: the fields of `Network`, those few left out that most forks share."""

    name: str
    symbol: str
    genesis: str
    coin_type: int
    p2pkh: tuple[int, ...]
    p2sh: tuple[int, ...]
    hrp: str
    key_versions: tuple[str, ...]
    dust_rate: int
    fee_rate_min: int
    confirmations: tuple[tuple[int, int], ...]
    block_s: int
    taproot: bool = False
    dust_floor: int = 0
    fee_rate_step: int = 1_000
    replacement: Replacement = Replacement.NONE
    coinbase_maturity: int = 100
    header_sha256d: bool = True
    merged_mining: bool = False
    payloads: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    network: tuple[_Row, ...]


def read_networks(document: bytes, known: Networks = SHIPPED) -> Networks:
    """The known networks and those of a TOML file of `[[network]]` tables. Raises Malformed."""
    if len(document) > _BYTES_MAX:
        raise Malformed("network.file", f"a file of networks is at most {_BYTES_MAX} bytes")
    try:
        plain = tomllib.loads(document.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed("network.file", f"the file of networks is not readable as TOML: {error}") from error
    return with_rows(plain, known)


def one_row(plain: Mapping[str, object], network: NetworkId) -> Network:
    """The row of this network, as one `[[network]]` table has it. Raises Malformed, also on another's."""
    (row,) = _read({"network": [plain]})
    check(row)
    if row.id != network:
        raise Malformed("network.row", f"the row of {network} is one of {row.id}: its genesis is another")
    return row


def with_rows(plain: Mapping[str, object], known: Networks = SHIPPED) -> Networks:
    """The known networks and those of a parsed TOML file of `[[network]]` tables. Raises Malformed on an
    unknown or missing name, a wrong value, or a network that is already known."""
    return known.plus(_read(plain))


def _read(plain: Mapping[str, object]) -> list[Network]:
    try:
        file = msgspec.convert(plain, _File, strict=True)
    except msgspec.ValidationError as error:
        raise Malformed("network.file", f"the file of networks is wrong: {error}") from error
    return [Network(**msgspec.structs.asdict(row)) for row in file.network]
